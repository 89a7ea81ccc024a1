//! The signal-to-noise ratio of the encoder's gradient against the number of samples, for the plain gradient of IWAE
//! and for DReG, on the linear-Gaussian toy of Rainforth et al. (2018): -1/2 and +1/2 in logarithms.
//!
//! `cargo bench -p latents --bench encoder_gradients [-- PICTURE.png]`

#[path = "../tests/common/toy.rs"]
mod toy;

use latents::plot::{CurveOptions, Series, draw_curves};
use toy::{Ratio, ratios, slope};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo passes `--bench`.
    let picture = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let picture = picture.unwrap_or_else(|| concat!(env!("CARGO_TARGET_TMPDIR"), "/encoder_gradients.png").into());
    let all = ratios((2..=10).map(|i| 1 << i), 1 << 20);
    println!("{:>6}  {:>12}  {:>12}", "K", "SNR of IWAE", "SNR of DReG");
    for r in &all {
        println!("{:>6}  {:>12.5}  {:>12.5}", r.samples, r.iwae, r.dreg);
    }
    let line = |y: fn(&Ratio) -> f64| all.iter().map(|r| [(r.samples as f64).log2(), y(r)]).collect::<Vec<_>>();
    // Where the bias is of first order in 1/K: DReG bends below.
    let fitted = |y: fn(&Ratio) -> f64| {
        slope(&all.iter().filter(|r| r.samples >= 64).map(|r| (r.samples as f64, y(r))).collect::<Vec<_>>())
    };
    let (iwae, dreg) = (fitted(|r| r.iwae), fitted(|r| r.dreg));
    println!("slopes from K = 64 on: IWAE {iwae:.3} (theory -0.5), DReG {dreg:.3} (theory 0.5)");
    let labels = (format!("IWAE, slope {iwae:.2}"), format!("DReG, slope {dreg:.2}"));
    let (of_iwae, of_dreg) = (line(|r| r.iwae), line(|r| r.dreg));
    let options = CurveOptions {
        title: "Signal-to-noise ratio of the encoder's gradient".into(),
        x_label: "log2 K".into(),
        y_label: "|mean| / standard deviation".into(),
        log_y: true,
        ..CurveOptions::default()
    };
    draw_curves(&picture, &[Series::new(&labels.0, &of_iwae), Series::new(&labels.1, &of_dreg)], &options)?;
    println!("drawn to {picture}");
    Ok(())
}

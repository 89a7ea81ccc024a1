//! More samples drown the plain gradient of the encoder in noise, and bring DReG's out of it.

#[path = "common/toy.rs"]
mod toy;

use toy::{ratios, slope};

#[test]
fn the_signal_to_noise_of_the_encoder_falls_by_iwae_and_grows_by_dreg() {
    let all = ratios([8, 32, 128], 1 << 18);
    let of = |y: fn(&toy::Ratio) -> f64| slope(&all.iter().map(|r| (r.samples as f64, y(r))).collect::<Vec<_>>());
    let (iwae, dreg) = (of(|r| r.iwae), of(|r| r.dreg));
    assert!((iwae + 0.5).abs() < 0.2, "IWAE {iwae}, not -1/2");
    assert!((dreg - 0.5).abs() < 0.2, "DReG {dreg}, not 1/2");
}

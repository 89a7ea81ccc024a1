//! A latent-variable model fitted to rows of data: two moons, by the importance-weighted bound with DReG.
//!
//! `cargo run --release -p latents --example fit_rows`

use latents::evaluation::LogDensity;
use latents::model::{LatentModel, Vae};
use latents::objective::{Bound, EncoderGradient, Estimation, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Rows, Tensor, jit, vmap};

/// One point of one of two half circles.
fn moon(key: Key) -> Tensor {
    let (side, angle, noise) = key.split3();
    let upper = side.bernoulli(0.5, []);
    let t = angle.uniform([], DType::F32) * std::f64::consts::PI;
    let x = upper.select(t.cos(), 1.0 - t.cos());
    let y = upper.select(t.sin(), 0.5 - t.sin());
    Tensor::stack(&[&x, &y], 0) + noise.normal([2], DType::F32) * 0.1
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps = 300;
    let fit = Estimation {
        bound: Bound::Iwae { samples: 8 },
        proposal: None,
        encoder_gradient: EncoderGradient::Dreg,
        update: Update { adam: Adam::new(Schedule::Cosine { peak: 1e-2, steps }), clip: Some(5.0) },
    };
    fit.check()?;
    let held_out = vmap(moon).call(Key::new(1).split_n(500));
    let density = LogDensity::new(200, 100);
    let mean = |vae: &Vae| -> Result<f64, pullback::Error> {
        let values = density.at(vae, Key::new(2), &held_out)?;
        Ok(values.iter().sum::<f64>() / values.len() as f64)
    };

    let mut state = fit.init(Vae::new(Key::new(0), 2, 4, &[32], DType::F32));
    println!("step {:>4}: held-out L_200 {:>8.3} nats a row", 0, mean(&state.model)?);
    let step = jit(|state, key: Key, Rows(rows): Rows<Tensor>| fit.step(&state, key, &rows));
    for i in 0..steps {
        let (data, noise) = Key::new(3).fold_in(i).split();
        let rows = vmap(moon).call(data.split_n(64));
        (state, _) = step.call((state, noise, Rows(rows)))?;
        if (i + 1) % 100 == 0 {
            println!("step {:>4}: held-out L_200 {:>8.3} nats a row", i + 1, mean(&state.model)?);
        }
    }

    // The Gaussian that fits the same rows best has about -2.1 nats a row.
    let x = vmap(|key: Key| state.model.ancestral(key).1).call(Key::new(4).split_n(2000)).to_vec::<f32>()?;
    println!("2000 samples of the model, rows of the picture from the top:");
    let mut counts = [[0u32; 44]; 16];
    for point in x.chunks(2) {
        let (column, line) = ((point[0] + 1.5) / 4.0 * 44.0, (1.5 - point[1]) / 2.5 * 16.0);
        if (0.0..44.0).contains(&column) && (0.0..16.0).contains(&line) {
            counts[line as usize][column as usize] += 1;
        }
    }
    for line in counts {
        println!(
            "  {}",
            line.map(|n| [' ', '.', ':', 'o', '#'][(n.min(8) as usize).div_ceil(2)]).iter().collect::<String>()
        );
    }
    println!("compiles of the step: {}", step.compiles());
    Ok(())
}

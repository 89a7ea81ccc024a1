//! The models of Burda, Grosse & Salakhutdinov (2016) on MNIST, with their schedule or a fraction of it, beside their
//! table.
//!
//! ```sh
//! cargo run --release -p latents --example iwae_mnist -- train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz 0.01 iwae:50
//! ```
//! The fraction 1 is the paper's: eight stages of 3^(i-1) epochs, 3280 in all, at 1e-4 · round(10^(1-(i-1)/7), 1).
//! `elbo:K` trains the paper's VAE; `100,50` as a fifth argument its model of two stochastic layers.

use latents::data::{ReadOptions, read};
use latents::run::{FitConfig, Fitting, STAGES_EPOCHS};
use latents::train::Event;
use std::error::Error;
use std::path::Path;

/// Negative test log likelihood of table 1 in the paper: objective, one stochastic layer, two.
const PUBLISHED: [(&str, f64, f64); 6] = [
    ("elbo:1", 86.76, 85.33),
    ("elbo:5", 86.47, 85.01),
    ("elbo:50", 86.35, 84.78),
    ("iwae:1", 86.76, 85.33),
    ("iwae:5", 85.54, 83.89),
    ("iwae:50", 84.78, 82.90),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [train, test, rest @ ..] = &arguments[..] else {
        println!("usage: iwae_mnist TRAIN-IMAGES TEST-IMAGES [FRACTION] [BOUND] [LATENT]\n\npublished, nats:");
        PUBLISHED.iter().for_each(|(name, one, two)| println!("{name:8} {one:.2} by one layer, {two:.2} by two"));
        return Ok(());
    };
    let fraction: f64 = rest.first().map_or(Ok(0.01), |text| text.parse())?;
    let bound = rest.get(1).map_or("iwae:50", String::as_str);
    let latent = rest.get(2).map_or("50", String::as_str);
    let epochs = (f64::from(STAGES_EPOCHS) * fraction).round().max(1.0) as u32;
    // The paper has no validation rows; a hundredth of the training rows shows how it goes.
    let config = FitConfig::resolve(
        "[data]\nbinarise = 'stochastic'\nvalidation = 0.01\ntest = 0.0\n\
         [model]\nlikelihood = 'bernoulli'\nhidden = [200, 200]\nbetween = [100, 100]\n\
         [objective]\ngradient = 'plain'\n\
         [training]\nbatch = 20\nrate = 1e-3\nschedule = 'stages'\nepsilon = 1e-4\nclip = 0.0\npatience = 0\n\
         [evaluation]\nestimator = 'iwae:5000'\n",
        &[format!("epochs={epochs}"), format!("bound={bound}"), format!("latent={latent}")],
    )?;
    let options = ReadOptions::default();
    let mut fitting = Fitting::new(&read(Path::new(train), &options)?, &config)?;
    let (steps, per_epoch) = fitting.steps();
    println!("{epochs} epochs of {per_epoch} steps, {:.2} % of the schedule", 100.0 * fraction);
    let trained = fitting.train(&mut |event, run, _| {
        if let (Event::Check, Some(c)) = (event, run.checks().last()) {
            println!("step {} of {steps}: {:.2} ± {:.2} nats on validation rows", c.step, -c.validation, c.se);
        }
        true
    })?;
    let evidence = fitting.fitted()?.score(&read(Path::new(test), &options)?)?.evidence;
    let layers = latent.split(',').count();
    println!("\n-log p(x), {layers} stochastic layer(s)      nats");
    for (name, one, two) in PUBLISHED {
        let mark = if name == bound { "  <- this objective" } else { "" };
        println!("published, {name:8} 100 % of the schedule  {:.2}{mark}", if layers == 1 { one } else { two });
    }
    println!(
        "here,      {bound:8} {:3.2} % of the schedule  {:.2} ± {:.2}   ({}, {} rows, {:.0} s of training)",
        100.0 * fraction,
        -evidence.mean,
        evidence.standard_error,
        evidence.spec,
        evidence.rows,
        trained.time.as_secs_f64()
    );
    Ok(())
}

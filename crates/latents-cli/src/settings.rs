//! The settings of a run: what a preset says, what the command line changes, and what a checkpoint keeps.

use crate::args::whole;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use latents::dist::{TARGETS, Target};
use latents::estimator::{ESTIMATORS, Sumo};
use latents::objective::{ConfigError, DecoderLoss, EncoderLoss, Matching};
use latents::optim::Schedule;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A way of training: the estimator that it minimises, its preset, and for how long.
pub struct Trainer {
    /// The estimator's name.
    pub name: &'static str,
    preset: fn(Arc<dyn Target>, u32) -> Matching,
    steps: u32,
}

/// Every way of training; the first is the default.
pub const TRAINERS: &[Trainer] = &[
    Trainer { name: "upper", preset: Matching::upper, steps: 20_000 },
    Trainer { name: "sumo", preset: Matching::sumo, steps: 50_000 },
    Trainer { name: "iwae", preset: Matching::iwae, steps: 20_000 },
];

/// How the learning rate goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// It falls to 0 along half a cosine.
    Cosine,
    /// It stays.
    Constant,
}

/// What the encoder learns by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// The doubly reparameterised gradient of the importance-weighted bound.
    Dreg,
    /// The upper bound, lowered.
    Upper,
    /// The variance of SUMO, by its square.
    Sumo2,
    /// The likelihood of the z that x was drawn with.
    Likelihood,
}

const ENCODERS: [(Encoder, EncoderLoss); 4] = [
    (Encoder::Dreg, EncoderLoss::Dreg),
    (Encoder::Upper, EncoderLoss::UpperBound),
    (Encoder::Sumo2, EncoderLoss::SumoSquared),
    (Encoder::Likelihood, EncoderLoss::MaximumLikelihood),
];

/// Which part of the decoder's gradient is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gradient {
    /// That along the path of the sampled x alone; the rest is noise around 0.
    Path,
    /// All of it.
    Full,
}

/// Whether both networks learn from the same samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Updates {
    /// From the same.
    Joint,
    /// The encoder from its own, after the decoder's update.
    Separate,
}

macro_rules! settings {
    ($($(#[doc $($doc:tt)*])* #[arg($($arg:tt)*)] $field:ident: $t:ty),* $(,)?) => {
        /// All that decides the course of a run.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc $($doc)*])* pub $field: $t,)*
        }

        /// The settings that were asked for; the others are left to the preset.
        #[derive(Args, Clone, Debug, Default, PartialEq)]
        pub struct Overrides {
            $($(#[doc $($doc)*])* #[arg(long, $($arg)*)] pub $field: Option<$t>,)*
        }

        impl Settings {
            /// These settings with those that were asked for.
            pub fn with(self, asked: Overrides) -> Settings {
                Settings { $($field: asked.$field.unwrap_or(self.$field),)* }
            }

            /// The option that was asked for with another value than the one here: its name, that value, and the one
            /// here.
            pub fn conflict(&self, asked: &Overrides) -> Option<(String, String, String)> {
                $(
                    if let Some(asked) = asked.$field.as_ref().filter(|&asked| *asked != self.$field) {
                        let option = format!("--{}", stringify!($field).replace('_', "-"));
                        return Some((option, shown(asked), shown(&self.$field)));
                    }
                )*
                None
            }

            /// Names and values, for people.
            pub fn rows(&self) -> Vec<(String, String)> {
                vec![$((stringify!($field).replace('_', "-"), shown(&self.$field)),)*]
            }
        }
    };
}

settings! {
    /// The density to match, by its name.
    #[arg(value_name = "NAME", value_parser = targets(), help_heading = "Model")]
    target: String,
    /// The estimator of log p(x) that training minimises.
    #[arg(value_name = "NAME", value_parser = estimators(), help_heading = "Training")]
    estimator: String,
    /// How many numbers the latent z is [default: 8].
    #[arg(value_name = "N", value_parser = range(SIZE), help_heading = "Model")]
    latent_dim: u32,
    /// The hidden layer's size in both networks [default: 128].
    #[arg(value_name = "N", value_parser = range(SIZE), help_heading = "Model")]
    hidden_dim: u32,
    /// Examples in a step [default: 32].
    #[arg(value_name = "N", value_parser = range(SIZE), help_heading = "Training")]
    batch_size: u32,
    /// Importance samples for each example, with upper and iwae [default: 8].
    #[arg(value_name = "N", value_parser = range(SIZE), help_heading = "Training")]
    samples: u32,
    /// Importance samples that SUMO always draws, its m [default: 4].
    #[arg(value_name = "N", value_parser = range(SIZE), help_heading = "Training")]
    min_terms: u32,
    /// The most that SUMO draws beyond them, which biases it; 0 for no limit [default: 0].
    #[arg(value_name = "N", value_parser = range(CAP), help_heading = "Training")]
    cap: u32,
    /// Training steps; more of them with --resume extend a run [default: 20000; sumo: 50000].
    #[arg(value_name = "N", value_parser = range(STEPS), help_heading = "Training")]
    steps: u32,
    /// The learning rate, the peak of its decay [default: 0.002; sumo: 0.001].
    #[arg(value_name = "RATE", value_parser = positive, allow_hyphen_values = true, help_heading = "Training")]
    lr: f64,
    /// How the learning rate goes on [default: cosine].
    #[arg(value_name = "HOW", value_enum, help_heading = "Training")]
    decay: Decay,
    /// The greatest norm of a gradient; 0 for no limit [default: 1].
    #[arg(value_name = "NORM", value_parser = at_least_zero, allow_hyphen_values = true, help_heading = "Training")]
    clip: f64,
    /// The weight of the gap between the bounds in the decoder's loss [default: 0; sumo: 0.3].
    #[arg(value_name = "WEIGHT", value_parser = at_least_zero, allow_hyphen_values = true, help_heading = "Training")]
    gap_penalty: f64,
    /// What the encoder learns by [default: dreg].
    #[arg(value_name = "LOSS", value_enum, help_heading = "Training")]
    encoder_loss: Encoder,
    /// Which part of the decoder's gradient is used [default: path].
    #[arg(value_name = "PART", value_enum, help_heading = "Training")]
    gradient: Gradient,
    /// Whether both networks learn from the same samples [default: joint].
    #[arg(value_name = "HOW", value_enum, help_heading = "Training")]
    updates: Updates,
    /// The seed of all random numbers [default: 0].
    #[arg(value_name = "SEED", value_parser = whole::<u64>, help_heading = "Training")]
    seed: u64,
    /// Steps from check to check of the true divergence [default: a fortieth of the steps].
    #[arg(value_name = "N", value_parser = range(STEPS), help_heading = "Evaluation")]
    check_every: u32,
    /// Examples in such a check [default: 2000].
    #[arg(value_name = "N", value_parser = range(EXAMPLES), help_heading = "Evaluation")]
    check_examples: u32,
}

/// What a size may be.
pub const SIZE: RangeInclusive<i64> = 1..=65_536;
/// What SUMO's cap may be.
const CAP: RangeInclusive<i64> = 0..=1_000_000;
/// What a number of steps may be.
const STEPS: RangeInclusive<i64> = 1..=1_000_000_000;
/// What a number of examples may be: an error needs two.
pub const EXAMPLES: RangeInclusive<i64> = 2..=10_000_000;

/// The option's value as a whole number in that range.
pub fn range(range: RangeInclusive<i64>) -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(range)
}

fn targets() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(TARGETS.iter().map(|row| PossibleValue::new(row.name).help(row.about)))
}

fn estimators() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(TRAINERS.iter().map(|trainer| {
        let row = ESTIMATORS.iter().find(|row| row.name == trainer.name);
        PossibleValue::new(trainer.name).help(row.map_or_else(String::new, |r| format!("{} ({})", r.about, r.kind)))
    }))
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(|| "not a finite number".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    number(text).and_then(|x| if x > 0.0 { Ok(x) } else { Err("must be above 0".to_owned()) })
}

fn at_least_zero(text: &str) -> Result<f64, String> {
    number(text).and_then(|x| if x >= 0.0 { Ok(x) } else { Err("must be 0 or more".to_owned()) })
}

/// A value as the command line takes it.
fn shown(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(s)) => s,
        Ok(other) => other.to_string(),
        Err(e) => e.to_string(),
    }
}

/// Settings that name something that does not exist, or that cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A number outside the option's range.
    #[error("{option} is {value}; it must be in {range:?}")]
    Range {
        /// The option.
        option: &'static str,
        /// Its value.
        value: u32,
        /// What it may be.
        range: RangeInclusive<i64>,
    },
    /// No way of training of that name.
    #[error("there is no estimator `{0}` to train by")]
    Estimator(String),
    /// Refused by the objective.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Settings {
    /// The preset of the estimator that was asked for, changed as was asked for.
    ///
    /// # Errors
    /// [`SettingsError::Estimator`].
    pub fn resolve(asked: Overrides, target: &Arc<dyn Target>) -> Result<Settings, SettingsError> {
        let name = asked.estimator.as_deref().unwrap_or(TRAINERS[0].name);
        let trainer = trainer(name)?;
        let steps = asked.steps.unwrap_or(trainer.steps);
        let preset = (trainer.preset)(target.clone(), steps);
        Ok(Settings {
            target: target.name().to_owned(),
            estimator: trainer.name.to_owned(),
            latent_dim: preset.latent_dim as u32,
            hidden_dim: preset.hidden.first().map_or(128, |&n| n as u32),
            batch_size: preset.batch_size as u32,
            samples: match preset.decoder_loss {
                DecoderLoss::Upper { samples } | DecoderLoss::Iwae { samples } => samples as u32,
                DecoderLoss::Sumo(_) => 8,
            },
            min_terms: Sumo::default().min_terms,
            cap: 0,
            steps,
            lr: preset.decoder_update.adam.rate.peak(),
            decay: Decay::Cosine,
            clip: preset.decoder_update.clip.unwrap_or(0.0),
            gap_penalty: preset.gap_penalty,
            encoder_loss: ENCODERS
                .iter()
                .find(|(_, loss)| *loss == preset.encoder_loss)
                .map_or(Encoder::Dreg, |(name, _)| *name),
            gradient: if preset.path_gradient { Gradient::Path } else { Gradient::Full },
            updates: if preset.joint { Updates::Joint } else { Updates::Separate },
            seed: 0,
            check_every: (steps / 40).max(1),
            check_examples: 2000,
        }
        .with(asked))
    }

    /// What they train to match a target.
    ///
    /// # Errors
    /// Where they name something that does not exist or that cannot be trained, or hold a number that no option takes,
    /// as those of a file may.
    pub fn matching(&self, target: Arc<dyn Target>) -> Result<Matching, SettingsError> {
        for (option, value, range) in [
            ("--latent-dim", self.latent_dim, SIZE),
            ("--hidden-dim", self.hidden_dim, SIZE),
            ("--batch-size", self.batch_size, SIZE),
            ("--samples", self.samples, SIZE),
            ("--min-terms", self.min_terms, SIZE),
            ("--cap", self.cap, CAP),
            ("--steps", self.steps, STEPS),
            ("--check-every", self.check_every, STEPS),
            ("--check-examples", self.check_examples, EXAMPLES),
        ] {
            if !range.contains(&i64::from(value)) {
                return Err(SettingsError::Range { option, value, range });
            }
        }
        let mut m = (trainer(&self.estimator)?.preset)(target, self.steps);
        m.latent_dim = self.latent_dim as usize;
        m.hidden = vec![self.hidden_dim as usize];
        m.batch_size = self.batch_size as usize;
        let samples = self.samples as usize;
        m.decoder_loss = match m.decoder_loss {
            DecoderLoss::Upper { .. } => DecoderLoss::Upper { samples },
            DecoderLoss::Iwae { .. } => DecoderLoss::Iwae { samples },
            DecoderLoss::Sumo(sumo) => {
                let cap = (self.cap > 0).then_some(self.cap);
                DecoderLoss::Sumo(Sumo { min_terms: self.min_terms, cap, ..sumo })
            }
        };
        m.encoder_loss =
            ENCODERS.iter().find(|(name, _)| *name == self.encoder_loss).map_or(EncoderLoss::Dreg, |(_, loss)| *loss);
        m.path_gradient = self.gradient == Gradient::Path;
        m.joint = self.updates == Updates::Joint;
        m.gap_penalty = self.gap_penalty;
        let clip = (self.clip > 0.0).then_some(self.clip);
        (m.decoder_update.clip, m.encoder_update.clip) = (clip, clip);
        let m = m.with_rate(match self.decay {
            Decay::Cosine => Schedule::Cosine { peak: self.lr, steps: self.steps },
            Decay::Constant => Schedule::Constant(self.lr),
        });
        m.check()?;
        Ok(m)
    }

    /// Options that were asked for and have no effect on this estimator.
    pub fn idle(&self, asked: &Overrides) -> Vec<&'static str> {
        let sumo = self.estimator == "sumo";
        let all = [
            ("--samples", asked.samples.is_some() && sumo),
            ("--min-terms", asked.min_terms.is_some() && !sumo),
            ("--cap", asked.cap.is_some() && !sumo),
        ];
        all.into_iter().filter_map(|(name, idle)| idle.then_some(name)).collect()
    }
}

fn trainer(name: &str) -> Result<&'static Trainer, SettingsError> {
    TRAINERS.iter().find(|t| t.name == name).ok_or_else(|| SettingsError::Estimator(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use latents::dist::target;

    fn funnel() -> Arc<dyn Target> {
        target("funnel").expect("a target")
    }

    fn preset() -> Settings {
        Settings::resolve(Overrides::default(), &funnel()).expect("a preset")
    }

    #[test]
    fn numbers_that_no_option_takes_are_refused() {
        let refused = |s: Settings| matches!(s.matching(funnel()), Err(SettingsError::Range { .. }));
        assert!(!refused(preset()));
        assert!(refused(Settings { check_every: 0, ..preset() }));
        assert!(refused(Settings { check_examples: 1, ..preset() }));
        assert!(refused(Settings { batch_size: 65_537, ..preset() }));
    }

    #[test]
    fn presets_come_through_unchanged() {
        for t in TRAINERS {
            let asked = Overrides { estimator: Some(t.name.to_owned()), ..Overrides::default() };
            let settings = Settings::resolve(asked, &funnel()).expect("a preset");
            let made = settings.matching(funnel()).expect("it can be trained");
            let preset = (t.preset)(funnel(), t.steps);
            assert_eq!(made.decoder_loss, preset.decoder_loss);
            assert_eq!(made.decoder_update, preset.decoder_update);
            assert_eq!(made.encoder_update, preset.encoder_update);
            assert_eq!((made.encoder_loss, made.path_gradient), (preset.encoder_loss, preset.path_gradient));
            assert_eq!((made.gap_penalty, made.joint, made.hidden), (preset.gap_penalty, preset.joint, preset.hidden));
        }
    }

    #[test]
    fn conflicts_are_named() {
        let settings = preset();
        assert_eq!(settings.conflict(&Overrides { latent_dim: Some(8), ..Overrides::default() }), None);
        let asked = Overrides { latent_dim: Some(9), ..Overrides::default() };
        assert_eq!(settings.conflict(&asked), Some(("--latent-dim".into(), "9".into(), "8".into())));
        let asked = Overrides { decay: Some(Decay::Constant), ..Overrides::default() };
        assert_eq!(settings.conflict(&asked), Some(("--decay".into(), "constant".into(), "cosine".into())));
    }

    #[test]
    fn settings_come_back_from_json() {
        let settings = preset();
        let json = serde_json::to_value(&settings).expect("json");
        assert_eq!(serde_json::from_value::<Settings>(json).expect("settings"), settings);
    }
}

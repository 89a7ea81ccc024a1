//! The settings of a run: what a preset says, what the command line changes, and what a checkpoint keeps.

use clap::ValueEnum;
use latents::dist::{Target, target};
use latents::estimator::Sumo;
use latents::objective::{ConfigError, DecoderLoss, EncoderLoss, Matching};
use latents::optim::Schedule;
use serde::{Deserialize, Serialize};
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
    ($($(#[$doc:meta])* $field:ident: $t:ty),* $(,)?) => {
        /// All that decides the course of a run.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[$doc])* pub $field: $t,)*
        }

        /// The settings that were asked for; the others are left to the preset.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Overrides {
            $($(#[$doc])* pub $field: Option<$t>,)*
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
    /// The density's name.
    target: String,
    /// The estimator's name.
    estimator: String,
    /// How many numbers z is.
    latent_dim: u32,
    /// The hidden layer's size.
    hidden_dim: u32,
    /// Examples in a step.
    batch_size: u32,
    /// Samples of upper and iwae.
    samples: u32,
    /// Samples that SUMO always draws.
    min_terms: u32,
    /// The most that SUMO draws beyond; 0 for no limit.
    cap: u32,
    /// Steps.
    steps: u32,
    /// The peak learning rate.
    lr: f64,
    /// How it goes on.
    decay: Decay,
    /// The greatest gradient norm; 0 for no limit.
    clip: f64,
    /// The weight of the gap between the bounds.
    gap_penalty: f64,
    /// What the encoder learns by.
    encoder_loss: Encoder,
    /// Which part of the decoder's gradient is used.
    gradient: Gradient,
    /// Whether both networks learn from the same samples.
    updates: Updates,
    /// The seed.
    seed: u64,
    /// Steps from check to check.
    check_every: u32,
    /// Examples in a check.
    check_examples: u32,
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
    /// No density of that name.
    #[error("there is no target `{0}`")]
    Target(String),
    /// No way of training of that name.
    #[error("there is no estimator `{0}` to train by")]
    Estimator(String),
    /// Refused by the objective.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Settings {
    /// The preset of the target and the estimator that were asked for, changed as was asked for.
    ///
    /// # Errors
    /// [`SettingsError::Target`], [`SettingsError::Estimator`].
    pub fn resolve(asked: Overrides) -> Result<Settings, SettingsError> {
        let name = asked.estimator.as_deref().unwrap_or(TRAINERS[0].name);
        let trainer = trainer(name)?;
        let target = asked.target.clone().unwrap_or_else(|| "funnel".to_owned());
        let steps = asked.steps.unwrap_or(trainer.steps);
        let preset = (trainer.preset)(target_of(&target)?, steps);
        Ok(Settings {
            target,
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

    /// What they train.
    ///
    /// # Errors
    /// Where they name something that does not exist or that cannot be trained.
    pub fn matching(&self) -> Result<Matching, SettingsError> {
        let mut m = (trainer(&self.estimator)?.preset)(target_of(&self.target)?, self.steps);
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

fn target_of(name: &str) -> Result<Arc<dyn Target>, SettingsError> {
    target(name).ok_or_else(|| SettingsError::Target(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_come_through_unchanged() {
        for t in TRAINERS {
            let asked = Overrides { estimator: Some(t.name.to_owned()), ..Overrides::default() };
            let settings = Settings::resolve(asked).expect("a preset");
            let made = settings.matching().expect("it can be trained");
            let preset = (t.preset)(target_of("funnel").expect("a target"), t.steps);
            assert_eq!(made.decoder_loss, preset.decoder_loss);
            assert_eq!(made.decoder_update, preset.decoder_update);
            assert_eq!(made.encoder_update, preset.encoder_update);
            assert_eq!((made.encoder_loss, made.path_gradient), (preset.encoder_loss, preset.path_gradient));
            assert_eq!((made.gap_penalty, made.joint, made.hidden), (preset.gap_penalty, preset.joint, preset.hidden));
        }
    }

    #[test]
    fn conflicts_are_named() {
        let settings = Settings::resolve(Overrides::default()).expect("a preset");
        assert_eq!(settings.conflict(&Overrides { latent_dim: Some(8), ..Overrides::default() }), None);
        let asked = Overrides { latent_dim: Some(9), ..Overrides::default() };
        assert_eq!(settings.conflict(&asked), Some(("--latent-dim".into(), "9".into(), "8".into())));
        let asked = Overrides { decay: Some(Decay::Constant), ..Overrides::default() };
        assert_eq!(settings.conflict(&asked), Some(("--decay".into(), "constant".into(), "cosine".into())));
    }

    #[test]
    fn settings_come_back_from_json() {
        let settings = Settings::resolve(Overrides::default()).expect("a preset");
        let json = serde_json::to_value(&settings).expect("json");
        assert_eq!(serde_json::from_value::<Settings>(json).expect("settings"), settings);
    }
}

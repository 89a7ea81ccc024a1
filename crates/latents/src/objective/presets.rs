//! Configurations that are known to train.

use crate::dist::Target;
use crate::estimator::Sumo;
use crate::objective::{DecoderLoss, EncoderLoss, Matching, Update};
use crate::optim::{Adam, Schedule};
use pullback::DType;
use std::sync::Arc;

impl Matching {
    /// Minimises the upper bound: the default. 10,000 updates fit the funnel to about 0.001 nats.
    ///
    /// The path gradient, the encoder by DReG on the same samples, gradients clipped at 1, cosine decay from 2e-3.
    pub fn upper(target: Arc<dyn Target>, steps: u32) -> Matching {
        Matching::preset(target, DecoderLoss::Upper { samples: 8 }, 2e-3, steps)
    }

    /// Minimises SUMO: unbiased, each example by its own number of samples, with a penalty of 0.3 on the sandwich's
    /// gap, without which it diverges. 50,000 updates fit the funnel to about 0.0005 nats.
    ///
    /// The path gradient, the encoder by DReG on the same samples, gradients clipped at 1, cosine decay from 1e-3.
    pub fn sumo(target: Arc<dyn Target>, steps: u32) -> Matching {
        let loss = DecoderLoss::Sumo(Sumo::default());
        Matching { gap_penalty: 0.3, ..Matching::preset(target, loss, 1e-3, steps) }
    }

    /// SUMO as it was published (Luo et al. 2020): the plain gradient, the encoder by `SUMO²` on samples of its own, a
    /// constant rate of 5e-5, no clipping, no penalty. Kept to be compared with: its ESS falls all along.
    pub fn classic_sumo(target: Arc<dyn Target>, steps: u32) -> Matching {
        let update = Update { adam: Adam::new(Schedule::Constant(5e-5)), clip: None };
        let loss = DecoderLoss::Sumo(Sumo::default());
        Matching {
            encoder_loss: EncoderLoss::SumoSquared,
            path_gradient: false,
            joint: false,
            decoder_update: update.clone(),
            encoder_update: update,
            ..Matching::preset(target, loss, 5e-5, steps)
        }
    }

    /// Minimises a lower bound, which is a mistake: the decoder gains by loosening it. Kept to be compared with.
    pub fn iwae(target: Arc<dyn Target>, steps: u32) -> Matching {
        Matching::preset(target, DecoderLoss::Iwae { samples: 8 }, 2e-3, steps)
    }

    fn preset(target: Arc<dyn Target>, decoder_loss: DecoderLoss, peak: f64, steps: u32) -> Matching {
        let update = Update { adam: Adam::new(Schedule::Cosine { peak, steps }), clip: Some(1.0) };
        Matching {
            target,
            latent_dim: 8,
            hidden: vec![128],
            batch_size: 32,
            dtype: DType::F32,
            decoder_loss,
            encoder_loss: EncoderLoss::Dreg,
            path_gradient: true,
            gap_penalty: 0.0,
            joint: true,
            decoder_update: update.clone(),
            encoder_update: update,
        }
    }

    /// The same configuration with both networks' rates following another schedule.
    pub fn with_rate(mut self, rate: Schedule) -> Matching {
        self.decoder_update.adam.rate = rate.clone();
        self.encoder_update.adam.rate = rate;
        self
    }
}

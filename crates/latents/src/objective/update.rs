//! One guarded update of one network.

use crate::objective::ConfigError;
use crate::optim::{Adam, AdamState, clip_by_global_norm, global_norm};
use pullback::{DType, Tensor, Tree};

/// A number that the optimiser cannot take.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}; it must be {range}")]
pub struct UpdateError {
    /// Which.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// What it must be, in words.
    pub range: &'static str,
}

/// A network's optimiser: Adam under an optional clip; an update whose gradient is not finite is left out.
///
/// ```
/// use latents::objective::Update;
/// use latents::optim::{Adam, Schedule};
/// use pullback::Tensor;
/// let update = Update { adam: Adam::new(Schedule::Constant(0.1)), clip: Some(1.0) };
/// update.check()?;
/// let x = Tensor::from([1.0f32]);
/// let memory = update.adam.init(&x);
/// let (moved, memory, norm) = update.apply(&x, &memory, &Tensor::from([30.0f32]));
/// assert!((moved.item::<f32>()? - 0.9).abs() < 1e-6 && norm.item::<f32>()? == 30.0);
/// let (kept, memory, _) = update.apply(&moved, &memory, &Tensor::from([f32::INFINITY]));
/// assert_eq!((kept.item::<f32>()?, memory.step.item::<i32>()?), (moved.item::<f32>()?, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The optimiser.
    pub adam: Adam,
    /// The greatest global norm of a gradient.
    pub clip: Option<f64>,
}

/// Whether numbers of that type hold a value above 0 as one that is neither 0 nor infinite, in full precision.
pub(crate) fn holds(dtype: DType, name: &'static str, value: f64) -> Result<(), ConfigError> {
    let (least, most) = match dtype {
        DType::F32 => (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX)),
        _ => (f64::MIN_POSITIVE, f64::MAX),
    };
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Precision { name, value, dtype, least, most })
}

impl Update {
    /// Whether its numbers are in range.
    ///
    /// # Errors
    /// [`UpdateError`] for a rate, a decay or a clip that is not.
    pub fn check(&self) -> Result<(), UpdateError> {
        let rate = self.adam.rate.peak();
        let clip = self.clip.unwrap_or(1.0);
        let decay = |beta: f64| (0.0..1.0).contains(&beta);
        let ranges = [
            ("the learning rate", rate, rate.is_finite() && rate > 0.0, "finite and above 0"),
            ("clip", clip, clip > 0.0, "above 0"),
            ("beta1", self.adam.beta1, decay(self.adam.beta1), "at least 0 and below 1"),
            ("beta2", self.adam.beta2, decay(self.adam.beta2), "at least 0 and below 1"),
        ];
        match ranges.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((name, value, _, range)) => Err(UpdateError { name, value, range }),
            None => Ok(()),
        }
    }

    /// [`Update::check`], and whether arithmetic of that type takes none of the numbers for 0 or for infinity.
    ///
    /// # Errors
    /// Those of [`Update::check`], and [`ConfigError::Precision`].
    pub fn check_in(&self, dtype: DType) -> Result<(), ConfigError> {
        self.check()?;
        holds(dtype, "the learning rate", self.adam.rate.peak())?;
        self.clip.map_or(Ok(()), |clip| holds(dtype, "clip", clip))
    }

    /// The network and the memory after one update, and the gradient's global norm before clipping.
    ///
    /// Where the norm is not finite nothing moves: one overflow must not end a run.
    #[track_caller]
    pub fn apply<P: Tree>(&self, params: &P, memory: &AdamState<P>, gradients: &P) -> (P, AdamState<P>, Tensor) {
        let clipped;
        let (gradients, norm) = match self.clip {
            Some(most) => {
                let (scaled, norm) = clip_by_global_norm(gradients, most);
                clipped = scaled;
                (&clipped, norm)
            }
            None => (gradients, global_norm(gradients)),
        };
        let (moved, remembered) = self.adam.update_where(Some(&norm.is_finite()), params, gradients, memory);
        (moved, remembered, norm)
    }
}

//! Learning rates as functions of the step number.

use pullback::Tensor;

/// A learning rate for every step, numbered from 0.
///
/// ```
/// use latents::optim::Schedule;
/// use pullback::Tensor;
/// let rate = Schedule::Cosine { peak: 1.0, steps: 100 };
/// let at = |t: i32| rate.at(&Tensor::scalar(t)).item::<f32>();
/// assert_eq!(at(0)?, 1.0);
/// assert!((at(50)? - 0.5).abs() < 1e-6);
/// assert_eq!(at(1000)?, 0.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// The same at every step.
    Constant(f64),
    /// `peak · ½ (1 + cos(π t / steps))`, and 0 after that (Loshchilov & Hutter 2017).
    Cosine {
        /// At step 0.
        peak: f64,
        /// Until it reaches 0.
        steps: u32,
    },
    /// A linear rise over the first steps, times another schedule.
    WarmUp {
        /// How long it rises.
        steps: u32,
        /// What it leads to.
        then: Box<Schedule>,
    },
    /// The stages of Burda et al. (2016), section 5: stage `i = 1 … 8` lasts `3^(i-1)` epochs at
    /// `base · round(10^(1-(i-1)/7), 1)`; with `base = 1e-4`, from 0.001 down to 0.0001 over 3280 epochs.
    Stages {
        /// The last stage's rate.
        base: f64,
        /// Steps in an epoch.
        epoch: u32,
    },
}

impl Schedule {
    /// The rate at a step.
    ///
    /// # Shapes
    /// `step: i32 []`, result `f32 []`.
    #[track_caller]
    pub fn at(&self, step: &Tensor) -> Tensor {
        let t = step.cast(pullback::DType::F32);
        match self {
            Schedule::Constant(rate) => t.full_like(*rate),
            Schedule::Cosine { peak, steps } => {
                let part = (t / f64::from((*steps).max(1))).minimum(1.0);
                ((part * std::f64::consts::PI).cos() + 1.0).maximum(0.0) * (0.5 * peak)
            }
            Schedule::WarmUp { steps, then } => {
                let part = ((t + 1.0) / f64::from((*steps).max(1))).minimum(1.0);
                part * then.at(step)
            }
            Schedule::Stages { base, epoch } => (1..8).fold(t.full_like(10.0 * base), |rate, stage| {
                // Stage i + 1 begins after 1 + 3 + … + 3^(i-1) = (3^i - 1) / 2 epochs.
                let begins = f64::from(*epoch) * f64::from((3u32.pow(stage) - 1) / 2);
                let here = base * (10.0f64.powf(1.0 - f64::from(stage) / 7.0) * 10.0).round() / 10.0;
                t.ge(begins).select(here, &rate)
            }),
        }
    }

    /// The greatest rate.
    pub fn peak(&self) -> f64 {
        match self {
            Schedule::Constant(rate) => *rate,
            Schedule::Cosine { peak, .. } => *peak,
            Schedule::WarmUp { then, .. } => then.peak(),
            Schedule::Stages { base, .. } => 10.0 * base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(schedule: &Schedule, t: i32) -> f32 {
        schedule.at(&Tensor::scalar(t)).item::<f32>().unwrap()
    }

    #[test]
    fn stages_are_those_of_the_paper() {
        let s = Schedule::Stages { base: 1e-4, epoch: 10 };
        let rates = [1e-3, 7.2e-4, 5.2e-4, 3.7e-4, 2.7e-4, 1.9e-4, 1.4e-4, 1e-4];
        let mut begins = 0;
        for (i, rate) in rates.into_iter().enumerate() {
            assert!((f64::from(at(&s, begins)) - rate).abs() < 1e-9, "stage {i}");
            begins += 10 * 3i32.pow(i as u32);
            assert!((f64::from(at(&s, begins - 1)) - rate).abs() < 1e-9, "end of stage {i}");
        }
    }

    #[test]
    fn warm_up_rises_and_then_follows() {
        let s = Schedule::WarmUp { steps: 4, then: Box::new(Schedule::Constant(2.0)) };
        assert_eq!([at(&s, 0), at(&s, 1), at(&s, 3), at(&s, 9)], [0.5, 1.0, 2.0, 2.0]);
    }
}

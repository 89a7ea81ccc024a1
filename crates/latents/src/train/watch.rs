//! The watch over a run: which state was the best, and whether training has broken down.
//!
//! Its verdicts are pure functions of the checks so far, so that a resumed run comes to the same ones.

use crate::train::record::{Judge, Record};
use std::fmt;

/// What a check of the model found: figures that owe nothing to the training estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// Training steps made before it.
    pub step: u32,
    /// The mean training loss since the check before; NaN for the first.
    pub loss: f64,
    /// The reverse KL from the lower bound of `log p(x)`, in nats.
    pub lower: f64,
    /// The reverse KL from the upper bound of `log p(x)`, in nats.
    pub upper: f64,
    /// The standard error of the upper side.
    pub se: f64,
    /// The effective part of the importance samples, between 0 and 1.
    pub ess: f64,
}

impl Check {
    /// Whether both sides of the sandwich are numbers.
    pub fn is_finite(&self) -> bool {
        self.lower.is_finite() && self.upper.is_finite()
    }
}

impl Record for Check {
    type Verdict = Collapse;
    const COLUMNS: usize = 6;

    fn to_row(self) -> Vec<f64> {
        vec![f64::from(self.step), self.loss, self.lower, self.upper, self.se, self.ess]
    }

    fn from_row(row: &[f64]) -> Option<Check> {
        let &[step, loss, lower, upper, se, ess] = row else { return None };
        Some(Check { step: step as u32, loss, lower, upper, se, ess })
    }

    fn step(&self) -> u32 {
        self.step
    }

    fn best(checks: &[Check]) -> Option<&Check> {
        Watch::best(checks)
    }

    fn deliver(checks: &[Check]) -> Option<&Check> {
        Watch::deliver(checks)
    }
}

/// When a run counts as broken down.
///
/// A run collapses when `lost` steps in a row have a loss that is not finite, or a side of the sandwich is not; or
/// when, at `patience` checks in a row, the upper side lies `worse` nats or more above the best so far while the bounds lie `gap` nats or more apart or
/// the effective part of the samples is below `ess`. Early in training the figures may be poor without any of it:
/// they are compared with the best that the same run has reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Nats above the best.
    pub worse: f64,
    /// Nats between the bounds.
    pub gap: f64,
    /// Effective part of the samples.
    pub ess: f64,
    /// Checks in a row.
    pub patience: usize,
    /// Steps in a row.
    pub lost: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { worse: 0.5, gap: 0.25, ess: 0.1, patience: 3, lost: 20 }
    }
}

/// How a run broke down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Collapse {
    /// The losses are no finite numbers any more.
    Loss {
        /// The steps made until then.
        step: u32,
    },
    /// A side of the sandwich is not a finite number.
    Figures {
        /// The steps made until then.
        step: u32,
    },
    /// The bounds drew apart.
    Apart {
        /// The last check.
        check: Check,
        /// The best one.
        best: Check,
    },
}

impl Collapse {
    /// The steps made until it was seen.
    pub fn step(&self) -> u32 {
        match self {
            Collapse::Loss { step } | Collapse::Figures { step } => *step,
            Collapse::Apart { check, .. } => check.step,
        }
    }
}

impl fmt::Display for Collapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Collapse::Loss { step } => write!(f, "by step {step} the loss was no finite number any more"),
            Collapse::Figures { step } => {
                write!(f, "at step {step} the bounds of the reverse KL were no finite numbers any more")
            }
            Collapse::Apart { check, best } => write!(
                f,
                "by step {} the reverse KL had risen to between {} and {} nats, from at most {} at step {}, with {:.1} % \
                 of the importance samples effective",
                check.step,
                rounded(check.lower),
                rounded(check.upper),
                rounded(best.upper),
                best.step,
                100.0 * check.ess
            ),
        }
    }
}

/// To the thousandth, and above a hundred to the unit.
fn rounded(x: f64) -> String {
    if x.abs() < 100.0 { format!("{x:.3}") } else { format!("{x:.0}") }
}

/// The verdicts on a list of checks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    limits: Limits,
}

impl Watch {
    /// A watch with those limits.
    pub fn new(limits: Limits) -> Watch {
        Watch { limits }
    }

    /// The check with the lowest upper side, the first of equals.
    pub fn best(checks: &[Check]) -> Option<&Check> {
        checks.iter().filter(|c| c.is_finite()).reduce(|best, c| if c.upper < best.upper { c } else { best })
    }

    /// Whether the run has broken down by the last of the checks.
    pub fn collapse(&self, checks: &[Check]) -> Option<Collapse> {
        let last = checks.last()?;
        if !last.is_finite() {
            return Some(Collapse::Figures { step: last.step });
        }
        let best = Watch::best(checks)?;
        let limits = &self.limits;
        let bad = |c: &&Check| {
            let apart = c.upper - c.lower >= limits.gap || c.ess < limits.ess;
            c.step > best.step && c.upper - best.upper >= limits.worse && apart
        };
        let in_a_row = checks.iter().rev().take_while(bad).count();
        (in_a_row >= limits.patience.max(1)).then_some(Collapse::Apart { check: *last, best: *best })
    }

    /// The check whose state to deliver at the end of a run that did not collapse: the last, unless the best is better
    /// by more than the noise of its own figure explains. (A last check that is much noisier than the best is worse.)
    pub fn deliver(checks: &[Check]) -> Option<&Check> {
        let (last, best) = (checks.last()?, Watch::best(checks)?);
        let noise = 3.0 * std::f64::consts::SQRT_2 * best.se;
        Some(if last.is_finite() && last.upper - best.upper <= noise { last } else { best })
    }
}

impl Judge<Check> for Watch {
    fn losses(&self, step: u32, lost: u32) -> Option<Collapse> {
        (lost >= self.limits.lost.max(1)).then_some(Collapse::Loss { step })
    }

    fn checks(&self, checks: &[Check]) -> Option<Collapse> {
        self.collapse(checks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: u32, upper: f64, gap: f64, ess: f64) -> Check {
        Check { step, loss: 0.0, lower: upper - gap, upper, se: 0.001, ess }
    }

    fn watch() -> Watch {
        Watch::new(Limits::default())
    }

    #[test]
    fn a_healthy_run_goes_on() {
        let run: Vec<Check> = (0..20).map(|i| check(i, 3.0 / f64::from(i + 1), 0.1 / f64::from(i + 1), 0.9)).collect();
        for n in 0..run.len() {
            assert_eq!(watch().collapse(&run[..n]), None);
        }
        assert_eq!(Watch::deliver(&run).map(|c| c.step), Some(19));
    }

    #[test]
    fn a_poor_beginning_is_no_collapse() {
        let run = [check(0, 40.0, 20.0, 0.01), check(1, 30.0, 20.0, 0.01), check(2, 20.0, 9.0, 0.02)];
        assert_eq!(watch().collapse(&run), None);
    }

    #[test]
    fn a_spike_is_no_collapse() {
        let run = [check(0, 2.0, 0.1, 0.9), check(1, 0.1, 0.0, 0.9), check(2, 3.0, 2.0, 0.1), check(3, 0.1, 0.0, 0.9)];
        for n in 0..=run.len() {
            assert_eq!(watch().collapse(&run[..n]), None);
        }
    }

    #[test]
    fn bounds_that_stay_apart_are() {
        let mut run = vec![check(0, 2.0, 0.1, 0.9), check(1, 0.1, 0.0, 0.9)];
        run.extend((2..5).map(|i| check(i, 5.0, 3.0, 0.05)));
        assert_eq!(watch().collapse(&run[..4]), None);
        let collapse = watch().collapse(&run).expect("a collapse");
        assert_eq!(collapse.step(), 4);
        assert!(matches!(collapse, Collapse::Apart { best, .. } if best.step == 1));
        assert_eq!(Watch::deliver(&run).map(|c| c.step), Some(1));
    }

    #[test]
    fn noise_of_the_last_check_is_no_excuse() {
        let mut last = check(9, 20_000.0, 100.0, 0.01);
        last.se = 7_000.0;
        let run = [check(0, 2.0, 0.1, 0.9), check(5, 0.1, 0.01, 0.9), last];
        assert_eq!(Watch::deliver(&run).map(|c| c.step), Some(5));
    }

    #[test]
    fn figures_that_are_no_numbers_are() {
        let run = [check(0, 2.0, 0.1, 0.9), check(1, f64::NAN, 0.1, 0.9)];
        assert_eq!(watch().collapse(&run), Some(Collapse::Figures { step: 1 }));
        assert_eq!(Watch::deliver(&run).map(|c| c.step), Some(0));
        assert_eq!(Watch::best(&run[1..]), None);
    }

    #[test]
    fn rows_come_back() {
        let c = check(7, 0.25, 0.125, 0.5);
        assert_eq!(Check::from_row(&c.to_row()), Some(c));
    }
}

//! What the diagnostics of a fitted model say, in words.

use crate::diagnostics::{ClassifierTest, MmdTest, RELIABLE, UnitActivity};
use crate::evaluation::{Distrust, Evidence};
use std::fmt;

/// How good a model is to its data, as far as these diagnostics see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nothing speaks against it.
    Sound,
    /// It can be used, knowing what the findings say.
    Caution,
    /// Its figures or its samples are not to be trusted.
    Unsound,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grade::Sound => "sound",
            Grade::Caution => "usable with care",
            Grade::Unsound => "not to be trusted",
        })
    }
}

/// A grade with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The worst of the findings.
    pub grade: Grade,
    /// Each diagnostic's own grade, and what it says.
    pub findings: Vec<(Grade, String)>,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// Latent units.
    pub units: UnitActivity,
    /// Whether the prior is `N(0, I)` alone, so that the units' divergences from it mean something.
    pub standard_prior: bool,
    /// The log density of the rows.
    pub evidence: Evidence,
    /// Of samples against rows.
    pub mmd: MmdTest,
    /// Of samples against rows.
    pub classifier: ClassifierTest,
}

/// Below this p-value a two-sample test counts as a difference: each of two.
const SIGNIFICANT: f64 = 0.01;
/// Above this accuracy a classifier tells samples from rows easily.
const EASY: f64 = 0.75;

/// To three places, as that of a permutation test is, or what it is below.
fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("= {p:.3}") }
}

impl Diagnostics {
    /// What they say.
    pub fn verdict(&self) -> Verdict {
        let findings = vec![self.units(), self.weights(), self.samples()];
        let grade = findings.iter().map(|f| f.0).max().unwrap_or(Grade::Sound);
        Verdict { grade, findings }
    }

    fn units(&self) -> (Grade, String) {
        let (all, active) = (self.units.variances.len(), self.units.active());
        let collapsed = if self.standard_prior { self.units.collapsed() } else { all - active };
        match (active, collapsed) {
            (0, _) => {
                let what = "the posterior has collapsed: no latent unit depends on the row, and the model is its decoder alone";
                (Grade::Unsound, what.to_owned())
            }
            (_, 0) => {
                (Grade::Sound, format!("{active} of {all} latent units are active, none has collapsed to the prior"))
            }
            _ => {
                let have = if collapsed == 1 { "has" } else { "have" };
                let what =
                    format!("{active} of {all} latent units are active, {collapsed} {have} collapsed to the prior");
                // Units to spare cost time, not trust.
                (Grade::Sound, what + " (a smaller latent would do)")
            }
        }
    }

    fn weights(&self) -> (Grade, String) {
        let e = &self.evidence;
        let (count, ess) = ((e.heavy * e.rows as f64).round(), 100.0 * e.ess);
        let worst = e.worst_pareto_k.map_or_else(|| "not known".to_owned(), |k| format!("{k:.2}"));
        let figures =
            format!("worst k-hat {worst}, {count} of {} rows above {RELIABLE}, effective samples {ess:.1} %", e.rows);
        match e.distrust() {
            None if e.worst_pareto_k.is_some() => {
                // The fit of a shape has an error: among many rows some seem to have another than they have.
                let noise = if count > 0.0 {
                    ": no more, and no farther, than the error of its fit makes expected"
                } else {
                    ""
                };
                (Grade::Sound, format!("importance weights can be averaged: {figures}{noise}"))
            }
            None => (Grade::Caution, format!("too few samples to judge the importance weights: {figures}")),
            Some(Distrust::HeavyWeights { .. }) if e.likely_heavy <= 0.05 => {
                (Grade::Caution, format!("the log densities of a few rows are too low by an unknown amount: {figures}"))
            }
            Some(why) => (Grade::Unsound, format!("the log densities are not to be trusted: {why}; {figures}")),
        }
    }

    fn samples(&self) -> (Grade, String) {
        let (mmd, classifier) = (&self.mmd, &self.classifier);
        let figures = format!(
            "MMD p = {:.3} by {} rows; a classifier tells {:.1} % right (p {} by {} rows)",
            mmd.p_value,
            mmd.rows,
            100.0 * classifier.accuracy,
            p_value(classifier.p_value),
            classifier.held_out
        );
        if mmd.p_value >= SIGNIFICANT && classifier.p_value >= SIGNIFICANT {
            (Grade::Sound, format!("samples cannot be told from rows: {figures}"))
        } else if classifier.accuracy <= EASY {
            (Grade::Caution, format!("samples differ from rows, a little: {figures}"))
        } else {
            (Grade::Unsound, format!("samples are easily told from rows: {figures}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::ParetoTail;
    use crate::evaluation::{RowEstimate, Summary};

    fn diagnostics(k: f64) -> Diagnostics {
        of_shapes(|_| k)
    }

    fn of_shapes(shape: impl Fn(u32) -> f64) -> Diagnostics {
        let mut summary = Summary::new("iwae:1000".parse().unwrap());
        for i in 0..100 {
            let pareto = Some(ParetoTail { k: shape(i), se: 0.1 });
            let row = RowEstimate { value: f64::from(i), se: Some(0.1), pareto, ess: 0.5, samples: 1000 };
            summary.push(&row, 0.0);
        }
        Diagnostics {
            units: UnitActivity { rows: 100, variances: vec![0.5, 0.001], kl: vec![1.0, 0.0] },
            standard_prior: true,
            evidence: summary.finish(),
            mmd: MmdTest { squared: 0.0, p_value: 0.4, bandwidth: 1.0, rows: 100 },
            classifier: ClassifierTest { accuracy: 0.51, p_value: 0.4, held_out: 100 },
        }
    }

    #[test]
    fn rows_that_seem_heavy_by_the_error_of_their_fit_are_counted_and_explained() {
        let verdict = of_shapes(|i| if i < 12 { 0.75 } else { 0.4 }).verdict();
        let (grade, what) = &verdict.findings[1];
        assert_eq!((*grade, verdict.grade), (Grade::Sound, Grade::Sound));
        assert!(what.contains("12 of 100 rows above 0.7") && what.contains("the error of its fit"), "{what}");
        let none = &diagnostics(0.2).verdict().findings[1].1;
        assert!(none.contains("0 of 100 rows") && !none.contains("the error of its fit"), "{none}");
    }

    #[test]
    fn each_diagnostic_can_spoil_the_grade() {
        let good = diagnostics(0.2);
        assert_eq!(good.verdict().grade, Grade::Sound);
        assert!(good.verdict().findings[0].1.contains("1 of 2 latent units are active, 1 has collapsed"));
        assert_eq!(diagnostics(1.2).verdict().grade, Grade::Unsound);
        let mut found = diagnostics(0.2);
        found.units.variances[0] = 0.0;
        assert_eq!(found.verdict().grade, Grade::Unsound);
        let mut found = diagnostics(0.2);
        found.classifier = ClassifierTest { accuracy: 0.6, p_value: 1e-4, held_out: 1000 };
        assert_eq!(found.verdict().grade, Grade::Caution);
        found.classifier.accuracy = 0.9;
        assert_eq!(found.verdict().grade, Grade::Unsound);
        let mut found = diagnostics(0.2);
        found.mmd.p_value = 0.002;
        assert_eq!(found.verdict().grade, Grade::Caution);
    }
}

//! The results: a small table, or one JSON object.

use crate::progress::seconds;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// The results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The density's name.
    pub target: String,
    /// The estimator's name.
    pub estimator: String,
    /// What the estimator is to `log p(x)`.
    pub kind: String,
    /// Steps made, those before a resume included.
    pub steps: u32,
    /// Seconds since the program began.
    pub seconds: f64,
    /// Seconds of them spent in training steps.
    pub train_seconds: f64,
    /// Steps made in them, by a second of training; none where none was made.
    pub steps_per_second: Option<f64>,
    /// The reverse KL by the lower bound of `log p(x)`.
    pub reverse_kl_lower: f64,
    /// The reverse KL by the upper bound of `log p(x)`.
    pub reverse_kl_upper: f64,
    /// The standard error of the upper side.
    pub reverse_kl_standard_error: f64,
    /// The forward KL, from above.
    pub forward_kl: Option<f64>,
    /// Its standard error.
    pub forward_kl_standard_error: Option<f64>,
    /// Whether the target's normaliser is known; if not, the reverse KL is up to a constant.
    pub normalised: bool,
    /// A lower bound of the log of the target's normaliser, where that is not known: the reverse KL is at least 0.
    pub log_normaliser_lower: Option<f64>,
    /// Why the target is no density and its figures mean nothing, where that was seen.
    pub endless: Option<String>,
    /// The effective part of the importance samples.
    pub effective_sample_size: f64,
    /// The step whose state was delivered.
    pub best_step: u32,
    /// Why training ended.
    pub ended: String,
    /// Whether it broke down, and was stopped before its last step.
    pub broken: bool,
    /// Programs compiled.
    pub compiles: u64,
    /// The seed.
    pub seed: u64,
    /// The output folder.
    pub out: String,
}

impl Summary {
    /// Names and values, for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let error = |value: f64, se: f64| format!("{value:.5} ± {se:.5} nats");
        let constant = if self.normalised { "" } else { ", up to a constant" };
        let rate = self.steps_per_second.map_or_else(|| "-".to_owned(), |r| format!("{r:.0}"));
        let forward = match (self.forward_kl, self.forward_kl_standard_error) {
            (Some(kl), Some(se)) => error(kl, se),
            _ => "not known: the target has no sampler".to_owned(),
        };
        let mut rows = vec![
            ("reverse KL, lower side", format!("{:.5} nats{constant}", self.reverse_kl_lower)),
            ("reverse KL, upper side", error(self.reverse_kl_upper, self.reverse_kl_standard_error) + constant),
            ("forward KL, from above", forward),
            ("effective samples", format!("{:.1} %", 100.0 * self.effective_sample_size)),
            ("steps", self.steps.to_string()),
            ("time", format!("{} ({} training)", seconds(self.seconds), seconds(self.train_seconds))),
            ("steps per second", rate),
            ("compiles", self.compiles.to_string()),
        ];
        if let Some(log_z) = self.log_normaliser_lower {
            rows.insert(2, ("log normaliser, at least", error(log_z, self.reverse_kl_standard_error)));
        }
        if self.endless.is_some() {
            rows.insert(0, ("warning", "the integral is infinite: the figures are of no density".to_owned()));
        }
        if self.broken {
            rows.insert(0, ("stopped", self.ended.clone()));
        }
        if self.best_step != self.steps {
            let at = rows.len() - 3;
            rows.insert(at, ("delivered state", format!("of step {}", self.best_step)));
        }
        rows
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header(vec![
            format!("{} by {}", self.target, self.estimator),
            match self.kind.as_str() {
                kind @ ("lower" | "upper") => format!("{kind} bound"),
                kind => format!("{kind} estimator"),
            },
        ]);
        for (name, value) in self.rows() {
            table.add_row(vec![name.to_owned(), value]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    /// The JSON object, in one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
    }
}

//! What a run tells as it goes: a bar on a terminal, plain lines elsewhere, on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use latents::train::Check;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How it is told.
pub enum Progress {
    /// A bar.
    Bar {
        /// The bar.
        bar: ProgressBar,
        /// What the last check found.
        checked: String,
        /// When the bar was last brought up to date.
        told: Instant,
    },
    /// Lines.
    Lines {
        /// Steps in all.
        steps: u32,
        /// When the last line was written, and the step it was of.
        told: Option<(Instant, u32)>,
    },
    /// Not at all.
    Quiet,
}

/// From one update of the bar to the next.
const TICK: Duration = Duration::from_millis(60);
/// From one line to the next, at least.
const LINE: Duration = Duration::from_millis(500);

impl Progress {
    /// The way that fits standard error; it begins at a step.
    pub fn new(quiet: bool, step: u32, steps: u32) -> Progress {
        if quiet {
            return Progress::Quiet;
        }
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !std::io::stderr().is_terminal() || dumb {
            return Progress::Lines { steps, told: None };
        }
        let bar = ProgressBar::with_draw_target(Some(u64::from(steps)), ProgressDrawTarget::stderr());
        let template = "{bar:14.cyan/dim} {human_pos}/{human_len} steps, {per_sec}, {eta} left, {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |s: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                // A terminal that cannot be written to is no reason to stop training.
                let _ = write!(w, "{}/s", thousands(s.per_sec() as u64));
            };
            bar.set_style(style.with_key("per_sec", rate).progress_chars("━╸─"));
        }
        bar.set_position(u64::from(step));
        bar.reset_eta();
        Progress::Bar { bar, checked: String::new(), told: Instant::now() }
    }

    /// A step was made.
    pub fn step(&mut self, step: u32, loss: f64) {
        if let Progress::Bar { bar, checked, told } = self
            && told.elapsed() >= TICK
        {
            *told = Instant::now();
            bar.set_position(u64::from(step));
            bar.set_message(format!("loss {loss:.4}{checked}"));
        }
    }

    /// The model was checked.
    pub fn check(&mut self, check: &Check) {
        let Check { step, loss, lower, upper, .. } = *check;
        let loss = if loss.is_nan() { String::new() } else { format!(", loss {loss:.4}") };
        let (at, steps) = (thousands(u64::from(step)), thousands(u64::from(self.steps())));
        let line = format!("step {at} of {steps}{loss}, reverse KL {lower:.4} to {upper:.4} nats");
        self.look(step, &format!(", KL ≤ {upper:.4}"), &line);
    }

    /// The model was looked at: `short` follows the loss on the bar, `line` is said where there is none.
    pub fn look(&mut self, step: u32, short: &str, line: &str) {
        match self {
            Progress::Bar { bar, checked, .. } => {
                short.clone_into(checked);
                bar.set_position(u64::from(step));
            }
            Progress::Lines { steps, told } => {
                let now = Instant::now();
                let last = told.map_or(step, |(_, at)| at);
                if told.is_some_and(|(when, _)| now - when < LINE) && step < *steps {
                    return;
                }
                let rate =
                    told.filter(|_| step > last).map(|(when, at)| f64::from(step - at) / (now - when).as_secs_f64());
                let pace = rate.map_or_else(String::new, |rate| {
                    let left = f64::from(steps.saturating_sub(step)) / rate;
                    format!(", {} steps/s, {} left", thousands(rate as u64), seconds(left))
                });
                eprintln!("{line}{pace}");
                *told = Some((now, step));
            }
            Progress::Quiet => {}
        }
    }

    fn steps(&self) -> u32 {
        match self {
            Progress::Bar { bar, .. } => bar.length().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            Progress::Lines { steps, .. } => *steps,
            Progress::Quiet => 0,
        }
    }

    /// What is being done, where it takes a moment.
    pub fn doing(&self, what: &str) {
        match self {
            Progress::Bar { bar, .. } => bar.set_message(what.to_owned()),
            Progress::Lines { .. } => eprintln!("{what}"),
            Progress::Quiet => {}
        }
    }

    /// A line that stays.
    pub fn note(&self, line: &str) {
        match self {
            Progress::Bar { bar, .. } => bar.suspend(|| eprintln!("{line}")),
            Progress::Lines { .. } => eprintln!("{line}"),
            Progress::Quiet => {}
        }
    }

    /// Something that must be said, also where talk is not wanted.
    pub fn warn(&self, line: &str) {
        match self {
            Progress::Quiet => eprintln!("{line}"),
            _ => self.note(line),
        }
    }

    /// The end: the bar goes.
    pub fn finish(&self) {
        if let Progress::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

/// A whole number with commas.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of a thing that has a plural in s.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// A duration to the second, or to the tenth below ten.
pub fn seconds(s: f64) -> String {
    match s {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s => format!("{} min {:02} s", (s / 60.0) as u64, (s % 60.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(thousands), ["0", "12", "123", "1,234", "1,234,567"]);
        assert_eq!([0, 1, 1000].map(|n| counted(n, "row")), ["0 rows", "1 row", "1,000 rows"]);
        assert_eq!([0.04, 9.9, 12.3, 61.0, 200.0].map(seconds), ["0.0 s", "9.9 s", "12 s", "61 s", "3 min 20 s"]);
    }
}

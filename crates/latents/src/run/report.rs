//! What a run shows for itself: `metrics.csv`, pictures and `report.html`.

use crate::evaluation::bits_per_dimension;
use crate::plot::{CurveOptions, PlotError, Report, Series, render_curves};
use crate::run::{Drawn, Figure, Header};
use crate::train::FitCheck;
use std::fmt::Write;

/// A line for every validation. No times, so that equal runs give equal files.
pub fn metrics_csv(checks: &[FitCheck], steps_per_epoch: u32) -> String {
    let mut out = String::from("step,epoch,training_objective,validation_log_density,standard_error\n");
    for FitCheck { step, loss, validation, se } in checks {
        let _ = write!(out, "{step},{}", f64::from(*step) / f64::from(steps_per_epoch.max(1)));
        for value in [-loss, *validation, *se] {
            // An empty cell where there is no number, as before the first step.
            let _ = if value.is_nan() { write!(out, ",") } else { write!(out, ",{value}") };
        }
        out.push('\n');
    }
    out
}

/// The objective on the training rows and the log density of the validation rows, by epoch; a PNG.
///
/// # Errors
/// Where it cannot be drawn.
pub fn curves(checks: &[FitCheck], steps_per_epoch: u32) -> Result<Vec<u8>, PlotError> {
    let epoch = |c: &FitCheck| f64::from(c.step) / f64::from(steps_per_epoch.max(1));
    let training: Vec<[f64; 2]> = checks.iter().skip(1).map(|c| [epoch(c), -c.loss]).collect();
    let validation: Vec<[f64; 2]> = checks.iter().map(|c| [epoch(c), c.validation]).collect();
    let band: Vec<[f64; 2]> = checks.iter().map(|c| [c.validation - c.se, c.validation + c.se]).collect();
    // The first check is of the untrained model: it would flatten all that follows.
    let skip = usize::from(checks.len() > 3);
    let series = [
        Series::new("training objective", &training),
        Series::new("validation ± standard error", &validation[skip..]).with_band(&band[skip..]),
    ];
    let options =
        CurveOptions { x_label: "epoch".to_owned(), y_label: "nats per row".to_owned(), ..CurveOptions::default() };
    render_curves(&series, &options)
}

/// Everything about a run in one HTML page.
///
/// # Errors
/// Where a picture cannot be drawn.
pub fn report(
    header: &Header,
    checks: &[FitCheck],
    steps_per_epoch: u32,
    pictures: Vec<Drawn>,
) -> Result<String, PlotError> {
    let d = header.columns.len();
    let of = if header.source.path.is_empty() { "a table" } else { &header.source.path };
    let mut report = Report::new(format!("A density of {of}")).paragraph(format!(
        "A latent-variable model p(x) = ∫ p(x|z) p(z) dz of {d} column{} was fitted to {} rows.",
        if d == 1 { "" } else { "s" },
        header.source.rows
    ));
    if let Some(figures) = &header.figures {
        let rows = if figures.rows == 1 { "1 test row".to_owned() } else { format!("{} test rows", figures.rows) };
        let kind = match figures.kind.as_str() {
            kind @ ("lower" | "upper") => format!("in expectation a {kind} bound of the true one"),
            kind => kind.to_owned(),
        };
        report = report.paragraph(format!(
            "Log density of {}, in nats per row and the data's own units. The model's figure is by {} \
             importance samples in all, estimator {}, {}; the baselines' are exact. Errors are standard errors over the \
             rows.",
            rows, figures.samples, figures.estimator, kind
        ));
        let row = |f: &Figure| {
            let (bits, bits_error) = bits_per_dimension(f.log_density, f.standard_error, d);
            let error = |se: f64| if se.is_nan() { "?".to_owned() } else { format!("{se:.4}") };
            let bits = format!("{bits:.4} ± {}", error(bits_error));
            vec![f.name.clone(), format!("{:.4}", f.log_density), error(f.standard_error), bits]
        };
        let rows: Vec<_> = std::iter::once(&figures.model).chain(&figures.baselines).map(row).collect();
        let columns = ["density", "nats per row", "standard error", "bits per dimension"];
        report = report.table_with_columns("Test rows", &columns, &rows);
        if !figures.missing.is_empty() {
            report = report.paragraph(format!("Without a figure: {}.", figures.missing.join("; ")));
        }
    }
    if let Some(ended) = &header.ended {
        report =
            report.paragraph(format!("Training ended: {}. The model is that of step {}.", ended.why, ended.best_step));
    }
    report = report.picture(
        curves(checks, steps_per_epoch)?,
        "The training objective and the log density of the validation rows at every validation.",
    );
    for Drawn { caption, png, .. } in pictures {
        report = report.picture(png, caption);
    }
    let settings = header.config.to_toml();
    let mut section = String::new();
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in settings.lines() {
        match (line.strip_prefix('['), line.split_once(" = ")) {
            (Some(name), _) => section = format!("{}.", name.trim_end_matches(']')),
            (None, Some((key, value))) => rows.push((format!("{section}{key}"), value.to_owned())),
            (None, None) => {}
        }
    }
    rows.push(("data".to_owned(), format!("{} (hash {})", header.source.path, header.source.hash)));
    rows.push(("written by".to_owned(), format!("latents {}", header.written_by)));
    report.table("Settings", &rows).to_html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_a_line_for_every_validation_and_gaps_where_there_is_no_number() {
        let checks = [
            FitCheck { step: 0, loss: f64::NAN, validation: -9.5, se: 0.25 },
            FitCheck { step: 46, loss: 3.5, validation: -3.0, se: 0.125 },
        ];
        let text = metrics_csv(&checks, 46);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1..], ["0,0,,-9.5,0.25", "46,1,-3.5,-3,0.125"]);
    }
}

//! `report.html`: the pictures, the settings and the figures in one file.

use crate::failure::Failure;
use crate::output::folder::Folder;
use crate::output::summary::Summary;
use crate::progress::thousands;
use latents::plot::Report;
use latents::train::Check;

/// Writes the file; `again` is the command line that looks at the run again.
///
/// # Errors
/// A picture that cannot be read, a file that cannot be written.
pub fn write(
    folder: &Folder,
    settings: &[(String, String)],
    summary: &Summary,
    checks: &[Check],
    again: &str,
) -> Result<(), Failure> {
    let Summary { target, estimator, reverse_kl_lower, reverse_kl_upper, reverse_kl_standard_error, .. } = summary;
    let title = format!("The density `{target}`, fitted by `{estimator}`");
    let constant = if summary.normalised { "" } else { " up to the target's unknown normaliser" };
    let mut report = Report::new(title).paragraph(format!(
        "A latent-variable model p(x) = ∫ p(x|z) p(z) dz was matched to the density by minimising an estimate of the \
         reverse KL, E[log p(x) - log p*(x)] over x ~ p. Measured on fresh samples, by bounds that owe nothing to the \
         training estimator, it lies between {reverse_kl_lower:.5} and {reverse_kl_upper:.5} nats{constant} (standard \
         error {reverse_kl_standard_error:.5})."
    ));
    if let Some(endless) = &summary.endless {
        report = report.paragraph(format!("Warning: {endless}."));
    }
    if summary.broken {
        report = report.paragraph(format!("Training was stopped: {}.", summary.ended));
    }
    let mut densities = folder.densities();
    let delivered = densities.iter().position(|(step, _)| *step == summary.best_step);
    if let Some((step, path)) = delivered.map(|at| densities.remove(at)) {
        let steps = thousands(u64::from(step));
        report = report.picture(
            path,
            format!("The target and the delivered model, of step {steps}, in the same colours; the dots are draws."),
        );
    }
    report = report
        .table("Figures", &summary.rows())
        .picture(folder.curve(), "The training loss and both sides of the reverse KL at every check.");
    for (step, path) in densities {
        report = report.picture(path, format!("After {} steps.", thousands(u64::from(step))));
    }
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|c| {
            let number = |x: f64| if x.is_nan() { String::new() } else { format!("{x:.5}") };
            let columns = [number(c.loss), number(c.lower), number(c.upper), number(c.se), format!("{:.3}", c.ess)];
            std::iter::once(thousands(u64::from(c.step))).chain(columns).collect()
        })
        .collect();
    let columns = ["step", "loss", "reverse KL, lower", "upper", "error", "effective part"];
    let longer = if summary.broken { "" } else { ", and make the run longer with --steps" };
    report = report
        .table("Settings", settings)
        .table_with_columns("Checks", &columns, &rows)
        .paragraph(format!("latents {}; look again with: {again}{longer}", env!("CARGO_PKG_VERSION")));
    Ok(report.write(folder.report())?)
}

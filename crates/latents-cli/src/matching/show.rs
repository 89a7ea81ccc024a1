//! What a run of `funnel` or `match` is, as its checkpoint tells.

use super::session::all_done;
use super::{Config, quoted};
use crate::failure::Failure;
use crate::progress::thousands;
use latents::train::{Check, Checkpoint, Fault, Record, Watch};
use serde_json::json;
use std::path::Path;

/// What `latents show` prints of such a run, or nothing where the checkpoint is of something else.
///
/// # Errors
/// A checkpoint that does not hold what it should.
pub fn shown(checkpoint: &Checkpoint, path: &Path, as_json: bool) -> Result<Option<String>, Failure> {
    let Some(kind) = ["latents funnel", "latents match"].into_iter().find(|k| checkpoint.expect_kind(k).is_ok()) else {
        return Ok(None);
    };
    let refused = |e| Failure::resume(&e, kind.trim_start_matches("latents "));
    let config: Config = serde_json::from_value(checkpoint.config().clone())
        .map_err(|e| refused(checkpoint.error(Fault::Config(e.to_string()))))?;
    let table = checkpoint.clone().take_tensor("run.checks").map_err(refused)?;
    let numbers = table.to_vec::<f64>()?;
    let checks: Vec<Check> = numbers.chunks_exact(Check::COLUMNS).filter_map(Check::from_row).collect();
    let step = checkpoint.clone().take_tensor("run.step").map_err(refused)?.item::<u32>()?;
    let settings = &config.settings;
    let known = latents::dist::target(&settings.target).is_some_and(|t| t.log_normalizer().is_some());
    let best = Watch::best(&checks);
    let go_on = format!("{kind} --resume {}", quoted(path));
    let ended = config.stopped.clone().or_else(|| (step >= settings.steps).then(|| all_done(settings.steps)));
    if as_json {
        let check = |c: &Check| {
            json!({
                "step": c.step, "reverse_kl_lower": c.lower, "reverse_kl_upper": c.upper, "reverse_kl_standard_error": c.se,
                "effective_sample_size": c.ess,
            })
        };
        let object = json!({
            "kind": kind, "settings": settings, "density": config.written.as_ref().map(|w| w.equation()), "step": step,
            "ended": ended, "broken": config.stopped.is_some(), "best_step": best.map(|c| c.step), "last_check": checks.last().map(check), "best_check": best.map(check),
            "unit": "nats", "normalised": known, "resume": go_on,
        });
        return Ok(Some(object.to_string()));
    }
    let steps = |n: u32| thousands(u64::from(n));
    let mut lines = vec![format!("run       of {kind}")];
    lines.extend(config.written.iter().map(|w| format!("density   {}", w.equation())));
    lines.push(match &config.stopped {
        Some(why) => format!("stopped   {why}"),
        None if step < settings.steps => {
            format!("ended     not yet, at step {} of {}: go on with `{go_on}`", steps(step), steps(settings.steps))
        }
        None => format!("ended     all {} steps are made; evaluate again with `{go_on}`", steps(settings.steps)),
    });
    let constant = if known { "" } else { ", up to a constant" };
    let figure = |name: &str, c: &Check| {
        let (lower, upper, se) = (c.lower, c.upper, c.se);
        format!("{name:<9} step {}: reverse KL {lower:.5} to {upper:.5} ± {se:.5} nats{constant}", steps(c.step))
    };
    lines.extend(checks.last().map(|c| figure("last", c)));
    lines.extend(best.map(|c| figure("best", c)));
    let rows = settings.rows();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.push(String::new());
    lines.extend(rows.iter().map(|(name, value)| format!("{name:width$}  {value}")));
    Ok(Some(lines.join("\n")))
}

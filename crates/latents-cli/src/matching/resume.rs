//! Where a run begins: afresh, or with a checkpoint.

use super::{Config, Job, Written};
use crate::failure::Failure;
use crate::output::folder::{CHECKPOINT, Folder};
use crate::progress::thousands;
use crate::settings::{Decay, Settings};
use latents::dist::{Target, target};
use latents::train::{Checkpoint, Fault};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A run before its first step here.
pub struct Beginning {
    /// Its settings, those that were asked for included.
    pub settings: Settings,
    /// The density, where it is written out.
    pub written: Option<Written>,
    /// The density.
    pub target: Arc<dyn Target>,
    /// What it goes on from.
    pub checkpoint: Option<Checkpoint>,
    /// Why it was stopped for good.
    pub stopped: Option<String>,
    /// What there is to say of a run that is made longer.
    pub extended: Option<String>,
}

impl Beginning {
    /// The beginning that the options ask for.
    ///
    /// # Errors
    /// A checkpoint that cannot be resumed, options that contradict it.
    pub fn of(job: &Job<'_>) -> Result<Beginning, Failure> {
        match &job.options.resume {
            Some(given) => Beginning::resumed(job, given.as_deref()),
            None => Beginning::fresh(job),
        }
    }

    fn fresh(job: &Job<'_>) -> Result<Beginning, Failure> {
        let asked = job.options.settings.clone();
        let named = asked.target.as_deref().or(job.default);
        let target = match (&job.written, named) {
            (Some(written), _) => written.target()?,
            (None, Some(name)) => {
                named_target(name).ok_or_else(|| job.unusable(format!("there is no target `{name}`")))?
            }
            (None, None) => return Err(job.unusable("no density is given".to_owned())),
        };
        let settings = Settings::resolve(asked, &target).map_err(|e| job.unusable(e.to_string()))?;
        Ok(Beginning {
            settings,
            written: job.written.clone(),
            target,
            checkpoint: None,
            stopped: None,
            extended: None,
        })
    }

    fn resumed(job: &Job<'_>, given: Option<&Path>) -> Result<Beginning, Failure> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => {
                job.options.out.clone().unwrap_or_else(|| job.default_folder(job.options.settings.target.as_deref()))
            }
        };
        let path = if path.is_dir() { path.join(CHECKPOINT) } else { path };
        let refused = |e| Failure::resume(&e, job.command);
        let checkpoint = Checkpoint::load(&path).map_err(refused)?;
        checkpoint.expect_kind(&job.kind()).map_err(refused)?;
        let config = |why: String| refused(checkpoint.error(Fault::Config(why)));
        let Config { mut settings, stopped, written } =
            serde_json::from_value(checkpoint.config().clone()).map_err(|e| config(e.to_string()))?;
        let target = match &written {
            Some(written) => written.target().map_err(|e| config(e.to_string()))?,
            None => named_target(&settings.target)
                .ok_or_else(|| config(format!("there is no target `{}`", settings.target)))?,
        };
        if let Some(asked) = job.written.as_ref().filter(|&asked| Some(asked) != written.as_ref()) {
            let found = written.as_ref().map_or(settings.target.as_str(), |w| w.text.as_str());
            return Err(contradicts(&format!("the density {}", asked.text), found));
        }
        let step = checkpoint_step(&checkpoint);
        let extended = match job.options.settings.steps {
            Some(steps) if steps > settings.steps => Some(extend(&mut settings, steps, step, stopped.as_deref())?),
            _ => None,
        };
        if let Some((option, asked, found)) = settings.conflict(&job.options.settings) {
            return Err(contradicts(&format!("{option} {asked}"), &found));
        }
        Ok(Beginning { settings, written, target, checkpoint: Some(checkpoint), stopped, extended })
    }
}

fn contradicts(asked: &str, found: &str) -> Failure {
    let what = format!("cannot resume: {asked} was asked for, and the run was begun with {found}");
    Failure::usage(what, "leave it out to go on, or --resume to begin a new run; only --steps may grow")
}

fn named_target(name: &str) -> Option<Arc<dyn Target>> {
    target(name)
}

/// Makes a run longer; says what that does to its learning rate.
fn extend(settings: &mut Settings, steps: u32, step: Option<u32>, stopped: Option<&str>) -> Result<String, Failure> {
    if let Some(why) = stopped {
        let what = format!("cannot resume with --steps {steps}: this run broke down and was stopped: {why}");
        let help = "it would do so again: begin a new one with --estimator upper or a lower --lr; --resume without \
                    --steps evaluates what it delivered";
        return Err(Failure::usage(what, help));
    }
    let before = settings.steps;
    settings.steps = steps;
    let step = step.unwrap_or(0);
    let mut said = format!("the run is made longer: {} steps instead of {}", told(steps), told(before));
    if settings.decay == Decay::Cosine {
        let rate = |of: u32| {
            let part = f64::from(step.min(of)) / f64::from(of);
            0.5 * settings.lr * (1.0 + (std::f64::consts::PI * part).cos())
        };
        said += &format!(
            "; the learning rate follows the cosine of all of them: at step {} it goes from {:.2e} to {:.2e}",
            told(step),
            rate(before),
            rate(steps)
        );
    }
    Ok(said)
}

fn told(n: u32) -> String {
    thousands(u64::from(n))
}

/// The step that a run was saved at.
fn checkpoint_step(checkpoint: &Checkpoint) -> Option<u32> {
    checkpoint.clone().take_tensor("run.step").ok()?.item::<u32>().ok()
}

/// Refuses a folder that holds an unfinished run, or a file of its checkpoint's name that is none.
///
/// # Errors
/// [`Failure::Usage`] with ways out.
pub fn protect(folder: &Path, job: &Job<'_>) -> Result<(), Failure> {
    let path = folder.join(CHECKPOINT);
    if job.options.force || !path.is_file() {
        return Ok(());
    }
    let others = "choose another folder with --out, or pass --force to replace it";
    let Ok(checkpoint) = Checkpoint::load(&path) else {
        let what = format!("{} is there and is no checkpoint of latents", path.display());
        return Err(Failure::usage(what, others));
    };
    let config = serde_json::from_value::<Config>(checkpoint.config().clone()).ok();
    let (Some(config), Some(step)) = (config, checkpoint_step(&checkpoint)) else {
        let what = format!("{} is a checkpoint of something else", path.display());
        return Err(Failure::usage(what, others));
    };
    let steps = config.settings.steps;
    if config.stopped.is_some() || step >= steps {
        return Ok(());
    }
    let what = format!("{} holds an unfinished run, at step {} of {}", folder.display(), told(step), told(steps));
    // Another command's run is gone on with by that command.
    let kind =
        if checkpoint.expect_kind(&job.kind()).is_ok() { job.kind() } else { "the command that began it".into() };
    Err(Failure::usage(what, format!("go on with {kind} --resume {}, {others}", quoted(folder))))
}

/// `--out`; else the folder of the checkpoint that is resumed; else one named after the target.
pub fn out_folder(job: &Job<'_>, settings: &Settings) -> PathBuf {
    let of_checkpoint = || {
        let given = job.options.resume.as_ref()?.as_ref()?;
        if given.is_dir() { Some(given.clone()) } else { given.parent().map(Path::to_owned) }
    };
    let here = |p: PathBuf| if p.as_os_str().is_empty() { PathBuf::from(".") } else { p };
    job.options.out.clone().or_else(of_checkpoint).map_or_else(|| job.default_folder(Some(&settings.target)), here)
}

/// The command line that goes on with the run in a folder.
pub fn command_line(kind: &str, folder: &Folder) -> String {
    format!("{kind} --resume {}", quoted(folder.path()))
}

/// A path as a shell takes it: as it is where that is safe, else in quotes.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    // An option begins with a dash; a path need not.
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./+-:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        for (path, wanted) in [
            ("runs/funnel", "runs/funnel"),
            ("my runs/a", "'my runs/a'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("-rf", "./-rf"),
            ("", "''"),
            ("läufe", "'läufe'"),
        ] {
            assert_eq!(quoted(Path::new(path)), wanted);
        }
    }
}

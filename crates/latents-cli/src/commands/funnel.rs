//! `latents funnel`: fits a model to a density by the reverse KL, and shows how it went.

pub use crate::args::FunnelArgs as Args;

use crate::args::FunnelArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::folder::{CHECKPOINT, Folder};
use crate::output::pictures::{Pictures, curve};
use crate::output::summary::Summary;
use crate::output::{metrics, print, report};
use crate::progress::{Progress as Told, thousands};
use crate::settings::Settings;
use latents::estimator::ESTIMATORS;
use latents::evaluation::Divergence;
use latents::model::Vae;
use latents::objective::Matching;
use latents::train::{
    Check, Checkpoint, Event, Fault, Limits, MatchingTask, Outcome, Plan, Progress, Stop, Watch, train,
};
use pullback::Key;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a checkpoint of this command is of.
const KIND: &str = "latents funnel";
/// Importance samples in a check during training.
const CHECK_SAMPLES: usize = 64;
/// Rows that the evaluation works on at a time.
const ROWS: usize = 2048;
/// Pictures from the start to the end, besides that of the start.
const PICTURES: u32 = 4;
/// From one save to the next, besides those with a picture.
const SAVE: Duration = Duration::from_secs(10);

/// What a checkpoint says besides its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    settings: Settings,
    /// Why the run was stopped for good before its last step.
    stopped: Option<String>,
}

/// Keys of a seed, by purpose; the run's own are its first two children.
enum Purpose {
    Pictures = 2,
    Reverse = 3,
    Forward = 4,
}

/// A run and everything it writes to.
struct Session {
    settings: Settings,
    matching: Matching,
    folder: Folder,
    told: Told,
    pictures: Option<Pictures>,
    /// The step from which the next picture is due.
    due: u32,
    /// The model at the start, which is drawn after the first step: that is not to wait for a picture.
    first: Option<Vae>,
    saved: Instant,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &FunnelArgs, started: Instant) -> Result<(), Failure> {
    if let Some(threads) = args.threads {
        pullback::set_threads(threads as usize);
    }
    let asked = args.overrides();
    let checkpoint = args.resume.as_ref().map(|given| load(given.as_deref(), args)).transpose()?;
    let (settings, checkpoint) = match checkpoint {
        Some(checkpoint) => (settings_of(&checkpoint, args)?, Some(checkpoint)),
        None => (Settings::resolve(asked.clone()).map_err(unusable)?, None),
    };
    let matching = settings.matching().map_err(unusable)?;
    let task = MatchingTask::new(matching.clone(), settings.check_examples as usize, CHECK_SAMPLES);
    let resumed = checkpoint.is_some();
    let progress = match checkpoint {
        Some(checkpoint) => Progress::take(&task, checkpoint).map_err(|e| Failure::resume(&e))?,
        None => Progress::new(&task, Key::new(settings.seed))?,
    };
    let folder = Folder::open(&out_folder(args, &settings))?;
    if !resumed {
        folder.clear_densities()?;
    }
    interrupt::listen()?;
    let told = Told::new(args.quiet, progress.step(), settings.steps);
    let due = next_picture(&settings, progress.checks().last().map(|c| c.step));
    let mut session =
        Session { settings, matching, folder, told, pictures: None, due, first: None, saved: Instant::now() };
    for option in session.settings.idle(&asked) {
        eprintln!("warning: {option} has no effect with the estimator {}", session.settings.estimator);
    }
    for warning in session.matching.warnings() {
        eprintln!("warning: {warning}");
    }
    if resumed {
        let (step, steps) = (thousands(u64::from(progress.step())), thousands(u64::from(session.settings.steps)));
        session.told.note(&if progress.step() < session.settings.steps {
            format!("going on from step {step} of {steps}")
        } else {
            format!("all {steps} steps are made: evaluating again")
        });
    }

    let outcome = session.train(&task, progress)?;
    let summary = session.finish(outcome, args, started)?;
    if args.json {
        if !args.quiet {
            eprintln!("{}", summary.table());
        }
        print(&summary.json());
    } else {
        print(&format!("{}\n{}", summary.table(), session.folder.report().display()));
    }
    Ok(())
}

fn unusable(e: impl std::fmt::Display) -> Failure {
    Failure::usage(e.to_string(), "see latents funnel --help")
}

/// `--out`; else the folder of the checkpoint that is resumed; else one named after the target.
fn out_folder(args: &FunnelArgs, settings: &Settings) -> PathBuf {
    let of_checkpoint = || {
        let given = args.resume.as_ref()?.as_ref()?;
        if given.is_dir() { Some(given.clone()) } else { given.parent().map(Path::to_owned) }
    };
    let here = |p: PathBuf| if p.as_os_str().is_empty() { PathBuf::from(".") } else { p };
    args.out.clone().or_else(of_checkpoint).map_or_else(|| default_folder(&settings.target), here)
}

fn default_folder(target: &str) -> PathBuf {
    Path::new("runs").join(target)
}

fn load(given: Option<&Path>, args: &FunnelArgs) -> Result<Checkpoint, Failure> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => args.out.clone().unwrap_or_else(|| default_folder(args.target.as_deref().unwrap_or("funnel"))),
    };
    let path = if path.is_dir() { path.join(CHECKPOINT) } else { path };
    let checkpoint = Checkpoint::load(&path).map_err(|e| Failure::resume(&e))?;
    checkpoint.expect_kind(KIND).map_err(|e| Failure::resume(&e))?;
    Ok(checkpoint)
}

/// The settings of a checkpoint, which those that were asked for must not contradict.
fn settings_of(checkpoint: &Checkpoint, args: &FunnelArgs) -> Result<Settings, Failure> {
    let config: Config = serde_json::from_value(checkpoint.config().clone())
        .map_err(|e| Failure::resume(&checkpoint.error(Fault::Config(e.to_string()))))?;
    if let Some((option, asked, found)) = config.settings.conflict(&args.overrides()) {
        let what = format!("cannot resume: {option} {asked} was asked for, and the run was begun with {found}");
        return Err(Failure::usage(what, format!("leave {option} out to go on, or --resume to begin a new run")));
    }
    if let Some(why) = config.stopped {
        let what = format!("cannot resume: this run broke down and was stopped: {why}");
        return Err(Failure::usage(
            what,
            "it would do so again: begin a new one with --estimator upper or a lower --lr",
        ));
    }
    Ok(config.settings)
}

/// The step from which the next picture is due, after a check at `step`.
fn next_picture(settings: &Settings, step: Option<u32>) -> u32 {
    let Some(step) = step else { return 0 };
    let quarter = |i: u32| (u64::from(settings.steps) * u64::from(i) / u64::from(PICTURES)) as u32;
    (1..=PICTURES).map(quarter).find(|&at| at > step).unwrap_or(u32::MAX)
}

impl Session {
    /// Trains, drawing and saving on the way.
    fn train(
        &mut self,
        task: &MatchingTask,
        progress: Progress<MatchingTask>,
    ) -> Result<Outcome<MatchingTask>, Failure> {
        let plan = Plan { steps: self.settings.steps, check_every: self.settings.check_every };
        let mut failure = None;
        let outcome = train(task, progress, plan, &Watch::new(Limits::default()), &mut |event, run| {
            let told = match event {
                Event::Step { loss } => self.stepped(run.step(), loss),
                Event::Check => self.checked(run),
            };
            if let Err(e) = told {
                failure = Some(e);
                return false;
            }
            !interrupt::asked()
        })?;
        match failure {
            Some(failure) => {
                self.told.finish();
                Err(failure)
            }
            None => Ok(outcome),
        }
    }

    /// After a step.
    fn stepped(&mut self, step: u32, loss: f64) -> Result<(), Failure> {
        self.told.step(step, loss);
        match self.first.take() {
            Some(model) => self.draw(&model, 0),
            None => Ok(()),
        }
    }

    /// After a check: tells of it, draws and saves what is due.
    fn checked(&mut self, run: &Progress<MatchingTask>) -> Result<(), Failure> {
        if let Some(check) = run.checks().last() {
            self.told.check(check);
        }
        let drawn = run.step() >= self.due;
        if drawn {
            self.due = next_picture(&self.settings, Some(run.step()));
            if run.step() == 0 {
                self.first = Some(run.state().model.clone());
            } else {
                self.draw(&run.state().model, run.step())?;
            }
        }
        if drawn || self.saved.elapsed() >= SAVE {
            self.save(run, None)?;
        }
        Ok(())
    }

    fn key(&self, purpose: Purpose) -> Key {
        Key::new(self.settings.seed).fold_in(purpose as u32)
    }

    fn draw(&mut self, model: &Vae, step: u32) -> Result<(), Failure> {
        let path = self.folder.density(step, self.settings.steps);
        let pictures = match self.pictures.take() {
            Some(pictures) => pictures,
            None => Pictures::new(self.matching.target.clone(), self.key(Purpose::Pictures))?,
        };
        pictures.densities(&path, model, step)?;
        self.pictures = Some(pictures);
        Ok(())
    }

    fn save(&mut self, run: &Progress<MatchingTask>, stopped: Option<&str>) -> Result<(), Failure> {
        let path = self.folder.checkpoint();
        let config = Config { settings: self.settings.clone(), stopped: stopped.map(str::to_owned) };
        let config = serde_json::to_value(config).map_err(|e| Failure::write(&path, &e))?;
        let mut checkpoint = Checkpoint::new(KIND, config);
        let put = run.put(&mut checkpoint);
        put.and_then(|()| checkpoint.save(&path)).map_err(|e| Failure::write(&path, &e.fault))?;
        metrics::write(&self.folder.metrics(), run.checks())?;
        self.saved = Instant::now();
        Ok(())
    }

    fn interrupted(&self, step: u32) -> Failure {
        let folder = self.folder.path().display();
        let (step, steps) = (thousands(u64::from(step)), thousands(u64::from(self.settings.steps)));
        Failure::Interrupted {
            saved: format!(
                "interrupted at step {step} of {steps}; saved in {folder}\ngo on with: latents funnel --resume {folder}"
            ),
        }
    }

    /// After the last step: saves, evaluates and reports.
    fn finish(
        &mut self,
        outcome: Outcome<MatchingTask>,
        args: &FunnelArgs,
        started: Instant,
    ) -> Result<Summary, Failure> {
        let Outcome { progress: run, stop, trained, steps } = outcome;
        let stopped = match stop {
            Stop::Finished => None,
            Stop::Judged(collapse) => Some(collapse.to_string()),
            Stop::Interrupted => {
                self.told.finish();
                self.save(&run, None)?;
                return Err(self.interrupted(run.step()));
            }
        };
        let made = run.step();
        let (run, delivered) = run.deliver(stop);
        let delivered = delivered.map_or(0, |c: Check| c.step);
        self.save(&run, stopped.as_deref())?;
        if let Some(why) = &stopped {
            self.told.warn(&format!(
                "stopped: {why}.\n  The decoder had learned to make its posterior unlike the encoder's proposal, where \
                 the estimate of log p(x) is wrong in its favour.\n  The best state, of step {}, is delivered. \
                 Training by `--estimator upper` does not do this; with sumo, raise --gap-penalty or lower --lr.",
                thousands(u64::from(delivered))
            ));
        } else if delivered != made {
            self.told.note(&format!(
                "the state of step {} was better than the last: it is delivered",
                thousands(u64::from(delivered))
            ));
        }
        let examples = args.eval_examples as usize;
        let (n, k) = (thousands(u64::from(args.eval_examples)), args.eval_samples);
        self.told.doing(&format!("evaluating on {n} fresh samples of the model, {k} importance samples each"));
        let model = &run.state().model;
        let chunk = (ROWS / k.max(1) as usize).max(1);
        let Matching { target, dtype, .. } = &self.matching;
        let divergence = Divergence::new(target.clone(), *dtype, k as usize, chunk);
        let reverse = divergence.reverse(model, self.key(Purpose::Reverse), examples)?;
        let forward = divergence.forward(model, self.key(Purpose::Forward), examples)?;
        self.told.doing("drawing");
        self.draw(model, delivered)?;
        curve(&self.folder.curve(), run.checks(), self.matching.target.log_normalizer())?;
        self.told.finish();
        let row = ESTIMATORS.iter().find(|row| row.name == self.settings.estimator);
        let train_seconds = trained.as_secs_f64();
        let summary = Summary {
            target: self.settings.target.clone(),
            estimator: self.settings.estimator.clone(),
            estimator_kind: row.map_or_else(String::new, |row| row.kind.to_string()),
            steps: made,
            seconds: started.elapsed().as_secs_f64(),
            train_seconds,
            steps_per_second: (steps > 0).then(|| f64::from(steps) / train_seconds),
            reverse_kl_lower: reverse.lower.mean,
            reverse_kl_upper: reverse.upper.mean,
            reverse_kl_se: reverse.upper.se,
            forward_kl: forward.as_ref().map(|f| f.upper.mean),
            forward_kl_se: forward.as_ref().map(|f| f.upper.se),
            normalized: reverse.normalized,
            ess: reverse.ess,
            delivered_step: delivered,
            stopped,
            compiles: pullback::compiles(),
            seed: self.settings.seed,
            out: self.folder.path().display().to_string(),
        };
        report::write(&self.folder, &self.settings, &summary, run.checks())?;
        Ok(summary)
    }
}

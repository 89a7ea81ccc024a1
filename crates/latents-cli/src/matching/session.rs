//! A run and everything it writes to, from its first step to its report.

use super::resume::{Beginning, command_line, out_folder, protect};
use super::written::Endless;
use super::{Config, Job, Written};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::folder::Folder;
use crate::output::pictures::{Pictures, curve};
use crate::output::summary::Summary;
use crate::output::{metrics, print, report};
use crate::progress::{Progress as Told, thousands};
use crate::settings::Settings;
use latents::estimator::ESTIMATORS;
use latents::evaluation::{Divergence, samples};
use latents::model::Vae;
use latents::objective::Matching;
use latents::train::{Check, Checkpoint, Collapse, Event, Limits, MatchingTask, Plan, Progress, Stop, Watch, train};
use pullback::Key;
use std::time::{Duration, Instant};

/// Importance samples in a check during training.
const CHECK_SAMPLES: usize = 64;
/// Rows that the evaluation works on at a time.
const ROWS: usize = 2048;
/// Points at which a density that is written out is tried.
const SUPPORT_POINTS: usize = 1000;
/// Pictures from the start to the end, besides that of the start.
const PICTURES: u32 = 4;
/// From one save to the next, besides those with a picture.
const SAVE: Duration = Duration::from_secs(10);

/// Keys of a seed, by purpose; the run's own are its first two children.
enum Purpose {
    Pictures = 2,
    Reverse = 3,
    Forward = 4,
    Support = 5,
}

/// A run and everything it writes to.
struct Session {
    kind: String,
    settings: Settings,
    written: Option<Written>,
    matching: Matching,
    folder: Folder,
    told: Told,
    pictures: Option<Pictures>,
    /// The step from which the next picture is due.
    due: u32,
    /// The model at the start, which is drawn after the first step: that is not to wait for a picture.
    first: Option<Vae>,
    saved: Instant,
    /// Whether nothing is saved yet: what an earlier run drew and reported is still there.
    fresh: bool,
}

/// A run that made its last step.
struct Ended {
    run: Progress<MatchingTask>,
    /// Steps made in all.
    made: u32,
    /// The step whose state is delivered.
    delivered: u32,
    /// Why it was stopped before its last step.
    stopped: Option<String>,
    /// The time spent in steps here, and their number.
    trained: (Duration, u32),
}

/// Runs a job.
///
/// # Errors
/// [`Failure`].
pub fn run(job: &Job<'_>) -> Result<(), Failure> {
    let options = job.options;
    options.manners.apply();
    let Beginning { settings, written, target, checkpoint, stopped, extended } = Beginning::of(job)?;
    let matching = settings.matching(target).map_err(|e| job.unusable(e.to_string()))?;
    let rows = (options.eval_samples as usize).max(ROWS);
    matching.check_rows("--eval-samples", rows).map_err(|e| job.unusable(e.to_string()))?;
    let task = MatchingTask::new(matching.clone(), settings.check_examples as usize, CHECK_SAMPLES);
    let resumed = checkpoint.is_some();
    let out = out_folder(job, &settings);
    if !resumed {
        protect(&out, job)?;
    }
    let progress = match checkpoint {
        Some(checkpoint) => Progress::take(&task, checkpoint).map_err(|e| Failure::resume(&e, job.command))?,
        None => Progress::new(&task, Key::new(settings.seed))?,
    };
    if let (Some(written), false) = (&written, resumed) {
        // The first check would meet such points, and end the run before its first step.
        let draws = samples(&progress.state().model, support_key(&settings), SUPPORT_POINTS)?;
        if let Some(lost) = written.lost(&*matching.target, &draws)? {
            return Err(Failure::usage(lost, Written::REMEDY));
        }
        match written.endless(&*matching.target, &draws)? {
            Some(Endless { rises: true, what, help }) => return Err(Failure::usage(what, help)),
            Some(Endless { what, help, .. }) => eprintln!("warning: {what}\n  {help}"),
            None => {}
        }
    }
    let folder = Folder::open(&out)?;
    interrupt::listen()?;
    let told = Told::new(options.manners.quiet, progress.step(), settings.steps);
    let due = next_picture(&settings, progress.checks().last().map(|c| c.step));
    let (kind, saved) = (job.kind(), Instant::now());
    let mut session = Session {
        kind,
        settings,
        written,
        matching,
        folder,
        told,
        pictures: None,
        due,
        first: None,
        saved,
        fresh: !resumed,
    };
    for warning in session.warnings(job) {
        eprintln!("warning: {warning}");
    }
    if let Some(written) = &session.written {
        session.told.note(&format!("matching {}", written.equation()));
    }
    if let Some(said) = &extended {
        session.told.note(said);
    }
    if resumed {
        session.told_of(progress.step(), stopped.is_some());
    }
    let ended = match stopped {
        Some(why) => Ended::again(progress, why),
        None => session.train(&task, progress)?,
    };
    let summary = session.finish(ended, job)?;
    if options.manners.json {
        if !options.manners.quiet {
            eprintln!("{}", summary.table());
        }
        print(&summary.json())?;
    } else {
        print(&format!("{}\n{}", summary.table(), session.folder.report().display()))?;
    }
    Ok(())
}

/// Why a run ended that made all its steps.
pub fn all_done(steps: u32) -> String {
    format!("all {} steps are done", thousands(u64::from(steps)))
}

/// Of the points at which a density that is written out is tried.
fn support_key(settings: &Settings) -> Key {
    Key::new(settings.seed).fold_in(Purpose::Support as u32)
}

/// The step from which the next picture is due, after a check at `step`.
fn next_picture(settings: &Settings, step: Option<u32>) -> u32 {
    let Some(step) = step else { return 0 };
    let quarter = |i: u32| (u64::from(settings.steps) * u64::from(i) / u64::from(PICTURES)) as u32;
    (1..=PICTURES).map(quarter).find(|&at| at > step).unwrap_or(u32::MAX)
}

impl Ended {
    /// A run that was stopped for good, as it was saved.
    fn again(run: Progress<MatchingTask>, why: String) -> Ended {
        let delivered = Watch::best(run.checks()).map_or(0, |c| c.step);
        Ended { made: run.step(), delivered, stopped: Some(why), trained: (Duration::ZERO, 0), run }
    }
}

impl Session {
    fn warnings(&self, job: &Job<'_>) -> Vec<String> {
        let idle = self.settings.idle(&job.options.settings);
        let idle = idle.iter().map(|o| format!("{o} has no effect with the estimator {}", self.settings.estimator));
        idle.chain(self.matching.warnings().iter().map(|w| w.to_string())).collect()
    }

    /// Tells where a resumed run stands.
    fn told_of(&self, step: u32, stopped: bool) {
        let (all, step) = (self.settings.steps, step.min(self.settings.steps));
        let (step_told, steps) = (thousands(u64::from(step)), thousands(u64::from(all)));
        self.told.note(&if stopped {
            format!("this run broke down at step {step_told}: evaluating what it delivered again")
        } else if step < all {
            format!("going on from step {step_told} of {steps}")
        } else {
            format!("all {steps} steps are made: evaluating again")
        });
    }

    /// Trains, drawing and saving on the way.
    fn train(&mut self, task: &MatchingTask, progress: Progress<MatchingTask>) -> Result<Ended, Failure> {
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
        if let Some(failure) = failure {
            self.told.finish();
            return Err(failure);
        }
        let run = outcome.progress;
        let (stopped, lesson) = match outcome.stop {
            Stop::Finished => (None, String::new()),
            Stop::Judged(collapse) => (Some(collapse.to_string()), self.lesson(&collapse, &run.state().model)?),
            Stop::Interrupted => {
                self.told.finish();
                self.save(&run, None)?;
                return Err(self.interrupted(run.step()));
            }
        };
        let made = run.step();
        let (run, delivered) = run.deliver(outcome.stop);
        let delivered = delivered.map_or(0, |c: Check| c.step);
        self.save(&run, stopped.as_deref())?;
        self.tell_end(made, delivered, stopped.as_deref(), &lesson);
        Ok(Ended { run, made, delivered, stopped, trained: (outcome.trained, outcome.steps) })
    }

    /// What a breakdown is due to, and what helps against it.
    fn lesson(&self, collapse: &Collapse, model: &Vae) -> Result<String, Failure> {
        if let (Some(written), Collapse::Loss { .. } | Collapse::Figures { .. }) = (&self.written, collapse) {
            let draws = samples(model, support_key(&self.settings), SUPPORT_POINTS)?;
            if let Some(lost) = written.lost(&*self.matching.target, &draws)? {
                return Ok(format!("The expression is the cause: {lost}.\n  {}", Written::REMEDY));
            }
        }
        Ok("The decoder had learned to make its posterior unlike the encoder's proposal, where the estimate of log p(x) \
            is wrong in its favour.\n  Training by `--estimator upper` does not do this; with sumo, raise --gap-penalty \
            or lower --lr."
            .to_owned())
    }

    fn tell_end(&self, made: u32, delivered: u32, stopped: Option<&str>, lesson: &str) {
        let step = thousands(u64::from(delivered));
        if let Some(why) = stopped {
            self.told.warn(&format!("stopped: {why}.\n  {lesson}\n  The best state, of step {step}, is delivered."));
        } else if delivered != made {
            self.told.note(&format!("the state of step {step} was better than the last: it is delivered"));
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
        let config = Config {
            settings: self.settings.clone(),
            stopped: stopped.map(str::to_owned),
            written: self.written.clone(),
        };
        let config = serde_json::to_value(config).map_err(|e| Failure::write(&path, &e))?;
        let mut checkpoint = Checkpoint::new(&self.kind, config);
        let put = run.put(&mut checkpoint);
        put.and_then(|()| checkpoint.save(&path)).map_err(|e| Failure::write(&path, &e.fault))?;
        if std::mem::take(&mut self.fresh) {
            self.folder.clear()?;
        }
        metrics::write(&self.folder.metrics(), run.checks())?;
        self.saved = Instant::now();
        Ok(())
    }

    fn interrupted(&self, step: u32) -> Failure {
        let folder = self.folder.path().display();
        let (step, steps) = (thousands(u64::from(step)), thousands(u64::from(self.settings.steps)));
        let how = command_line(&self.kind, &self.folder);
        Failure::Interrupted {
            saved: format!("interrupted at step {step} of {steps}; saved in {folder}\ngo on with: {how}"),
        }
    }

    /// After the last step the run is saved; what is lost is the evaluation.
    fn interrupted_late(&self) -> Failure {
        self.told.finish();
        let (folder, how) = (self.folder.path().display(), command_line(&self.kind, &self.folder));
        Failure::Interrupted {
            saved: format!(
                "interrupted while evaluating; the run is complete and saved in {folder}\nevaluate it with: {how}"
            ),
        }
    }

    /// After the last step: evaluates and reports.
    fn finish(&mut self, ended: Ended, job: &Job<'_>) -> Result<Summary, Failure> {
        let Ended { run, made, delivered, stopped, trained: (trained, steps) } = ended;
        let examples = job.options.eval_examples as usize;
        let (n, k) = (thousands(u64::from(job.options.eval_examples)), job.options.eval_samples);
        self.told.doing(&format!("evaluating on {n} fresh samples of the model, {k} importance samples each"));
        let model = &run.state().model;
        let chunk = (ROWS / k.max(1) as usize).max(1);
        let Matching { target, dtype, .. } = &self.matching;
        let divergence = Divergence::new(target.clone(), *dtype, k as usize, chunk);
        let stop: &dyn Fn() -> bool = &interrupt::asked;
        let Some(reverse) = divergence.reverse_unless(model, self.key(Purpose::Reverse), examples, stop)? else {
            return Err(self.interrupted_late());
        };
        let forward = divergence.forward_unless(model, self.key(Purpose::Forward), examples, stop)?;
        if interrupt::asked() {
            return Err(self.interrupted_late());
        }
        self.told.doing("drawing");
        self.draw(model, delivered)?;
        curve(&self.folder.curve(), run.checks(), self.matching.target.log_normalizer())?;
        self.told.finish();
        // Where the model went there may be a direction that was not seen at the beginning.
        let endless = match &self.written {
            Some(written) => written
                .endless(&*self.matching.target, &samples(model, support_key(&self.settings), SUPPORT_POINTS)?)?,
            None => None,
        };
        if let Some(Endless { what, help, .. }) = &endless {
            self.told.warn(&format!("warning: {what}\n  the figures are of no density\n  {help}"));
        }
        let row = ESTIMATORS.iter().find(|row| row.name == self.settings.estimator);
        let train_seconds = trained.as_secs_f64();
        let summary = Summary {
            target: self.settings.target.clone(),
            estimator: self.settings.estimator.clone(),
            kind: row.map_or_else(String::new, |row| row.kind.to_string()),
            steps: made,
            seconds: job.started.elapsed().as_secs_f64(),
            train_seconds,
            steps_per_second: (steps > 0).then(|| f64::from(steps) / train_seconds),
            reverse_kl_lower: reverse.lower.mean,
            reverse_kl_upper: reverse.upper.mean,
            reverse_kl_standard_error: reverse.upper.se,
            forward_kl: forward.as_ref().map(|f| f.upper.mean),
            forward_kl_standard_error: forward.as_ref().map(|f| f.upper.se),
            normalised: reverse.normalized,
            log_normaliser_lower: (!reverse.normalized && endless.is_none()).then_some(-reverse.upper.mean),
            endless: endless.map(|e| e.what),
            effective_sample_size: reverse.ess,
            best_step: delivered,
            broken: stopped.is_some(),
            ended: stopped.unwrap_or_else(|| all_done(self.settings.steps)),
            compiles: pullback::compiles(),
            seed: self.settings.seed,
            out: self.folder.path().display().to_string(),
        };
        let written = self.written.as_ref().map_or_else(Vec::new, Written::rows);
        let again = command_line(&self.kind, &self.folder);
        report::write(&self.folder, &[written, self.settings.rows()].concat(), &summary, run.checks(), &again)?;
        Ok(summary)
    }
}

//! A fit on the command line: live progress, saving on the way, and the results.

use crate::args::{Manners, whole};
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::{Progress as Told, counted, seconds, thousands};
use crate::scoring::with_error;
use comfy_table::{CellAlignment, Table, presets};
use latents::atomic::write_atomically;
use latents::evaluation::bits_per_dimension;
use latents::run::{Figure, FitError, Fitting, Folder, Header, Run, checkpoint, curves, metrics_csv, report};
use latents::train::Event;
use serde_json::json;
use std::time::{Duration, Instant};

/// A fit and where it is written to.
pub struct Session<'a> {
    fitting: Fitting,
    folder: Folder,
    manners: &'a Manners,
    /// From one save to the next.
    save_every: Duration,
}

/// How often the state is saved.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Saving {
    /// Seconds from one save of the state to the next, by which a killed run is resumed.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub save_every: u32,
}

/// The results of a fit.
pub struct Summary {
    header: Header,
    steps: u32,
    epochs: f64,
    seconds: f64,
    train_seconds: f64,
    folder: Folder,
    parts: [usize; 3],
}

impl<'a> Session<'a> {
    /// A session of a fit that is new or goes on.
    pub fn new(fitting: Fitting, folder: Folder, manners: &'a Manners, saving: Saving) -> Session<'a> {
        Session { fitting, folder, manners, save_every: Duration::from_secs(u64::from(saving.save_every)) }
    }

    /// Trains to the end, judges the best model and writes everything.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] after Ctrl-C, with the state saved; a number that is none, with the last good state
    /// saved; a file that cannot be written.
    pub fn run(mut self, started: Instant) -> Result<Summary, Failure> {
        interrupt::listen()?;
        let (steps, per_epoch) = self.fitting.steps();
        self.save()?;
        if self.fitting.checks().is_empty() {
            // Only now is there something in the place of an older run.
            self.folder.clear()?;
        }
        let begun = self.fitting.checks().last().map_or(0, |c| c.step);
        let mut told = Told::new(self.manners.quiet, begun, steps);
        let (mut failure, mut saved) = (None, Instant::now());
        let (folder, save_every) = (self.folder.clone(), self.save_every);
        let trained = self.fitting.train(&mut |event, run, header| {
            match event {
                Event::Step { loss } => told.step(run.step(), loss),
                Event::Check => {
                    if let Some(check) = run.checks().last() {
                        let epoch = check.step / per_epoch.max(1);
                        let figure = format!("{:.4} ± {:.4}", check.validation, check.se);
                        let loss =
                            if check.loss.is_nan() { String::new() } else { format!(", training {:.4}", -check.loss) };
                        let line = format!("epoch {epoch}{loss}, validation {figure} nats per row");
                        told.look(check.step, &format!(", validation {figure}"), &line);
                    }
                }
            }
            if saved.elapsed() >= save_every {
                saved = Instant::now();
                if let Err(e) = write(&folder, header, run, per_epoch) {
                    failure = Some(e);
                    return false;
                }
            }
            !interrupt::asked()
        });
        if let Some(failure) = failure {
            told.finish();
            return Err(failure);
        }
        let trained = match trained {
            Ok(trained) => trained,
            Err(e) => {
                told.finish();
                self.save()?;
                return Err(e.into());
            }
        };
        if trained.interrupted {
            told.finish();
            self.save()?;
            let at = self.folder.path().display();
            return Err(Failure::Interrupted {
                saved: format!("interrupted; saved in {at}\ngo on with: latents resume {at}"),
            });
        }
        self.save()?;
        if !self.fitting.split().test.is_empty() {
            told.doing("judging the best model on the test rows");
        }
        let fitted = self.fitting.judge()?;
        self.save()?;
        told.doing("drawing");
        let header = self.fitting.header().clone();
        write_file(&self.folder.picture("curves"), &curves(self.fitting.checks(), per_epoch)?)?;
        // The figures are there: a picture that cannot be drawn does not take them away.
        let pictures = fitted.pictures(self.fitting.train_rows()).unwrap_or_else(|e| {
            told.finish();
            eprintln!("warning: no pictures: {e}");
            Vec::new()
        });
        for drawn in &pictures {
            write_file(&self.folder.picture(drawn.name), &drawn.png)?;
        }
        let html = report(&header, self.fitting.checks(), per_epoch, pictures)?;
        write_file(&self.folder.report(), html.as_bytes())?;
        told.finish();
        let split = self.fitting.split();
        let made = self.fitting.checks().last().map_or(0, |c| c.step);
        Ok(Summary {
            header,
            steps: made,
            epochs: f64::from(made) / f64::from(per_epoch.max(1)),
            seconds: started.elapsed().as_secs_f64(),
            train_seconds: trained.time.as_secs_f64(),
            parts: [split.train.len(), split.validation.len(), split.test.len()],
            folder: self.folder,
        })
    }

    fn save(&self) -> Result<(), Failure> {
        let (_, per_epoch) = self.fitting.steps();
        self.fitting.checkpoint()?.save(&self.folder.model()).map_err(FitError::from)?;
        write_file(&self.folder.metrics(), metrics_csv(self.fitting.checks(), per_epoch).as_bytes())
    }
}

fn write(folder: &Folder, header: &Header, run: &Run, per_epoch: u32) -> Result<(), Failure> {
    checkpoint(header, run)?.save(&folder.model()).map_err(FitError::from)?;
    write_file(&folder.metrics(), metrics_csv(run.checks(), per_epoch).as_bytes())
}

/// Writes a whole file, or none.
///
/// # Errors
/// Where it cannot be written.
pub fn write_file(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    write_atomically(path, bytes).map_err(|cause| FitError::Write { path: path.to_owned(), cause }.into())
}

impl Summary {
    /// The results for people.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        if let Some(figures) = &self.header.figures {
            let mut table = Table::new();
            table.load_style(presets::UTF8_BORDERS_ONLY);
            table.set_header(vec![
                format!("log density of {}", counted(figures.rows as u64, "test row")),
                "nats per row".to_owned(),
                "bits per dimension".to_owned(),
            ]);
            let mut row = |name: String, f: &Figure| {
                let value = with_error(f.log_density, f.standard_error);
                let (bits, error) = bits_per_dimension(f.log_density, f.standard_error, self.header.columns.len());
                table.add_row(vec![name, value, with_error(bits, error)]);
            };
            row(format!("this model, {} ({})", figures.estimator, kind(&figures.kind)), &figures.model);
            for baseline in &figures.baselines {
                row(format!("{} (exact)", baseline.name), baseline);
            }
            for column in [1, 2] {
                if let Some(column) = table.column_mut(column) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
            lines.push(table.to_string());
            lines.extend(figures.missing.iter().map(|why| format!("no figure of {why}")));
        } else {
            lines.push("no figure: data.test leaves no row to test on".to_owned());
        }
        if let Some(ended) = &self.header.ended {
            let (steps, best) = (counted(u64::from(self.steps), "step"), thousands(u64::from(ended.best_step)));
            lines.push(format!("ended after {steps}: {}; the model is that of step {best}", ended.why));
        }
        lines.push(format!("{} ({} training)", seconds(self.seconds), seconds(self.train_seconds)));
        lines.push(self.folder.report().display().to_string());
        lines.join("\n")
    }

    /// The results as one JSON object.
    pub fn json(&self) -> String {
        let header = &self.header;
        let figures = header.figures.as_ref();
        let baseline = |f: &Figure| {
            json!({
                "name": f.name, "estimator": "exact", "kind": "exact", "test_log_density": f.log_density,
                "standard_error": f.standard_error,
            })
        };
        let bits =
            figures.map(|f| bits_per_dimension(f.model.log_density, f.model.standard_error, header.columns.len()));
        json!({
            "data": header.source.path,
            "rows": header.source.rows,
            "columns": header.columns.iter().map(|c| &c.name).collect::<Vec<_>>(),
            "train_rows": self.parts[0],
            "validation_rows": self.parts[1],
            "test_rows": self.parts[2],
            "test_log_density": figures.map(|f| f.model.log_density),
            "standard_error": figures.map(|f| f.model.standard_error),
            "bits_per_dimension": bits.map(|b| b.0),
            "bits_per_dimension_standard_error": bits.map(|b| b.1),
            "unit": "nats per row",
            "estimator": figures.map(|f| &f.estimator),
            "kind": figures.map(|f| &f.kind),
            "samples": figures.map(|f| f.samples),
            "baselines": figures.map_or_else(Vec::new, |f| f.baselines.iter().map(baseline).collect()),
            "missing_baselines": figures.map_or(&[][..], |f| &f.missing),
            "steps": self.steps,
            "epochs": self.epochs,
            "best_step": header.ended.as_ref().map(|e| e.best_step),
            "ended": header.ended.as_ref().map(|e| &e.why),
            "seconds": self.seconds,
            "train_seconds": self.train_seconds,
            "seed": header.config.seed,
            "out": self.folder.path().display().to_string(),
        })
        .to_string()
    }
}

/// What an estimator's kind is called beside its figure.
fn kind(kind: &str) -> String {
    match kind {
        "lower" | "upper" => format!("{kind} bound"),
        other => other.to_owned(),
    }
}

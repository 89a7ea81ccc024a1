//! Training: the loop, the watch over it, and checkpoints.

pub mod checkpoint;
mod examples;
mod fit;
mod matching;
mod record;
mod run;
mod watch;

pub use checkpoint::{Checkpoint, CheckpointError, Fault};
pub use examples::{Examples, epoch_order};
pub use fit::{FitCheck, FitEnd, FitSettings, FitTask, NotFinite, Patience};
pub use matching::MatchingTask;
pub use record::{Judge, Record};
pub use run::{Event, Outcome, Plan, Progress, Stage, Stop, Task, Verdict, train};
pub use watch::{Check, Collapse, Limits, Watch};

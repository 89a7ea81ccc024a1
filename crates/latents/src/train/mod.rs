//! Training: the loop, the watch over it, and checkpoints.

pub mod checkpoint;
mod matching;
mod run;
mod watch;

pub use checkpoint::{Checkpoint, CheckpointError, Fault};
pub use matching::MatchingTask;
pub use run::{Event, Figures, Outcome, Plan, Progress, Stop, Task, train};
pub use watch::{Check, Collapse, Limits, Watch};

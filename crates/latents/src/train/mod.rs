//! Training: the loop, the watch over it, and checkpoints.

pub mod checkpoint;
pub mod run;
pub mod watch;

pub use checkpoint::{Checkpoint, CheckpointError, Fault};
pub use run::{Event, Figures, Outcome, Plan, Progress, Stop, Task, train};
pub use watch::{Check, Collapse, Limits, Watch};

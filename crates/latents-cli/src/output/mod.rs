//! What a run leaves behind: files in a folder, a table, a JSON object.

pub mod folder;
pub mod metrics;
pub mod pictures;
pub mod report;
pub mod summary;

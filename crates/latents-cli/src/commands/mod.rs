//! The commands, one a file.

pub mod funnel;
pub mod match_energy;

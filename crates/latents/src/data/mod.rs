//! Data: rows of numbers with named columns, out of files and into tensors.
//!
//! [`read`] and [`open`] take a file's columns; [`Split`] parts the rows; [`Preprocess`] is what the model sees of them
//! and what that does to a density.

mod columns;
mod csv;
mod error;
mod format;
mod input;
mod missing;
mod preprocess;
mod random_rows;
mod reader;
mod split;
mod table;

pub use csv::Header;
pub use error::{DataError, Fault};
pub use missing::Missing;
pub use preprocess::{Preprocess, Step};
pub use reader::{ReadOptions, Reader, open, open_bytes, read, read_bytes};
pub use split::Split;
pub use table::{Column, ColumnKind, Table};

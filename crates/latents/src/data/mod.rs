//! Data: rows of numbers with named columns, out of files and into tensors.
//!
//! [`read`] and [`open`] take a file's columns; [`Split`] parts the rows; [`Preprocess`] is what the model sees of them
//! and what that does to a density.

#[cfg(feature = "arrow")]
mod arrow;
#[cfg(any(feature = "arrow", feature = "parquet"))]
mod arrow_rows;
mod binarise;
mod columns;
mod csv;
mod element;
mod error;
mod format;
mod hash;
mod idx;
mod input;
mod missing;
mod npy;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod picture;
mod points;
mod preprocess;
mod random_rows;
mod reader;
mod split;
mod table;

pub use binarise::{Binarise, Binariser};
pub use csv::Header;
pub(crate) use error::is_of_the_name;
pub use error::{DataError, Fault};
pub(crate) use hash::Hash;
pub use missing::Missing;
pub use points::Ink;
pub use preprocess::{Preprocess, Step};
pub use reader::{ReadOptions, Reader, open, open_bytes, read, read_bytes};
pub use split::Split;
pub use table::{Column, ColumnKind, Table};

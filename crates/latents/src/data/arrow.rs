//! Arrow IPC files, also known as Feather version 2 (<https://arrow.apache.org/docs/format/Columnar.html>).

use crate::data::arrow_rows::{ArrowRows, Batches, caught, corrupt};
use crate::data::error::{DataError, Fault};
use crate::data::input::{Input, ReadSeek};
use arrow_ipc::reader::FileReader;

/// The rows of an Arrow file.
pub(super) fn open(input: Input) -> Result<ArrowRows, DataError> {
    let store = input.store()?;
    let schema = reader(store.open()?, None)?.schema();
    let batches = move |columns| -> Result<Batches, Fault> { Ok(Box::new(reader(store.open()?, Some(columns))?)) };
    ArrowRows::new("Arrow", schema, Box::new(batches))
}

fn reader(bytes: Box<dyn ReadSeek>, columns: Option<Vec<usize>>) -> Result<FileReader<Box<dyn ReadSeek>>, Fault> {
    caught("Arrow", || FileReader::try_new(bytes, columns))?.map_err(|cause| corrupt("Arrow", &cause))
}

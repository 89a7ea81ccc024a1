//! Arrow IPC files, also known as Feather version 2 (<https://arrow.apache.org/docs/format/Columnar.html>).

use crate::data::arrow_rows::{ArrowRows, Batches, corrupt};
use crate::data::error::{DataError, Fault};
use crate::data::input::{Input, ReadSeek};
use arrow_ipc::reader::FileReader;

/// The rows of an Arrow file.
pub(super) fn open(input: Input) -> Result<ArrowRows, DataError> {
    let store = input.store()?;
    let fault = |cause| corrupt("Arrow", &cause);
    let schema = FileReader::try_new(store.open()?, None).map_err(fault)?.schema();
    let batches = move |columns: Vec<usize>| -> Result<Batches, Fault> {
        let reader: FileReader<Box<dyn ReadSeek>> = FileReader::try_new(store.open()?, Some(columns)).map_err(fault)?;
        Ok(Box::new(reader))
    };
    ArrowRows::new("Arrow", schema, Box::new(batches))
}

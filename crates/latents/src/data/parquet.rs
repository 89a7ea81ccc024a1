//! Parquet files (<https://parquet.apache.org/docs/file-format/>).

use crate::data::arrow_rows::{ArrowRows, Batches, caught, corrupt};
use crate::data::error::{DataError, Fault};
use crate::data::input::{Input, Store};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use std::fs::File;

/// Rows in one batch.
const ROWS: usize = 1024;

/// The rows of a Parquet file.
pub(super) fn open(input: Input) -> Result<ArrowRows, DataError> {
    match input.store()? {
        Store::File(path) => of(File::open(path).map_err(Fault::Read)?),
        Store::Memory(bytes) => of(bytes::Bytes::from_owner(bytes)),
    }
}

fn of(bytes: impl ChunkReader + 'static) -> Result<ArrowRows, DataError> {
    let fault = |cause| corrupt("Parquet", &cause);
    let builder = caught("Parquet", || ParquetRecordBatchReaderBuilder::try_new(bytes))?.map_err(fault)?;
    let schema = builder.schema().clone();
    let batches = move |columns: Vec<usize>| -> Result<Batches, Fault> {
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
        let built = caught("Parquet", || builder.with_projection(mask).with_batch_size(ROWS).build())?;
        Ok(Box::new(built.map_err(fault)?))
    };
    ArrowRows::new("Parquet", schema, Box::new(batches))
}

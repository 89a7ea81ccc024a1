//! Arrow IPC files, also known as Feather version 2 (<https://arrow.apache.org/docs/format/Columnar.html>).

use crate::data::arrow_rows::{ArrowRows, Batches, caught, corrupt};
use crate::data::error::{DataError, Fault};
use crate::data::input::{Input, ReadSeek};
use arrow_ipc::reader::{FileReader, read_footer_length};
use std::io::SeekFrom;

/// The rows of an Arrow file.
pub(super) fn open(input: Input) -> Result<ArrowRows, DataError> {
    let store = input.store()?;
    let schema = reader(store.open()?, None)?.schema();
    let batches = move |columns| -> Result<Batches, Fault> { Ok(Box::new(reader(store.open()?, Some(columns))?)) };
    ArrowRows::new("Arrow", schema, Box::new(batches))
}

fn reader(mut bytes: Box<dyn ReadSeek>, columns: Option<Vec<usize>>) -> Result<FileReader<Box<dyn ReadSeek>>, Fault> {
    caught("Arrow", || check_blocks(&mut bytes))??;
    caught("Arrow", || FileReader::try_new(bytes, columns))?.map_err(|cause| corrupt("Arrow", &cause))
}

/// The length of the footer and the mark, at the file's end.
const END: u64 = 10;

/// Refuses a file that claims blocks it has no room for: the reader would take that much memory first.
fn check_blocks(file: &mut dyn ReadSeek) -> Result<(), Fault> {
    let broken = |what: &str| Fault::Corrupt { format: "Arrow", what: what.to_owned() };
    let size = file.seek(SeekFrom::End(0)).map_err(Fault::Read)?;
    let start = size.checked_sub(END).ok_or_else(|| broken("it is too short for a footer"))?;
    file.seek(SeekFrom::Start(start)).map_err(Fault::Read)?;
    let mut end = [0; END as usize];
    file.read_exact(&mut end).map_err(Fault::Read)?;
    let length = read_footer_length(end).map_err(|cause| corrupt("Arrow", &cause))?;
    let from = start.checked_sub(length as u64).ok_or_else(|| broken("its footer is longer than the file"))?;
    file.seek(SeekFrom::Start(from)).map_err(Fault::Read)?;
    let mut footer = vec![0; length];
    file.read_exact(&mut footer).map_err(Fault::Read)?;
    let footer = arrow_ipc::root_as_footer(&footer).map_err(|_| broken("its footer cannot be read"))?;
    let mut blocks = footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    let fits = |block: &arrow_ipc::Block| {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let sum = parts.iter().try_fold(0i64, |sum, &part| if part < 0 { None } else { sum.checked_add(part) });
        sum.is_some_and(|end| end as u64 <= from)
    };
    if blocks.all(fits) { Ok(()) } else { Err(broken("its footer claims a block beyond the file's end")) }
}

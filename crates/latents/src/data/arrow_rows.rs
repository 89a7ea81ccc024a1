//! Rows out of Arrow's record batches.

use crate::data::error::{DataError, Fault, short};
use crate::data::reader::{Cells, MAX_COLUMNS, Row, Source, Value};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// Record batches of the chosen columns.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// Opens the batches once the columns are chosen; the positions are ascending.
pub(super) type Open = Box<dyn FnOnce(Vec<usize>) -> Result<Batches, Fault>>;

/// Whole numbers beyond this are not all f64s.
const EXACT: u64 = 1 << 53;

/// The rows of record batches.
pub(super) struct ArrowRows {
    format: &'static str,
    schema: SchemaRef,
    names: Vec<String>,
    open: Option<Open>,
    batches: Batches,
    batch: Option<RecordBatch>,
    at: usize,
    /// The position in the file of each column of a batch.
    chosen: Vec<usize>,
    values: Vec<Value>,
}

impl ArrowRows {
    pub fn new(format: &'static str, schema: SchemaRef, open: Open) -> Result<ArrowRows, DataError> {
        let names = names(&schema);
        if names.len() > MAX_COLUMNS {
            return Err(Fault::TooWide { found: names.len() as u128, most: MAX_COLUMNS }.into());
        }
        let values = names.iter().map(|_| Value::Missing).collect();
        let (open, batches) = (Some(open), Box::new(std::iter::empty()));
        Ok(ArrowRows { format, schema, names, open, batches, batch: None, at: 0, chosen: Vec::new(), values })
    }

    /// The next batch that has rows; false at the end.
    fn advance(&mut self) -> Result<bool, Fault> {
        while let Some(batch) = caught(self.format, || self.batches.next())? {
            let batch = batch.map_err(|cause| corrupt(self.format, &cause))?;
            if batch.num_columns() != self.chosen.len() {
                let what = "a batch has other columns than the schema".to_owned();
                return Err(Fault::Corrupt { format: self.format, what });
            }
            if batch.num_rows() > 0 {
                (self.batch, self.at) = (Some(batch), 0);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Source for ArrowRows {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        true
    }

    fn choose(&mut self, columns: &[usize]) -> Result<(), DataError> {
        for &j in columns {
            let kind = self.schema.field(j).data_type();
            if !is_readable(kind) {
                let what = format!("a column of type {}", short(&kind.to_string()));
                let help =
                    "numbers, truth values and text are read: convert it, or leave it out with `--without`".into();
                return Err(Fault::Unsupported { what, help }.at(&self.names[j]));
            }
        }
        self.chosen = columns.to_vec();
        self.chosen.sort_unstable();
        if let Some(open) = self.open.take() {
            self.batches = open(self.chosen.clone())?;
        }
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        if self.batch.as_ref().is_none_or(|batch| self.at == batch.num_rows()) && !self.advance()? {
            return Ok(None);
        }
        let Some(batch) = &self.batch else { return Ok(None) };
        for (array, &j) in batch.columns().iter().zip(&self.chosen) {
            self.values[j] = value(array.as_ref(), self.at).map_err(|fault| fault.at(&self.names[j]))?;
        }
        self.at += 1;
        Ok(Some(Row { line: None, cells: Cells::Mixed(&self.values) }))
    }
}

thread_local! {
    /// Whether a panic of this thread is an answer of a reader.
    static ANSWER: Cell<bool> = const { Cell::new(false) };
}

/// What `f` gives. Arrow's readers panic on some damaged files, where this program promises an error; what `f` worked
/// on is not used after that. Of such a panic the process's hook hears nothing: it would print it, or end the process.
pub(super) fn caught<T>(format: &'static str, f: impl FnOnce() -> T) -> Result<T, Fault> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !ANSWER.get() {
                others(panic);
            }
        }));
    });
    ANSWER.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    ANSWER.set(false);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Fault::Corrupt {
            format,
            what: text.unwrap_or("its reader failed").lines().next().unwrap_or_default().to_owned(),
        }
    })
}

/// A fault that Arrow's own reader reports.
pub(super) fn corrupt(format: &'static str, cause: &dyn std::error::Error) -> Fault {
    Fault::Corrupt { format, what: cause.to_string().lines().next().unwrap_or_default().to_owned() }
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

fn is_readable(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => {
            matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        }
        DataType::Boolean
        | DataType::Null
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => true,
        other => other.is_integer(),
    }
}

/// One cell.
fn value(array: &dyn Array, i: usize) -> Result<Value, Fault> {
    if array.is_null(i) {
        return Ok(Value::Missing);
    }
    let whole = |number: i64| {
        if number.unsigned_abs() > EXACT {
            Err(Fault::Inexact { value: number.to_string() })
        } else {
            Ok(Value::Number(number as f64))
        }
    };
    match array.data_type() {
        DataType::Boolean => Ok(Value::Number(f64::from(u8::from(array.as_boolean().value(i))))),
        DataType::Float32 => Ok(Value::Number(f64::from(array.as_primitive::<Float32Type>().value(i)))),
        DataType::Float64 => Ok(Value::Number(array.as_primitive::<Float64Type>().value(i))),
        DataType::Int8 => whole(array.as_primitive::<Int8Type>().value(i).into()),
        DataType::Int16 => whole(array.as_primitive::<Int16Type>().value(i).into()),
        DataType::Int32 => whole(array.as_primitive::<Int32Type>().value(i).into()),
        DataType::Int64 => whole(array.as_primitive::<Int64Type>().value(i)),
        DataType::UInt8 => whole(array.as_primitive::<UInt8Type>().value(i).into()),
        DataType::UInt16 => whole(array.as_primitive::<UInt16Type>().value(i).into()),
        DataType::UInt32 => whole(array.as_primitive::<UInt32Type>().value(i).into()),
        DataType::UInt64 => {
            let number = array.as_primitive::<UInt64Type>().value(i);
            whole(i64::try_from(number).map_err(|_| Fault::Inexact { value: number.to_string() })?)
        }
        DataType::Utf8 => Ok(text(array.as_string::<i32>().value(i))),
        DataType::LargeUtf8 => Ok(text(array.as_string::<i64>().value(i))),
        DataType::Utf8View => Ok(text(array.as_string_view().value(i))),
        DataType::Dictionary(key, _) => match **key {
            DataType::Int8 => entry::<Int8Type>(array, i),
            DataType::Int16 => entry::<Int16Type>(array, i),
            DataType::Int32 => entry::<Int32Type>(array, i),
            DataType::Int64 => entry::<Int64Type>(array, i),
            DataType::UInt8 => entry::<UInt8Type>(array, i),
            DataType::UInt16 => entry::<UInt16Type>(array, i),
            DataType::UInt32 => entry::<UInt32Type>(array, i),
            _ => entry::<UInt64Type>(array, i),
        },
        _ => Ok(Value::Missing),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A cell of a dictionary.
fn entry<K: ArrowDictionaryKeyType>(array: &dyn Array, i: usize) -> Result<Value, Fault> {
    let dictionary = array.as_dictionary::<K>();
    match dictionary.key(i) {
        Some(key) => value(dictionary.values().as_ref(), key),
        None => Ok(Value::Missing),
    }
}

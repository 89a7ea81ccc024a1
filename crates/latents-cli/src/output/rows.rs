//! Tables as results: CSV or TSV text, or an NPY file, by the name of the file.

use crate::args::Manners;
use crate::failure::Failure;
use crate::output::{create, format_of, print, put};
use crate::progress::counted;
use crate::session::write_file;
use latents::data::{Column, Table};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// Whether a table can go there: what takes a while is not to be done in vain.
///
/// # Errors
/// A name that tells no format; a place where no file can be made.
pub fn expect(out: Option<&Path>) -> Result<(), Failure> {
    match out.filter(|path| *path != Path::new("-")) {
        Some(path) => format_of(path).and_then(|_| create(path)).map(drop),
        None => Ok(()),
    }
}

/// Writes a table to a file, whole or not at all, or as CSV to standard output where there is none.
///
/// # Errors
/// A file that cannot be written, or categories in an NPY file.
fn write(table: &Table, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else {
        return put(&csv(table, ','));
    };
    let bytes = match format_of(path)? {
        "npy" => npy(table)?,
        "tsv" => csv(table, '\t').into_bytes(),
        _ => csv(table, ',').into_bytes(),
    };
    write_file(path, &bytes)
}

/// What was made of a table's rows; where some of its file were dropped, with the numbers of the others first, by which the
/// two are joined.
///
/// # Errors
/// Columns that have both names of such a column already.
pub fn numbered(made: Table, of: &Table) -> Result<Table, Failure> {
    let Some(numbers) = of.numbers() else { return Ok(made) };
    let taken = made.columns().iter().any(|c| c.name == "row");
    let first = Column::number(if taken { "row number" } else { "row" });
    let columns = std::iter::once(first).chain(made.columns().iter().cloned()).collect();
    let row = |i: usize| std::iter::once(numbers[i] as f64).chain(made.row(i).iter().copied());
    Ok(Table::new(columns, (0..made.rows()).flat_map(row).collect())?)
}

/// Hands over a table: to a file, as CSV to standard output, or as one JSON object.
///
/// # Errors
/// A file that cannot be written.
pub fn deliver(table: &Table, out: Option<&Path>, manners: &Manners, started: Instant) -> Result<(), Failure> {
    let seconds = || started.elapsed().as_secs_f64();
    let out = out.filter(|path| *path != Path::new("-"));
    match out {
        None if manners.json => {
            let columns: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
            let value = |i: usize, j: usize| match table.columns()[j].levels() {
                Some(_) => Value::from(table.text(i, j)),
                None => Value::from(table.row(i)[j]),
            };
            let row = |i: usize| (0..table.width()).map(|j| value(i, j)).collect::<Vec<_>>();
            let all: Vec<Vec<Value>> = (0..table.rows()).map(row).collect();
            print(&json!({ "columns": columns, "rows": all, "seconds": seconds() }).to_string())?;
        }
        _ => write(table, out)?,
    }
    if let Some(out) = out {
        if manners.json {
            let told = json!({ "rows": table.rows(), "out": out.display().to_string(), "seconds": seconds() });
            print(&told.to_string())?;
        } else {
            manners.say(format!("{} written to {}", counted(table.rows() as u64, "row"), out.display()));
        }
    }
    Ok(())
}

/// A header and a line for each row.
fn csv(table: &Table, separator: char) -> String {
    let quoted = |text: &str| {
        let plain = !text.contains([separator, '"', '\n', '\r']);
        if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    let mut out = String::new();
    let mut line = |fields: Vec<String>| {
        for (j, field) in fields.iter().enumerate() {
            if j > 0 {
                out.push(separator);
            }
            out.push_str(field);
        }
        out.push('\n');
    };
    line(table.columns().iter().map(|c| quoted(&c.name)).collect());
    for i in 0..table.rows() {
        line((0..table.width()).map(|j| quoted(&table.text(i, j))).collect());
    }
    out
}

/// Format 1.0, `<f8`, C order.
fn npy(table: &Table) -> Result<Vec<u8>, Failure> {
    if let Some(column) = table.columns().iter().find(|c| c.levels().is_some()) {
        let what = format!("column `{}` is categorical, and NPY holds numbers alone", column.name);
        return Err(Failure::usage(what, "write a .csv"));
    }
    let shape = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, {}), }}", table.rows(), table.width());
    // Magic, version, length and header together are a multiple of 64 bytes.
    let padded = (10 + shape.len() + 1).div_ceil(64) * 64 - 10;
    let header = format!("{shape:<width$}\n", width = padded - 1);
    let length = u16::try_from(header.len()).map_err(|e| Failure::run(e.to_string(), "write a .csv"))?;
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(length.to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(table.values().iter().flat_map(|x| x.to_le_bytes()));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("folder");
        let columns = vec![Column::number("a,b"), Column::number("c")];
        let table = Table::new(columns, vec![0.1, -2.0, 1e-300, 3.0]).expect("table");
        for name in ["t.csv", "t.tsv"] {
            let path = folder.path().join(name);
            write(&table, Some(&path)).expect("written");
            assert_eq!(latents::data::read(&path, &Default::default()).expect("read"), table, "{name}");
        }
        let bytes = npy(&table).expect("bytes");
        assert_eq!((bytes.len() - 32) % 64, 0);
        assert!(write(&table, Some(Path::new("t.xls"))).is_err());
    }
}

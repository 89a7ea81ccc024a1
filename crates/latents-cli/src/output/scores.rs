//! Figures of rows, written as they come: CSV, TSV, NPY or JSON.

use crate::failure::Failure;
use crate::output::{BEGUN, create, format_of, print, put};
use latents::atomic::AtomicFile;
use serde_json::Value;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// A row's figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Its number, from 1.
    pub row: u64,
    /// In nats and the data's units.
    pub log_density: f64,
    /// By Monte Carlo.
    pub standard_error: Option<f64>,
    /// Of its weights.
    pub pareto_k: Option<f64>,
}

/// Where figures go. A file is whole or absent.
pub enum Scores {
    /// Nowhere.
    Nowhere,
    /// Text to a file.
    Text(AtomicFile, PathBuf, char),
    /// CSV to standard output, and whether there is any yet: a mistake that is found before the first row prints none.
    Standard(bool),
    /// Numbers to a file, with how many rows there are so far.
    Npy(AtomicFile, PathBuf, u64),
    /// The `scores` of a JSON object on standard output, and whether there are any yet.
    Json(bool),
}

/// The header of an NPY file is written twice: its length must not depend on the number of rows.
const NPY_HEADER: usize = 128;

fn npy_header(rows: u64) -> Vec<u8> {
    let shape = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, 3), }}");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((NPY_HEADER - 10) as u16).to_le_bytes());
    header.extend(format!("{shape:<width$}\n", width = NPY_HEADER - 11).as_bytes());
    header
}

fn text_header(separator: char) -> String {
    ["row", "log_density", "standard_error", "pareto_k"].join(&separator.to_string()) + "\n"
}

fn cannot(path: &Path, e: &io::Error) -> Failure {
    Failure::run(format!("cannot write {}: {e}", path.display()), "choose a file that you may write to, and with space")
}

impl Scores {
    /// A file by its name, or CSV to standard output.
    ///
    /// # Errors
    /// A name that tells no format; a folder that cannot be written to.
    pub fn open(path: Option<&Path>) -> Result<Scores, Failure> {
        let Some(path) = path.filter(|p| *p != Path::new("-")) else {
            return Ok(Scores::Standard(false));
        };
        let format = format_of(path)?;
        let mut file = create(path)?;
        let separator = if format == "tsv" { '\t' } else { ',' };
        let npy = format == "npy";
        let first = if npy { npy_header(0) } else { text_header(separator).into_bytes() };
        file.write_all(&first).map_err(|e| cannot(path, &e))?;
        let path = path.to_owned();
        Ok(if npy { Scores::Npy(file, path, 0) } else { Scores::Text(file, path, separator) })
    }

    /// One more row.
    ///
    /// # Errors
    /// A full disk.
    pub fn push(&mut self, s: &Scored) -> Result<(), Failure> {
        let cell = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
        let line = |c: char| {
            let (error, k) = (cell(s.standard_error), cell(s.pareto_k));
            format!("{}{c}{}{c}{error}{c}{k}\n", s.row, s.log_density)
        };
        match self {
            Scores::Nowhere => Ok(()),
            Scores::Standard(any) => {
                if !std::mem::replace(any, true) {
                    put(&text_header(','))?;
                }
                put(&line(','))
            }
            Scores::Text(file, path, separator) => {
                file.write_all(line(*separator).as_bytes()).map_err(|e| cannot(path, &e))
            }
            Scores::Npy(file, path, rows) => {
                *rows += 1;
                let values = [s.log_density, s.standard_error.unwrap_or(f64::NAN), s.pareto_k.unwrap_or(f64::NAN)];
                let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                file.write_all(&bytes).map_err(|e| cannot(path, &e))
            }
            Scores::Json(any) => {
                let number = |x: Option<f64>| Value::from(x.filter(|x| x.is_finite()));
                let (density, error) = (number(Some(s.log_density)), number(s.standard_error));
                let before = if std::mem::replace(any, true) { "," } else { "{\"scores\":[" };
                BEGUN.store(true, Ordering::Relaxed);
                put(&format!("{before}[{density},{error},{}]", number(s.pareto_k)))
            }
        }
    }

    /// The end: the file takes its place.
    ///
    /// # Errors
    /// A full disk.
    pub fn finish(self) -> Result<(), Failure> {
        match self {
            Scores::Nowhere | Scores::Standard(_) | Scores::Json(_) => Ok(()),
            Scores::Text(file, path, _) => file.commit().map_err(|e| cannot(&path, &e)),
            Scores::Npy(mut file, path, rows) => file
                .seek(SeekFrom::Start(0))
                .and_then(|_| file.write_all(&npy_header(rows)))
                .and_then(|()| file.commit())
                .map_err(|e| cannot(&path, &e)),
        }
    }

    /// The end, with an object that goes to standard output, the scores first where they go there too.
    ///
    /// # Errors
    /// A full disk.
    pub fn finish_json(self, object: &Value) -> Result<(), Failure> {
        let text = object.to_string();
        if let Scores::Json(_) = self {
            let columns = "\"columns\":[\"log_density\",\"standard_error\",\"pareto_k\"]";
            BEGUN.store(false, Ordering::Relaxed);
            return put(&format!("],{columns},{}\n", &text[1..]));
        }
        self.finish()?;
        print(&text)
    }
}

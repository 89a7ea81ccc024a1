//! Checkpoints: trees of tensors in one safetensors file, with what is needed to use them again.
//!
//! Tensors go by their leaves' names under a prefix (`model.encoder.hidden.w`). The file's metadata has one entry,
//! `latents`, a JSON object with the format's version, the kind of model, its configuration and a checksum of the tensors: one
//! entry, because the order of several is not fixed and equal states must give equal bytes.

use crate::atomic::write_atomically;
use crate::data::Hash;
use pullback::{DType, Data, Tensor, Tree, leaves, map_leaves};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The version of the layout that this crate writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// The metadata entry that holds the [`Header`].
const ENTRY: &str = "latents";

/// What a checkpoint says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    version: u32,
    kind: String,
    config: serde_json::Value,
    /// Of the tensors; none in a file of an earlier version, of which nothing is known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

/// Named tensors and what they are of.
///
/// ```
/// use latents::train::Checkpoint;
/// use pullback::{Tensor, Tree};
/// #[derive(Tree)]
/// struct Line { slope: Tensor, offset: Tensor }
///
/// let line = |a: f32, b: f32| Line { slope: Tensor::from([a]), offset: Tensor::scalar(b) };
/// let path = std::env::temp_dir().join(format!("latents-doc-{}.safetensors", std::process::id()));
/// let mut out = Checkpoint::new("line", serde_json::json!({ "seed": 3 }));
/// out.put("model", &line(2.0, 1.0))?;
/// out.save(&path)?;
///
/// let mut found = Checkpoint::load(&path)?;
/// found.expect_kind("line")?;
/// let model = found.take("model", &line(0.0, 0.0))?;
/// found.finish()?;
/// assert_eq!(model.slope.to_vec::<f32>()?, [2.0]);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    header: Header,
    tensors: BTreeMap<String, Tensor>,
}

/// A checkpoint that cannot be written, read or used: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct CheckpointError {
    /// The file; empty for a checkpoint that has none yet.
    pub path: PathBuf,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// The file could not be written.
    #[error("cannot be written: {0}")]
    Write(std::io::Error),
    /// The file ends before what its header announces.
    #[error("the file is cut short: {found} bytes{}", needs.map_or(String::new(), |n| format!(", its header announces {n}")))]
    Truncated {
        /// Its length in bytes.
        found: u64,
        /// The length that its header announces, where that much of it can be read.
        needs: Option<u64>,
    },
    /// The file is no safetensors file.
    #[error("not a safetensors file ({0})")]
    NotSafetensors(String),
    /// Tensors that are not those that were written.
    #[error("the file is damaged: the checksum of its tensors is {found}, and {written} when they were written")]
    Damaged {
        /// That of the tensors that are there.
        found: String,
        /// That of those that were written.
        written: String,
    },
    /// A safetensors file that this program did not write.
    #[error("a safetensors file, but not a checkpoint of latents ({0})")]
    Foreign(String),
    /// Written by a later version of this program.
    #[error("written in format {found}, and this program reads up to format {VERSION}")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// A checkpoint of another kind of model.
    #[error("a checkpoint of a model of kind `{found}`, not `{wanted}`")]
    Kind {
        /// What it is of.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The model has a tensor that the file lacks.
    #[error("another model: the file lacks `{name}`, {wanted} in this model")]
    Missing {
        /// The leaf's name.
        name: String,
        /// Element type and shape in the model.
        wanted: String,
    },
    /// The file has a tensor that the model lacks.
    #[error("another model: the file has `{name}`, {found}, which this model lacks")]
    Extra {
        /// The leaf's name.
        name: String,
        /// Element type and shape in the file.
        found: String,
    },
    /// A tensor of another shape or element type.
    #[error("another model: `{name}` is {found} in the file and {wanted} in this model")]
    Misshapen {
        /// The leaf's name.
        name: String,
        /// Element type and shape in the file.
        found: String,
        /// Element type and shape in the model.
        wanted: String,
    },
    /// A tensor of an element type that no tensor here has.
    #[error("`{name}` has elements of type {found}, which this program does not use")]
    DType {
        /// The leaf's name.
        name: String,
        /// The type.
        found: String,
    },
    /// A model of far more weights than the file has.
    #[error("another model: the file has {found} weights and this model {wanted}")]
    Size {
        /// Numbers in the file.
        found: u64,
        /// Numbers in the model.
        wanted: u64,
    },
    /// A value that no run saves.
    #[error("`{name}` is {why}")]
    Range {
        /// The tensor's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A configuration that does not fit.
    #[error("its configuration does not fit: {0}")]
    Config(String),
    /// A tensor without a value, or one that carries a fault.
    #[error("`{name}` has no value: {cause}")]
    Value {
        /// The leaf's name.
        name: String,
        /// Why.
        cause: pullback::Error,
    },
}

impl Checkpoint {
    /// An empty one for a kind of model and its configuration.
    pub fn new(kind: &str, config: serde_json::Value) -> Checkpoint {
        let header = Header { version: VERSION, kind: kind.to_owned(), config, checksum: None };
        Checkpoint { path: PathBuf::new(), header, tensors: BTreeMap::new() }
    }

    /// Adds the leaves of a tree as `prefix.name`: as `prefix` where the tree is one tensor, as `name` where the prefix
    /// is empty.
    ///
    /// # Errors
    /// [`Fault::Value`] where a leaf has no value.
    pub fn put<T: Tree>(&mut self, prefix: &str, tree: &T) -> Result<(), CheckpointError> {
        for leaf in leaves(tree) {
            let name = named(prefix, &leaf.name);
            if let Err(cause) = leaf.tensor.value() {
                return Err(self.error(Fault::Value { name, cause }));
            }
            self.tensors.insert(name, leaf.tensor);
        }
        Ok(())
    }

    /// The tree of the structure of `template` whose leaves were put under that prefix; they are no longer in `self`.
    ///
    /// # Errors
    /// [`Fault::Missing`], [`Fault::Misshapen`].
    pub fn take<T: Tree>(&mut self, prefix: &str, template: &T) -> Result<T, CheckpointError> {
        let mut fault = None;
        let tree = map_leaves(template, |leaf| {
            let name = named(prefix, &leaf.name);
            let wanted = described(&leaf.tensor);
            match self.tensors.remove(&name) {
                Some(t) if described(&t) == wanted => return t,
                Some(t) => {
                    let found = described(&t);
                    fault.get_or_insert(Fault::Misshapen { name, found, wanted });
                }
                None => {
                    fault.get_or_insert(Fault::Missing { name, wanted });
                }
            }
            leaf.tensor
        });
        fault.map_or(Ok(tree), |fault| Err(self.error(fault)))
    }

    /// The tensor of that name, whatever its shape; it is no longer in `self`.
    ///
    /// # Errors
    /// [`Fault::Missing`].
    pub fn take_tensor(&mut self, name: &str) -> Result<Tensor, CheckpointError> {
        self.tensors
            .remove(name)
            .ok_or_else(|| self.error(Fault::Missing { name: name.to_owned(), wanted: "a tensor".to_owned() }))
    }

    /// How many numbers were put under that prefix.
    pub fn numbers(&self, prefix: &str) -> u64 {
        let under = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let sizes = self.tensors.iter().filter(|(name, _)| under(name)).filter_map(|(_, t)| t.shape().known());
        sizes.map(|shape| shape.iter().product::<usize>() as u64).sum()
    }

    /// Refuses a checkpoint of which something has not been taken.
    ///
    /// # Errors
    /// [`Fault::Extra`].
    pub fn finish(self) -> Result<(), CheckpointError> {
        match self.tensors.first_key_value() {
            None => Ok(()),
            Some((name, t)) => Err(self.error(Fault::Extra { name: name.clone(), found: described(t) })),
        }
    }

    /// Refuses a checkpoint of another kind of model.
    ///
    /// # Errors
    /// [`Fault::Kind`].
    pub fn expect_kind(&self, wanted: &str) -> Result<(), CheckpointError> {
        if self.header.kind == wanted {
            return Ok(());
        }
        Err(self.error(Fault::Kind { found: self.header.kind.clone(), wanted: wanted.to_owned() }))
    }

    /// The configuration.
    pub fn config(&self) -> &serde_json::Value {
        &self.header.config
    }

    /// An error about this checkpoint.
    pub fn error(&self, fault: Fault) -> CheckpointError {
        CheckpointError { path: self.path.clone(), fault }
    }

    /// The bytes of the file; the same for the same content.
    ///
    /// # Errors
    /// [`Fault::NotSafetensors`] where the format has no room for it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let refused = |e: &dyn std::fmt::Display| self.error(Fault::NotSafetensors(e.to_string()));
        let bytes: Vec<(&String, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, t)| (name, t.array().map(|a| encode(a.data())).unwrap_or_default()))
            .collect();
        let mut views = Vec::with_capacity(bytes.len());
        for ((name, bytes), t) in bytes.iter().zip(self.tensors.values()) {
            let shape = t.array().map_or(Vec::new(), |a| a.shape().to_vec());
            views.push((name, TensorView::new(dtype(t.dtype()), shape, bytes).map_err(|e| refused(&e))?));
        }
        let checksum = Some(checksum(views.iter().map(|(name, view)| (name.as_str(), view))));
        let header = Header { checksum, ..self.header.clone() };
        let header = serde_json::to_string(&header).map_err(|e| refused(&e))?;
        let metadata = HashMap::from([(ENTRY.to_owned(), header)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| refused(&e))
    }

    /// Writes the file beside its place and renames it there.
    ///
    /// # Errors
    /// [`Fault::Write`].
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_bytes().map_err(|e| CheckpointError { path: path.to_owned(), ..e })?;
        write_atomically(path, &bytes).map_err(|e| CheckpointError { path: path.to_owned(), fault: Fault::Write(e) })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Fault::Read`], and those of [`Checkpoint::from_bytes`].
    pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let wrap = |fault| CheckpointError { path: path.to_owned(), fault };
        let bytes = std::fs::read(path).map_err(|e| wrap(Fault::Read(e)))?;
        let loaded = Checkpoint::from_bytes(&bytes).map_err(wrap)?;
        Ok(Checkpoint { path: path.to_owned(), ..loaded })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Fault::Truncated`], [`Fault::NotSafetensors`], [`Fault::Foreign`], [`Fault::Newer`], [`Fault::Damaged`],
    /// [`Fault::DType`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, Fault> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| diagnose(bytes, &e))?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| diagnose(bytes, &e))?;
        let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
        let text = entry.ok_or_else(|| Fault::Foreign(format!("its metadata has no entry `{ENTRY}`")))?;
        // The version is read on its own: a later header may have other fields.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let foreign = |e: serde_json::Error| Fault::Foreign(format!("its entry `{ENTRY}` does not parse: {e}"));
        let Version { version } = serde_json::from_str(text).map_err(foreign)?;
        if version > VERSION {
            return Err(Fault::Newer { found: version });
        }
        let header: Header = serde_json::from_str(text).map_err(foreign)?;
        let views: BTreeMap<&str, TensorView<'_>> = file.iter().collect();
        let found = checksum(views.iter().map(|(&name, view)| (name, view)));
        if let Some(written) = header.checksum.clone().filter(|written| *written != found) {
            return Err(Fault::Damaged { found, written });
        }
        let mut tensors = BTreeMap::new();
        for (name, view) in views {
            tensors.insert(name.to_owned(), decode(name, &view)?);
        }
        Ok(Checkpoint { path: PathBuf::new(), header, tensors })
    }
}

/// A number that tells the tensors, in the order of their names, from others, such as those with a bit that has changed.
fn checksum<'a, 'b: 'a>(views: impl Iterator<Item = (&'a str, &'a TensorView<'b>)>) -> String {
    let mut hash = Hash::default();
    for (name, view) in views {
        hash.text(name);
        hash.text(&view.dtype().to_string());
        view.shape().iter().for_each(|&n| hash.number(n as u64));
        hash.bytes(view.data());
    }
    hash.hexadecimal()
}

/// Why bytes that are no safetensors file are none: those of a file that was cut short are told apart.
fn diagnose(bytes: &[u8], cause: &SafeTensorError) -> Fault {
    let found = bytes.len() as u64;
    let refused = || Fault::NotSafetensors(cause.to_string());
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        // The length of a header has zeros from its fifth byte on, and little in its fourth: other bytes of another
        // format, and those that are fewer say nothing.
        let own = bytes.is_empty() || (bytes.len() >= 4 && bytes[3] <= 5 && bytes[4..].iter().all(|&b| b == 0));
        return if own { Fault::Truncated { found, needs: None } } else { refused() };
    };
    let header = u64::from_le_bytes(*length);
    // A header is an object of at most 100 MB: other bytes are those of another format.
    if header > 100_000_000 || rest.first().is_some_and(|&b| b != b'{') {
        return refused();
    }
    let Some(json) = usize::try_from(header).ok().and_then(|n| rest.get(..n)) else {
        return Fault::Truncated { found, needs: None };
    };
    let Ok(serde_json::Value::Object(entries)) = serde_json::from_slice(json) else {
        return refused();
    };
    let end = |e: &serde_json::Value| e.get("data_offsets")?.get(1)?.as_u64();
    let data = entries.values().filter_map(end).max().unwrap_or(0);
    match header.saturating_add(8).saturating_add(data) {
        needs if needs > found => Fault::Truncated { found, needs: Some(needs) },
        _ => refused(),
    }
}

fn named(prefix: &str, name: &str) -> String {
    match (prefix, name) {
        (only, "") | ("", only) => only.to_owned(),
        _ => format!("{prefix}.{name}"),
    }
}

/// Element type and shape, as errors say them.
fn described(t: &Tensor) -> String {
    format!("{} {:?}", t.dtype(), t.array().map_or(&[][..], |a| a.shape()))
}

fn dtype(d: DType) -> Dtype {
    match d {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::I32 => Dtype::I32,
        DType::U32 => Dtype::U32,
        DType::Bool => Dtype::BOOL,
    }
}

fn encode(data: &Data) -> Vec<u8> {
    match data {
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
    }
}

fn decode(name: &str, view: &TensorView<'_>) -> Result<Tensor, Fault> {
    fn words<const N: usize, T>(bytes: &[u8], f: fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&word| f(word)).collect()
    }
    let (bytes, shape) = (view.data(), view.shape());
    Ok(match view.dtype() {
        Dtype::F32 => Tensor::new(words(bytes, f32::from_le_bytes), shape),
        Dtype::F64 => Tensor::new(words(bytes, f64::from_le_bytes), shape),
        Dtype::I32 => Tensor::new(words(bytes, i32::from_le_bytes), shape),
        Dtype::U32 => Tensor::new(words(bytes, u32::from_le_bytes), shape),
        Dtype::BOOL => Tensor::new(bytes.iter().map(|&x| x != 0).collect(), shape),
        other => return Err(Fault::DType { name: name.to_owned(), found: other.to_string() }),
    })
}

#[cfg(test)]
mod tests;

//! A file imports its own layer or a lower one.

use std::fs;
use std::path::{Path, PathBuf};

const LAYERS: &[(&str, u32)] = &[
    ("atomic", 0),
    ("data", 7),
    ("cholesky", 0),
    ("nn", 7),
    ("dist", 7),
    ("optim", 7),
    ("model", 8),
    ("estimator", 9),
    ("objective", 10),
    ("diagnostics", 10),
    ("evaluation", 11),
    ("train", 11),
    ("plot", 11),
    ("run", 12),
];

fn layer(module: &str) -> Option<u32> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_imports_a_higher_layer_or_has_outgrown_its_concept() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    assert!(all.len() > 30);
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&root).unwrap();
        assert!(text.lines().count() <= 520, "{} has {} lines", name.display(), text.lines().count());
        let module = name.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" {
            continue;
        }
        let here = layer(&module).unwrap_or_else(|| panic!("{} has no layer", name.display()));
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("use crate::")) {
            let other = line["use crate::".len()..].split([':', ';', '{']).next().unwrap();
            let there = layer(other).unwrap_or_else(|| panic!("{}: `{other}` has no layer", name.display()));
            assert!(there <= here, "{}: layer {here} imports {other} of layer {there}", name.display());
        }
    }
}

//! A file imports its own layer or lower; see the map in `src/lib.rs`.

use std::path::Path;

/// The layers, lowest first: files, and folders whose files share a layer.
const LAYERS: &[&[&str]] = &[
    &["shape", "array", "error", "math"],
    &["ir", "lowering", "trace", "tree", "eval", "case"],
    &["prim"],
    &["compose", "random"],
    &["transform"],
    &["verify", "opt", "exec"],
    &["jit", "testing"],
];

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|l| l.contains(&module)).unwrap_or_else(|| panic!("`{module}` is in no layer"))
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let name = path.strip_prefix("src").unwrap().with_extension("").display().to_string();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn files_import_their_own_layer_or_lower() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut faults = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| name != "lib") {
        let module = name.split('/').next().unwrap();
        // Tests beside the code may use what is above it.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (at, _) in code.match_indices("crate::") {
            let other: String =
                code[at + "crate::".len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if other.chars().next().is_some_and(char::is_lowercase)
                && other != "each_dtype"
                && !is_comment(code, at)
                && layer(&other) > layer(module)
            {
                faults.push(format!("{name} imports {other}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether a place lies in a line of documentation.
fn is_comment(code: &str, at: usize) -> bool {
    code[..at].rsplit('\n').next().is_some_and(|line| line.trim_start().starts_with("//"))
}

#[test]
fn no_file_is_long() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let long: Vec<&String> =
        files.iter().filter(|(_, text)| text.lines().count() > 520).map(|(name, _)| name).collect();
    assert!(long.is_empty(), "above about 500 lines: {long:?}");
}

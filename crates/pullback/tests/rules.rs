//! Every primitive of the table under the one harness.

use pullback::testing::{check_primitive, primitives};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

#[test]
fn every_primitive_keeps_its_rules() {
    let mut faults = Vec::new();
    for (name, cases) in primitives() {
        let cases = cases();
        assert!(!cases.is_empty(), "{name} is tested on nothing");
        for case in cases {
            assert_eq!(case.prim.name(), name, "a case in another primitive's row");
            let checked = std::panic::catch_unwind(AssertUnwindSafe(|| check_primitive(&case)));
            faults.extend(checked.unwrap_or_else(|_| Err(format!("{name}: a panic in {case:?}"))).err());
        }
    }
    assert!(faults.is_empty(), "{} faults:\n\n{}", faults.len(), faults.join("\n\n"));
}

/// Names are read off the sources: a primitive without a row would go untested.
#[test]
fn every_primitive_has_a_row() {
    let listed: Vec<&str> = primitives().map(|(name, _)| name).collect();
    let mut written = BTreeSet::new();
    for file in ["src/prim", "src/transform"].iter().flat_map(|d| std::fs::read_dir(d).unwrap()) {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for body in text.split("fn name(&self) -> &'static str {").skip(1) {
            let body = body.split("\n    }").next().unwrap();
            let literals = body.split('"').skip(1).step_by(2);
            written.extend(literals.filter(|s| s.chars().all(|c| c.is_alphanumeric() || c == '_')).map(String::from));
        }
        for body in text.split("\npointwise! {").skip(1) {
            written.extend(body.split('"').nth(1).map(String::from));
        }
    }
    assert_eq!(listed.iter().map(|s| s.to_string()).collect::<BTreeSet<_>>(), written);
    assert_eq!(listed.len(), written.len(), "a name listed twice");
}

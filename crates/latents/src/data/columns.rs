//! The choice of columns.

use crate::data::error::{DataError, Fault};
use std::collections::HashSet;

/// The positions of the columns that are asked for, in that order; all of them where `columns` is `None`.
///
/// An item is a name, a number from 1, a range of either (`2-5`, `height-weight`), or the name of an array of several
/// columns (`x` for `x.1`, `x.2`, …). What is in `without` is then taken away.
pub(super) fn select(
    names: &[String],
    columns: Option<&[String]>,
    without: &[String],
) -> Result<Vec<usize>, DataError> {
    let mut chosen = match columns {
        None => (0..names.len()).collect(),
        Some(items) => positions(names, items)?,
    };
    let mut seen = HashSet::new();
    if let Some(&twice) = chosen.iter().find(|&&i| !seen.insert(i)) {
        return Err(Fault::Duplicate { name: names[twice].clone() }.into());
    }
    let away: HashSet<usize> = positions(names, without)?.into_iter().collect();
    chosen.retain(|i| !away.contains(i));
    if chosen.is_empty() { Err(Fault::NoColumns.into()) } else { Ok(chosen) }
}

/// The positions of those items.
pub(super) fn positions(names: &[String], items: &[String]) -> Result<Vec<usize>, DataError> {
    let mut found = Vec::new();
    for item in items {
        found.extend(expand(names, item.trim())?);
    }
    Ok(found)
}

/// The positions of one item.
fn expand(names: &[String], item: &str) -> Result<Vec<usize>, DataError> {
    let unknown = || Fault::UnknownColumn { name: item.to_owned(), known: names.to_vec() };
    if let Some(i) = single(names, item)? {
        return Ok(vec![i]);
    }
    for (dash, _) in item.match_indices('-') {
        let (first, last) = (single(names, item[..dash].trim())?, single(names, item[dash + 1..].trim())?);
        if let (Some(first), Some(last)) = (first, last) {
            return if first <= last { Ok((first..=last).collect()) } else { Ok((last..=first).rev().collect()) };
        }
    }
    let of_array = |name: &str| {
        let number = name.strip_prefix(item).and_then(|rest| rest.strip_prefix('.'));
        number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let array: Vec<usize> = (0..names.len()).filter(|&i| of_array(&names[i])).collect();
    if array.is_empty() { Err(unknown().into()) } else { Ok(array) }
}

/// The position of a name, or else of a number from 1.
fn single(names: &[String], item: &str) -> Result<Option<usize>, DataError> {
    let mut same = names.iter().enumerate().filter(|(_, name)| *name == item).map(|(i, _)| i);
    match (same.next(), same.next()) {
        (Some(_), Some(_)) => Err(Fault::Duplicate { name: item.to_owned() }.into()),
        (Some(i), None) => Ok(Some(i)),
        (None, _) => Ok(item.parse::<usize>().ok().filter(|n| (1..=names.len()).contains(n)).map(|n| n - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(columns: &[&str], without: &[&str]) -> Result<Vec<usize>, DataError> {
        let own = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let names = own(&["id", "a-b", "7", "x.1", "x.2", "last"]);
        select(&names, (!columns.is_empty()).then(|| own(columns)).as_deref(), &own(without))
    }

    #[test]
    fn columns_go_by_name_number_range_and_array() {
        assert_eq!(pick(&[], &[]).unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(pick(&["last", "2"], &[]).unwrap(), [5, 1]);
        assert_eq!(pick(&["a-b"], &[]).unwrap(), [1]);
        assert_eq!(pick(&["7"], &[]).unwrap(), [2]);
        assert_eq!(pick(&["2-4"], &[]).unwrap(), [1, 2, 3]);
        assert_eq!(pick(&["a-b-x.1"], &[]).unwrap(), [1, 2, 3]);
        assert_eq!(pick(&["x"], &[]).unwrap(), [3, 4]);
        assert_eq!(pick(&[], &["x", "id"]).unwrap(), [1, 2, 5]);
        assert_eq!(pick(&["3-1"], &[]).unwrap(), [2, 1, 0]);
    }

    #[test]
    fn a_wrong_choice_is_refused() {
        assert!(matches!(*pick(&["1", "id"], &[]).unwrap_err().fault, Fault::Duplicate { .. }));
        assert!(matches!(*pick(&["x"], &["x"]).unwrap_err().fault, Fault::NoColumns));
        for bad in ["0", "8", "iD", "1-9", "", "-", "99999999999999999999"] {
            let error = pick(&[bad], &[]).unwrap_err();
            assert!(matches!(*error.fault, Fault::UnknownColumn { .. }), "{bad}");
            assert!(error.is_usage());
        }
        assert!(pick(&["lst"], &[]).unwrap_err().to_string().contains("did you mean `last`?"));
    }
}

//! What every fuzz target does with its bytes.

use latents::data::{Header, Missing, ReadOptions, open_bytes};

/// Reads all of a file in chunks, under options that its first byte picks; an error is as good as a table.
pub fn survive(name: &str, bytes: &[u8]) {
    let pick = bytes.first().copied().unwrap_or(0);
    let options = ReadOptions {
        header: [Header::Auto, Header::Yes, Header::No][usize::from(pick % 3)],
        categorical: if pick & 4 == 0 { Vec::new() } else { vec!["1".into()] },
        missing: if pick & 8 == 0 { Missing::Refuse } else { Missing::Drop },
        points: (pick & 16 != 0 && (name.ends_with("png") || name.ends_with("jpg"))).then_some(9),
        ..ReadOptions::default()
    };
    let Ok(mut reader) = open_bytes(name, bytes.to_vec(), &options) else { return };
    while let Ok(Some(table)) = reader.next(16) {
        assert_eq!(table.columns(), reader.columns());
        assert!((1..=16).contains(&table.rows()));
        assert!(table.values().iter().all(|value| value.is_finite()));
        let _ = table.hash();
    }
}

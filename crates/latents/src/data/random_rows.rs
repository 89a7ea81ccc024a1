//! Random numbers that belong to rows, however the rows are cut into chunks.

use pullback::{DType, Key};

/// Rows that share one key.
const BLOCK: u64 = 256;

/// Uniform numbers on \[0, 1), a row of them for each row of a data set.
pub(super) struct RandomRows {
    words: [u32; 2],
}

impl RandomRows {
    pub fn new(key: Key) -> Result<RandomRows, pullback::Error> {
        let words = key.into_tensor().to_vec::<u32>()?;
        Ok(RandomRows { words: [words[0], words[1]] })
    }

    /// The numbers of `rows` rows of `width` from the row `first` on, row by row.
    pub fn uniform(&self, first: u64, rows: usize, width: usize) -> Result<Vec<f64>, pullback::Error> {
        let end = first + rows as u64;
        let mut numbers = Vec::with_capacity(rows * width);
        let mut at = first;
        while at < end {
            let block = at / BLOCK;
            let stop = end.min((block + 1) * BLOCK);
            // Blocks beyond 2^32 would need 10^12 rows.
            let key = Key::from_words(self.words).fold_in(block as u32);
            let drawn = key.uniform([BLOCK as usize, width], DType::F64);
            let part = |row: u64| (row - block * BLOCK) as usize * width;
            numbers.extend_from_slice(&drawn.as_slice::<f64>()?[part(at)..part(stop)]);
            at = stop;
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_numbers_in_any_chunk() {
        let rows = || RandomRows::new(Key::new(5)).unwrap();
        let whole = rows().uniform(0, 600, 3).unwrap();
        let mut parts = Vec::new();
        for (first, n) in [(0, 1), (1, 255), (256, 100), (356, 244)] {
            parts.extend(rows().uniform(first, n, 3).unwrap());
        }
        assert_eq!(whole, parts);
        let other = RandomRows::new(Key::new(6)).unwrap().uniform(0, 600, 3).unwrap();
        assert_ne!(whole, other);
        let mean = whole.iter().sum::<f64>() / whole.len() as f64;
        assert!((mean - 0.5).abs() < 3.0 * (1.0f64 / 12.0 / 1800.0).sqrt());
    }
}

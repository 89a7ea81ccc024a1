//! A number that tells two data sets apart.

use crate::data::table::Table;

impl Table {
    /// 64 bits, in hexadecimal, of the columns' names and categories and of all values in order: the same on every
    /// machine and in every version, whichever format and chunks the values came in. It finds a mistake, not a forgery.
    ///
    /// ```
    /// use latents::data::{Column, Table};
    /// let table = |values| Table::new(vec![Column::number("x")], values);
    /// assert_eq!(table(vec![1.0, -0.0])?.hash(), table(vec![1.0, 0.0])?.hash());
    /// assert_ne!(table(vec![1.0, 0.0])?.hash(), table(vec![0.0, 1.0])?.hash());
    /// # Ok::<(), latents::data::DataError>(())
    /// ```
    pub fn hash(&self) -> String {
        let mut hash = Hash::default();
        hash.number(self.width() as u64);
        for column in self.columns() {
            hash.text(&column.name);
            let levels = column.levels().unwrap_or(&[]);
            hash.number(levels.len() as u64);
            levels.iter().for_each(|level| hash.text(level));
        }
        // Adding 0 makes -0 the 0 that it is equal to.
        self.values().iter().for_each(|value| hash.number((value + 0.0).to_bits()));
        hash.hexadecimal()
    }
}

/// A chain of the finaliser of SplitMix64 (Steele, Lea & Flood 2014): 64 bits of whatever is put into it, in order.
#[derive(Default)]
pub(crate) struct Hash(u64);

impl Hash {
    /// One word.
    pub fn number(&mut self, word: u64) {
        let mut z = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = z ^ (z >> 31);
    }

    /// A text, with its length.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Bytes, with their number.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for bytes in bytes.chunks(8) {
            self.number(bytes.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)));
        }
    }

    /// What it has come to.
    pub fn hexadecimal(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Column, Table};

    #[test]
    fn the_hash_does_not_change_between_versions() {
        let columns = vec![Column::number("a"), Column::categories("b", vec!["u".into(), "v".into()])];
        let table = Table::new(columns, vec![0.25, 1.0, -3.0, 0.0]).unwrap();
        assert_eq!(table.hash(), "2b3542d67b605eaa");
    }
}

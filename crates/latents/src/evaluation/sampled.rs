//! Some rows of a stream, each as likely as any other.

use std::collections::BinaryHeap;

/// At most so many rows of a stream: those whose numbers have the least hash. Which they are depends on the seed and the
/// row's number alone.
///
/// ```
/// use latents::evaluation::Sampled;
/// let mut chosen = Sampled::new(100, 7);
/// (0..10_000u64).for_each(|i| chosen.push(i, &[i as f64]));
/// let (rows, count) = chosen.finish();
/// assert_eq!((rows.len(), count), (100, 100));
/// let mean = rows.iter().sum::<f64>() / 100.0;
/// assert!((mean - 5000.0).abs() < 3.0 * 289.0, "three standard errors of a uniform choice");
/// ```
#[derive(Clone, Debug)]
pub struct Sampled {
    /// The greatest hash first, which makes room.
    chosen: BinaryHeap<(u64, u64)>,
    rows: std::collections::HashMap<u64, Vec<f64>>,
    most: usize,
    seed: u64,
}

/// A permutation of 64 bits without visible structure (Steele, Lea & Flood 2014, splitmix64).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Sampled {
    /// At most so many.
    pub fn new(most: usize, seed: u64) -> Sampled {
        Sampled { chosen: BinaryHeap::new(), rows: Default::default(), most, seed }
    }

    /// One more row, by its number in the stream.
    pub fn push(&mut self, number: u64, row: &[f64]) {
        let hash = mixed(number ^ mixed(self.seed));
        if self.chosen.len() < self.most {
            self.chosen.push((hash, number));
        } else if let Some(mut greatest) = self.chosen.peek_mut()
            && hash < greatest.0
        {
            self.rows.remove(&greatest.1);
            *greatest = (hash, number);
        } else {
            return;
        }
        self.rows.insert(number, row.to_vec());
    }

    /// The rows in their order in the stream, end to end, and how many they are.
    pub fn finish(mut self) -> (Vec<f64>, usize) {
        let mut numbers: Vec<u64> = self.chosen.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        let count = numbers.len();
        (numbers.into_iter().filter_map(|number| self.rows.remove(&number)).flatten().collect(), count)
    }
}

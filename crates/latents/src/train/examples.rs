//! Rows to train on, and the order in which training goes through them.

use pullback::{Error, Key, Tensor};

/// Rows of data as a model takes them, by number.
///
/// What is random about a row (the noise of a dequantisation, a pixel's coin) is drawn by the key, so that it is new
/// at every use and the same when a run is repeated.
pub trait Examples {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of those numbers, and what each of their log densities gains when it is said in the data's own units.
    ///
    /// # Shapes
    /// Result `[numbers, d]` and as many log-Jacobians.
    ///
    /// # Errors
    /// A fault of the program that makes them.
    fn rows(&self, key: Key, numbers: &[usize]) -> Result<(Tensor, Vec<f64>), Error>;
}

/// Rows that are used as they are.
impl Examples for Tensor {
    fn len(&self) -> usize {
        self.shape().dims().first().and_then(|d| d.known()).unwrap_or(0)
    }

    fn rows(&self, _: Key, numbers: &[usize]) -> Result<(Tensor, Vec<f64>), Error> {
        let ids: Vec<i32> = numbers.iter().map(|&i| i32::try_from(i).unwrap_or(i32::MAX)).collect();
        Ok((self.take(&Tensor::new(ids, &[numbers.len()])), vec![0.0; numbers.len()]))
    }
}

/// The order of `n` rows in an epoch: sorted by random words of the key, equal words by number.
///
/// ```
/// use latents::train::epoch_order;
/// use pullback::Key;
/// let order = epoch_order(Key::new(0), 100)?;
/// let mut sorted = order.clone();
/// sorted.sort();
/// assert_eq!(sorted, (0..100).collect::<Vec<_>>());
/// assert_ne!(order, sorted);
/// assert_ne!(order, epoch_order(Key::new(1), 100)?);
/// # Ok::<(), pullback::Error>(())
/// ```
///
/// # Errors
/// A fault of the generator's program.
pub fn epoch_order(key: Key, n: usize) -> Result<Vec<usize>, Error> {
    let words = key.bits([n]).to_vec::<u32>()?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by_key(|&i| (words[i], i));
    Ok(order)
}

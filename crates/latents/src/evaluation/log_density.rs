//! The model's density at given points.

use crate::estimator::iwae;
use crate::evaluation::chunks::Chunked;
use crate::model::LatentModel;
use pullback::{Error, Key, Keys, Leaf, Tensor, map_leaves, vmap};

/// `L_k` of many examples, compiled once: a lower bound of each `log p(x)`.
///
/// ```
/// use latents::evaluation::LogDensity;
/// use latents::model::Vae;
/// use pullback::{DType, Key, Tensor};
/// let vae = Vae::new(Key::new(0), 2, 2, &[8], DType::F32);
/// let grid = Tensor::from([[0.0f32, 0.0], [1.0, 0.0], [0.0, 1.0]]);
/// let log_p = LogDensity::new(64, 2).at(&vae, Key::new(1), &grid)?;
/// assert!(log_p.len() == 3 && log_p.iter().all(|l| l.is_finite()));
/// # Ok::<(), pullback::Error>(())
/// ```
pub struct LogDensity<M> {
    bounds: Chunked<M, (Keys, Tensor)>,
}

impl<M: LatentModel + 'static> LogDensity<M> {
    /// With `samples` for each example, `chunk` examples at a time.
    pub fn new(samples: usize, chunk: usize) -> LogDensity<M> {
        let samples = samples.max(1);
        let all = move |model: M, (keys, rows): (Keys, Tensor)| {
            vmap(|key: Key, x: Tensor| iwae(key.split_n(samples), &x, &model)).call((keys, rows))
        };
        LogDensity { bounds: Chunked::new(chunk, all) }
    }

    /// How many programs it has been compiled to: at most one.
    pub fn compiles(&self) -> u64 {
        self.bounds.compiles()
    }

    /// As [`LogDensity::at`] with the same random numbers at every row: where the bound is loose, its errors go the
    /// same way at neighbouring points, as a picture wants it.
    ///
    /// # Errors
    /// The first fault of the model.
    pub fn smooth_at(&self, model: &M, key: Key, rows: &Tensor) -> Result<Vec<f64>, Error> {
        let same = |leaf: Leaf| leaf.tensor.slice(0, 0, 1).broadcast_to(leaf.tensor.shape());
        let keys = map_leaves(&key.split_like(rows), same);
        Ok(self.bounds.columns(model, &(keys, rows.clone()))?.into_iter().next().unwrap_or_default())
    }

    /// The bound at each row.
    ///
    /// # Shapes
    /// `rows: [n, d]`; `n` numbers.
    ///
    /// # Errors
    /// The first fault of the model.
    pub fn at(&self, model: &M, key: Key, rows: &Tensor) -> Result<Vec<f64>, Error> {
        let keys = key.split_like(rows);
        Ok(self.bounds.columns(model, &(keys, rows.clone()))?.into_iter().next().unwrap_or_default())
    }
}

/// Draws of a model.
///
/// # Shapes
/// Result `[n, d]`.
///
/// # Errors
/// The first fault of the model.
///
/// ```
/// use latents::evaluation::samples;
/// use latents::model::Vae;
/// use pullback::{DType, Key};
/// let vae = Vae::new(Key::new(0), 2, 2, &[8], DType::F32);
/// assert_eq!(samples(&vae, Key::new(1), 7)?.shape().known(), Some(vec![7, 2]));
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn samples<M: LatentModel>(model: &M, key: Key, n: usize) -> Result<Tensor, Error> {
    vmap(|key: Key| model.ancestral(key).1).try_call(key.split_n(n))
}

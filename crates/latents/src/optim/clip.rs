//! Clipping of gradients.

use pullback::{DType, Tensor, Tree, leaves, map_leaves};

/// The root of the sum of squares of all leaves.
///
/// ```
/// use latents::optim::global_norm;
/// use pullback::Tensor;
/// let g = (Tensor::from([3.0f32]), Tensor::from([0.0f32, 4.0]));
/// assert_eq!(global_norm(&g).item::<f32>()?, 5.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn global_norm<P: Tree>(tree: &P) -> Tensor {
    let squares = leaves(tree).into_iter().map(|leaf| leaf.tensor.square().sum());
    squares.reduce(|a, b| a + b).unwrap_or_else(|| Tensor::full(0.0, DType::F32, [])).sqrt()
}

/// The gradients scaled down so that their global norm is at most `most` (Pascanu et al. 2013), and the norm that
/// they had. Clipping biases an estimator whose gradients have heavy tails; see [`crate::objective`].
///
/// ```
/// use latents::optim::clip_by_global_norm;
/// use pullback::Tensor;
/// let (g, norm) = clip_by_global_norm(&Tensor::from([3.0f32, 4.0]), 1.0);
/// assert_eq!(norm.item::<f32>()?, 5.0);
/// assert!((g.to_vec::<f32>()?[0] - 0.6).abs() < 1e-6);
/// # Ok::<(), pullback::Error>(())
/// ```
#[track_caller]
pub fn clip_by_global_norm<P: Tree>(gradients: &P, most: f64) -> (P, Tensor) {
    let norm = global_norm(gradients);
    let scale = most / norm.maximum(most);
    (map_leaves(gradients, |leaf| leaf.tensor * &scale), norm)
}

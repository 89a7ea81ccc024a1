//! Several trees of the same structure, leaf by leaf.

use pullback::{Tensor, Tree, leaves, map_leaves, unflatten};

/// The tree of `f(a, b)` over the leaves of two trees.
pub(crate) fn zip<P: Tree>(a: &P, b: &P, mut f: impl FnMut(&Tensor, &Tensor) -> Tensor) -> P {
    let tensors: Vec<Tensor> = leaves(a).iter().zip(leaves(b)).map(|(a, b)| f(&a.tensor, &b.tensor)).collect();
    unflatten(a, tensors)
}

/// The tree of `f(a, b, c)` over the leaves of three trees.
pub(crate) fn zip3<P: Tree>(a: &P, b: &P, c: &P, mut f: impl FnMut(&Tensor, &Tensor, &Tensor) -> Tensor) -> P {
    let (a_leaves, b_leaves) = (leaves(a), leaves(b));
    let all = a_leaves.iter().zip(&b_leaves).zip(leaves(c));
    let tensors: Vec<Tensor> = all.map(|((a, b), c)| f(&a.tensor, &b.tensor, &c.tensor)).collect();
    unflatten(a, tensors)
}

/// The tree with every leaf held constant.
#[track_caller]
pub(crate) fn held<P: Tree>(tree: &P) -> P {
    map_leaves(tree, |leaf| leaf.tensor.stop_gradient())
}

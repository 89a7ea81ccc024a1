//! Functions of several trees, as transforms see them.

use crate::error::Error;
use crate::trace::Tensor;
use crate::tree::{Tree, leaves, map_leaves, unflatten};

/// A closure of one to six trees, each by value, that returns a tree.
pub trait Function<A> {
    /// What it returns.
    type Output: Tree;
    /// Its value.
    fn apply(&self, args: A) -> Self::Output;
}

/// The arguments of a [`Function`], of which the first is the one that is differentiated.
pub trait Arguments: Tree {
    /// The first argument.
    type First: Tree;
    /// The first argument.
    fn first(&self) -> &Self::First;
}

/// What can be passed for the arguments: one tree, or a tuple of them.
pub trait Passed<A> {
    /// As a tuple.
    fn pass(self) -> A;
}

impl<A> Passed<(A,)> for A {
    fn pass(self) -> (A,) {
        (self,)
    }
}

macro_rules! arity {
    ($first:ident $($t:ident)*) => {
        impl<Func, Out: Tree, $first: Tree, $($t: Tree),*> Function<($first, $($t,)*)> for Func
        where
            Func: Fn($first, $($t),*) -> Out,
        {
            type Output = Out;
            #[allow(non_snake_case, reason = "an argument is named like its type")]
            fn apply(&self, ($first, $($t,)*): ($first, $($t,)*)) -> Out {
                self($first, $($t),*)
            }
        }
        impl<$first: Tree, $($t: Tree),*> Arguments for ($first, $($t,)*) {
            type First = $first;
            fn first(&self) -> &$first {
                &self.0
            }
        }
    };
}
arity!(A1);
arity!(A1 A2);
arity!(A1 A2 A3);
arity!(A1 A2 A3 A4);
arity!(A1 A2 A3 A4 A5);
arity!(A1 A2 A3 A4 A5 A6);

macro_rules! passed {
    ($($t:ident)+) => {
        impl<$($t),+> Passed<($($t,)+)> for ($($t,)+) {
            fn pass(self) -> ($($t,)+) {
                self
            }
        }
    };
}
passed!(A1 A2);
passed!(A1 A2 A3);
passed!(A1 A2 A3 A4);
passed!(A1 A2 A3 A4 A5);
passed!(A1 A2 A3 A4 A5 A6);

/// The tensors of a tree.
pub(crate) fn tensors<T: Tree>(tree: &T) -> Vec<Tensor> {
    leaves(tree).into_iter().map(|l| l.tensor).collect()
}

/// The tree with every leaf carrying a fault.
pub(crate) fn faulty<T: Tree>(template: &T, e: &Error) -> T {
    map_leaves(template, |_| Tensor::from_error(e.clone()))
}

/// The tree, or the first fault that one of its leaves carries.
pub(crate) fn checked<T: Tree>(tree: T) -> Result<T, Error> {
    match tensors(&tree).iter().find_map(|t| t.error()) {
        Some(e) => Err(e.clone()),
        None => Ok(tree),
    }
}

/// A tree rebuilt from some of a list of tensors.
pub(crate) fn rebuilt<T: Tree>(template: &T, tensors: &[Tensor]) -> T {
    unflatten(template, tensors.iter().cloned())
}

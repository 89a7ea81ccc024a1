//! Composable function transformations of pure Rust functions: [`grad`], [`vmap`], [`jit`], with explicit random keys.

mod array;
mod case;
mod compose;
mod error;
mod eval;
mod exec;
mod ir;
mod jit;
mod lowering;
mod math;
mod opt;
mod prim;
mod random;
mod shape;
pub mod testing;
mod trace;
mod transform;
mod tree;
mod verify;

pub use array::{Array, DType, Data, Element};
pub use error::{Error, ErrorKind};
pub use eval::eval;
pub use exec::pool::{set_threads, with_threads};
pub use ir::{Batched, Eqn, Fold, Graph, MapDims, Operand, Primitive, Type, Var};
pub use jit::{Jit, Rows, StepTime, compiles, jit};
pub use lowering::{DotAxes, Lowering, PointOp, RandomOp, ReduceOp, ScanOp};
pub use prim::Scalar;
pub use pullback_derive::Tree;
pub use random::{Key, Keys};
pub use shape::{Dim, RowId, Shape, Sizes};
pub use trace::Tensor;
pub use transform::checkpoint::{Checkpoint, checkpoint};
pub use transform::function::{Arguments, Function, Passed};
pub use transform::jvp::{Jvp, hessian_vector_product, jvp};
pub use transform::vjp::{Grad, Pullback, ValueAndGrad, grad, hessian, value_and_grad, vjp};
pub use transform::vmap::{Along, Mapped, MappedArgs, Shared, Vmap, vmap};
pub use tree::{Leaf, Tree, Visitor, leaves, map_leaves, unflatten};
pub use verify::verify;

/// The page on transforms, whose examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/transforms.md")]
struct TransformsDoc;

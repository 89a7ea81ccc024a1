//! `dot_add`: a product added to a tensor, which the executor does where the tensor lies.

use crate::array::Array;
use crate::case::{Arg, Case};
use crate::error::ErrorKind;
use crate::ir::{Batched, Fold, MapDims, Operand, Primitive, Type};
use crate::lowering::{DotAxes, Lowering, PointOp};
use crate::prim::dot::Dot;
use crate::prim::pointwise::{add_some, infer_same};
use crate::shape::{Dim, Sizes};
use crate::trace::Tensor;
use std::sync::Arc;

/// `Σ left · right + sum` over the contracted axes. The optimiser makes it of a product and an addition.
#[derive(Clone, Debug)]
pub struct DotAdd {
    /// Which axes do what.
    pub axes: DotAxes,
}

impl DotAdd {
    fn product(&self) -> Dot {
        Dot { axes: self.axes.clone() }
    }
}

impl Primitive for DotAdd {
    fn name(&self) -> &'static str {
        "dot_add"
    }
    fn parameters(&self) -> String {
        self.product().parameters()
    }
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind> {
        let ty = self.product().infer(&inputs[..2])?;
        infer_same(&[&ty, inputs[2]])?;
        Ok(ty)
    }
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array {
        let product = self.product().eval(&inputs[..2], sizes);
        PointOp::Add.eval(&[&product, inputs[2]])
    }
    fn jvp(&self, x: &[Tensor], y: &Tensor, dx: &[Option<Tensor>]) -> Option<Tensor> {
        add_some(self.product().jvp(&x[..2], y, &dx[..2]), dx[2].clone())
    }
    fn transpose(&self, inputs: &[Operand], ct: &Tensor) -> Vec<Option<Tensor>> {
        let linear = |o: &Operand| o.fixed().is_none();
        let mut back =
            if inputs[..2].iter().any(linear) { self.product().transpose(&inputs[..2], ct) } else { vec![None, None] };
        back.push(linear(&inputs[2]).then(|| ct.clone()));
        back
    }
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor {
        let product = if inputs[..2].iter().any(Batched::is_stacked) {
            self.product().batch(&inputs[..2], n)
        } else {
            let one = inputs[0].tensor().dot_general(inputs[1].tensor(), self.axes.clone());
            Batched::Shared(one).stacked(n)
        };
        product + inputs[2].stacked(n)
    }
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched {
        let inner = Fold { axes: fold.axes[..2].to_vec(), ..fold.clone() };
        match self.product().fold(&inner, &inputs[..2]) {
            Batched::Folded(product) => Batched::Folded(product + fold.lift(&inputs[2])),
            product => Batched::Stacked(product.stacked(fold.examples) + inputs[2].stacked(fold.examples)),
        }
    }
    fn map_dims(&self, _: MapDims<'_>) -> Option<Arc<dyn Primitive>> {
        None
    }
    fn lower(&self) -> Lowering {
        Lowering::DotAdd(self.axes.clone())
    }
}

/// What it is tested on.
pub(crate) fn cases() -> Vec<Case> {
    let axes = DotAxes { contract: (vec![1], vec![0]), batch: Default::default() };
    [Dim::Known(2), Dim::fresh_rows()]
        .map(|m| {
            let of = |a: Dim, b: Dim| Arg::floats(vec![a, b]);
            let operands = [of(m, Dim::Known(3)), of(Dim::Known(3), Dim::Known(4)), of(m, Dim::Known(4))];
            Case::new(DotAdd { axes: axes.clone() }, operands)
        })
        .into()
}

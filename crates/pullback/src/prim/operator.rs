//! Operators on tensors: broadcasting to one shape, and scalars mixed in.

use crate::array::{Array, DType};
use crate::error::ErrorKind;
use crate::ir::Primitive;
use crate::trace::{Tensor, bind};

/// The right-hand side of a binary operation: a tensor, or a number that takes the tensor's element type.
pub enum Scalar<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// A tensor, given away.
    Owned(Tensor),
    /// A number.
    Number(f64),
}

impl<'a> From<&'a Tensor> for Scalar<'a> {
    fn from(t: &'a Tensor) -> Self {
        Scalar::Tensor(t)
    }
}

impl From<Tensor> for Scalar<'_> {
    fn from(t: Tensor) -> Self {
        Scalar::Owned(t)
    }
}

impl From<f64> for Scalar<'_> {
    fn from(x: f64) -> Self {
        Scalar::Number(x)
    }
}

impl From<i32> for Scalar<'_> {
    fn from(x: i32) -> Self {
        Scalar::Number(f64::from(x))
    }
}

impl From<u32> for Scalar<'_> {
    fn from(x: u32) -> Self {
        Scalar::Number(f64::from(x))
    }
}

impl Scalar<'_> {
    /// As a tensor of the element type of `like`.
    #[track_caller]
    pub(crate) fn tensor(&self, like: &Tensor) -> Tensor {
        match self {
            Scalar::Tensor(t) => (*t).clone(),
            Scalar::Owned(t) => t.clone(),
            Scalar::Number(x) => number(*x, like.dtype()),
        }
    }
}

/// A scalar tensor of that type; a fault where an integer type does not hold the number.
#[track_caller]
pub(crate) fn number(x: f64, dtype: DType) -> Tensor {
    if !dtype.is_float() && x.fract() != 0.0 {
        return Tensor::fault(ErrorKind::DTypes { left: dtype, right: DType::F64 }, "scalar");
    }
    Tensor::from(Array::number(dtype, x))
}

/// A binary primitive on operands broadcast to one shape.
#[track_caller]
pub(crate) fn binary(prim: impl Primitive, a: &Tensor, b: &Scalar<'_>) -> Tensor {
    let b = b.tensor(a);
    binary_tensors(prim, a, &b)
}

/// A binary primitive with a number on the left.
#[track_caller]
pub(crate) fn binary_from(prim: impl Primitive, a: f64, b: &Tensor) -> Tensor {
    binary_tensors(prim, &number(a, b.dtype()), b)
}

#[track_caller]
fn binary_tensors(prim: impl Primitive, a: &Tensor, b: &Tensor) -> Tensor {
    match broadcast_together(prim.name(), &[a, b]) {
        Ok(t) => bind(prim, &[&t[0], &t[1]]),
        Err(t) => t,
    }
}

/// Every operand broadcast to the shape that all of them share; the fault, as a tensor, where there is none.
#[track_caller]
pub(crate) fn broadcast_together(name: &str, operands: &[&Tensor]) -> Result<Vec<Tensor>, Tensor> {
    if let Some(bad) = operands.iter().find(|t| t.error().is_some()) {
        return Err((*bad).clone());
    }
    let mut shape = operands[0].shape();
    for t in &operands[1..] {
        let other = t.shape();
        if shape != other {
            let Some(joint) = shape.broadcast(&other) else {
                return Err(Tensor::fault(ErrorKind::Shapes { left: shape, right: other }, name));
            };
            shape = joint;
        }
    }
    let mut broadcast = Vec::with_capacity(operands.len());
    // Where the others are: a number beside what is being traced is not spelled out. Not in a closure: that would be the caller.
    for t in operands {
        broadcast.push(t.broadcast_beside(&shape, operands));
    }
    Ok(broadcast)
}

/// Implements a binary operator between tensors, references and numbers.
macro_rules! operator {
    ($trait:ident, $method:ident, $prim:ident) => {
        $crate::prim::operator::operator!(@tensor $trait, $method, $prim, $crate::trace::Tensor, $crate::trace::Tensor);
        $crate::prim::operator::operator!(@tensor $trait, $method, $prim, $crate::trace::Tensor, &$crate::trace::Tensor);
        $crate::prim::operator::operator!(@tensor $trait, $method, $prim, &$crate::trace::Tensor, $crate::trace::Tensor);
        $crate::prim::operator::operator!(@tensor $trait, $method, $prim, &$crate::trace::Tensor, &$crate::trace::Tensor);
        $crate::prim::operator::operator!(@number $trait, $method, $prim, f64, $crate::trace::Tensor);
        $crate::prim::operator::operator!(@number $trait, $method, $prim, f64, &$crate::trace::Tensor);
        $crate::prim::operator::operator!(@number $trait, $method, $prim, i32, $crate::trace::Tensor);
        $crate::prim::operator::operator!(@number $trait, $method, $prim, i32, &$crate::trace::Tensor);
    };
    (@tensor $trait:ident, $method:ident, $prim:ident, $left:ty, $right:ty) => {
        impl std::ops::$trait<$right> for $left {
            type Output = $crate::trace::Tensor;
            #[track_caller]
            fn $method(self, other: $right) -> $crate::trace::Tensor {
                let (a, b): (&$crate::trace::Tensor, &$crate::trace::Tensor) = (&self, &other);
                $crate::prim::operator::binary($prim, a, &b.into())
            }
        }
    };
    (@number $trait:ident, $method:ident, $prim:ident, $number:ty, $tensor:ty) => {
        impl std::ops::$trait<$number> for $tensor {
            type Output = $crate::trace::Tensor;
            #[track_caller]
            fn $method(self, other: $number) -> $crate::trace::Tensor {
                $crate::prim::operator::binary($prim, &self, &other.into())
            }
        }
        impl std::ops::$trait<$tensor> for $number {
            type Output = $crate::trace::Tensor;
            #[track_caller]
            fn $method(self, other: $tensor) -> $crate::trace::Tensor {
                $crate::prim::operator::binary_from($prim, f64::from(self), &other)
            }
        }
    };
}
pub(crate) use operator;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Type;
    use crate::trace::{record, trace};

    /// How many elements the constants hold that a function of `[1000]` captures.
    fn captured(f: impl Fn(&Tensor) -> Tensor, constants: bool) -> Vec<usize> {
        let types = [Type::new(DType::F32, [1000])];
        let body = |x: Vec<Tensor>| (vec![f(&x[0])], ());
        let closed = if constants { trace(&types, body) } else { record(&types, body) };
        closed.unwrap().0.captures.iter().map(|t| t.shape().known().unwrap().iter().product()).collect()
    }

    #[test]
    fn numbers_beside_what_is_traced_are_not_spelled_out() {
        let of_numbers = |x: &Tensor| x.gt(0.0).select(&(x * 2.0 + 1.0), 0.0);
        assert_eq!(captured(of_numbers, true), [1, 1, 1, 1]);
    }

    #[test]
    fn numbers_are_recorded_outside_of_a_linear_function_where_an_operand_is() {
        let types = [Type::new(DType::F32, [1000])];
        let body = |x: Vec<Tensor>| {
            let inner = record(&types, |dx| (vec![x[0].gt(0.0).select(&dx[0], 0.0)], ()));
            let captures = inner.unwrap().0.captures;
            assert!(captures.len() == 2 && captures.iter().all(Tensor::is_traced));
            (captures, ())
        };
        let (closed, ()) = trace(&types, body).unwrap();
        assert!(closed.captures.iter().all(|t| t.shape().known().unwrap().is_empty()));
    }

    #[test]
    fn a_broadcast_speaks_of_the_line_that_asked_for_it() {
        let kept = std::cell::RefCell::new(None);
        let keep = |x: Vec<Tensor>| {
            *kept.borrow_mut() = Some(x[0].clone());
            (x, ())
        };
        trace(&[Type::new(DType::F32, [2])], keep).unwrap();
        let escaped = kept.borrow_mut().take().unwrap();
        let (sum, line) = (&escaped + Tensor::from([[1.0f32], [2.0]]), line!());
        assert_eq!(
            (sum.error().unwrap().at().unwrap().file(), sum.error().unwrap().at().unwrap().line()),
            (file!(), line)
        );
    }

    #[test]
    fn numbers_are_operands_of_linear_functions_and_no_equations_of_theirs() {
        assert_eq!(captured(|x| x * 2.0, false), [1000]);
    }
}

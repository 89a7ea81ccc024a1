//! What a primitive is tried on: instances with operand types, ranges and special points, stated beside its rules.

use crate::array::{Array, DType, Data};
use crate::ir::{Primitive, Type};
use crate::shape::{Dim, Shape};
use std::sync::Arc;

/// An instance of a primitive, and operands to try it on; see [`check_primitive`](crate::testing::check_primitive).
///
/// At most one symbolic extent occurs in it; the harness puts several sizes in its place.
#[derive(Clone, Debug)]
pub struct Case {
    /// The instance.
    pub prim: Arc<dyn Primitive>,
    /// Its operands.
    pub inputs: Vec<Arg>,
    /// Whether `vmap` goes through where the symbolic extent differs from example to example.
    pub folds: bool,
}

/// A row of the table of primitives: the name that graphs print, and what it is tested on.
pub type Row = (&'static str, fn() -> Vec<Case>);

/// An operand of a [`Case`]: its type, and what its elements are drawn from.
#[derive(Clone, Debug)]
pub struct Arg {
    /// The type.
    pub ty: Type,
    /// The least element drawn.
    pub low: f64,
    /// The greatest element drawn.
    pub high: f64,
    /// Hard points: values are compared there, derivatives are not.
    pub special: Vec<f64>,
    /// Whether the derivative in it is compared with differences.
    pub smooth: bool,
    /// Whether `vmap` may map it.
    pub mapped: bool,
    /// Whether the elements ascend, as segments' numbers do.
    pub ascending: bool,
}

/// Points at which functions of floats are hard.
pub(crate) const HARD: &[f64] =
    &[0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 800.0, -800.0, 1e300, -1e300, 1e-300];

impl Case {
    /// An instance on those operands, through which every transform goes.
    pub fn new<const N: usize>(prim: impl Primitive, inputs: [Arg; N]) -> Case {
        Case { prim: Arc::new(prim), inputs: inputs.into(), folds: true }
    }

    /// The same, where a ragged `vmap` is refused.
    pub fn refuses_fold(self) -> Case {
        Case { folds: false, ..self }
    }

    /// A function of one float on a few shapes, elements drawn from `low..high`.
    pub(crate) fn unary<P: Primitive + Clone>(prim: P, low: f64, high: f64, special: &[f64]) -> Vec<Case> {
        [Shape::scalar(), Shape::of(&[5]), Shape(vec![Dim::fresh_rows(), 2.into()])]
            .map(|shape| Case::new(prim.clone(), [Arg::floats(shape).within(low, high).at(special)]))
            .into()
    }

    /// A function of two numbers on a few shapes; what `arg` says of one shape holds for both operands.
    pub(crate) fn binary<P: Primitive + Clone>(prim: P, arg: impl Fn(Shape) -> [Arg; 2]) -> Vec<Case> {
        [Shape::scalar(), Shape::of(&[2, 3]), Shape(vec![3.into(), Dim::fresh_rows()])]
            .map(|shape| Case::new(prim.clone(), arg(shape)))
            .into()
    }
}

impl Arg {
    /// Elements of that type between `low` and `high`; only floats are differentiated.
    pub fn new(dtype: DType, shape: impl Into<Shape>, low: f64, high: f64) -> Arg {
        let (ty, smooth) = (Type::new(dtype, shape), dtype.is_float());
        Arg { ty, low, high, special: Vec::new(), smooth, mapped: true, ascending: false }
    }

    /// f64 elements between -2 and 2.
    pub fn floats(shape: impl Into<Shape>) -> Arg {
        Arg::new(DType::F64, shape, -2.0, 2.0)
    }

    /// i32 elements in `0..n`.
    pub fn indices(shape: impl Into<Shape>, n: usize) -> Arg {
        Arg::new(DType::I32, shape, 0.0, n as f64 - 1.0)
    }

    /// Truth values.
    pub fn bools(shape: impl Into<Shape>) -> Arg {
        Arg::new(DType::Bool, shape, 0.0, 1.0)
    }

    /// Keys with those leading axes.
    pub fn keys(lead: impl Into<Shape>) -> Arg {
        let mut shape = lead.into();
        shape.0.push(Dim::Known(2));
        Arg::new(DType::U32, shape, 0.0, f64::from(u32::MAX))
    }

    /// The numbers of `n` segments, ascending, the same for every example.
    pub fn segments(rows: Dim, n: usize) -> Arg {
        Arg { ascending: true, mapped: false, ..Arg::indices(vec![rows], n) }
    }

    /// Drawn from another range.
    pub fn within(self, low: f64, high: f64) -> Arg {
        Arg { low, high, ..self }
    }

    /// With hard points.
    pub fn at(self, special: &[f64]) -> Arg {
        Arg { special: special.into(), ..self }
    }

    /// Held fixed in derivatives.
    pub fn fixed(self) -> Arg {
        Arg { smooth: false, ..self }
    }

    /// Elements for that shape; the same for the same `seed`. Hard points only where `special`.
    pub(crate) fn draw(&self, shape: &[usize], seed: u64, special: bool) -> Array {
        let n: usize = shape.iter().product();
        let mut state = seed;
        let mut unit = || splitmix(&mut state);
        let whole = !self.ty.dtype.is_float();
        let mut x: Vec<f64> = (0..n)
            .map(|_| {
                if special && !self.special.is_empty() && unit() < 0.5 {
                    return self.special[(unit() * self.special.len() as f64) as usize];
                }
                let (u, width) = (unit(), self.high - self.low + if whole { 1.0 } else { 0.0 });
                let x = self.low + u * width;
                if whole { x.floor() } else { x }
            })
            .collect();
        if self.ascending {
            x.sort_by(f64::total_cmp);
        }
        let data = match self.ty.dtype {
            DType::F32 => Data::F32(x.iter().map(|&x| x as f32).collect()),
            DType::F64 => Data::F64(x),
            DType::I32 => Data::I32(x.iter().map(|&x| x as i32).collect()),
            DType::U32 => Data::U32(x.iter().map(|&x| x as u32).collect()),
            DType::Bool => Data::Bool(x.iter().map(|&x| x != 0.0).collect()),
        };
        Array::new(shape.to_vec(), data)
    }
}

/// The next number of a small generator, in \[0, 1): tests must not depend on the keys that they test.
pub(crate) fn splitmix(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

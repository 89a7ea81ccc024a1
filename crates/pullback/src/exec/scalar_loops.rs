//! Elementwise operations outside kernels: integers, truth values, conversions, and the few float functions that do
//! not vectorise.

use crate::array::{Array, DType, Element};
use crate::exec::operand::Io;
use crate::ir::{Eqn, Graph};
use crate::lowering::PointOp;

/// One elementwise operation.
#[derive(Clone, Debug)]
pub(crate) struct ScalarLoop {
    op: PointOp,
    from: DType,
    to: DType,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, op: PointOp) -> ScalarLoop {
    ScalarLoop { op, from: graph.ty(e.inputs[0]).dtype, to: graph.ty(e.output).dtype }
}

/// An operand as an array of its own.
fn copied<T: Element>(io: &Io<'_>, operand: usize) -> Array {
    let x = io.read::<T>(operand);
    Array::new(vec![x.len()], T::wrap(x.to_vec()))
}

fn write<T: Element>(io: &Io<'_>, value: &Array) {
    io.write::<T>(0).copy_from_slice(value.get::<T>());
}

/// `to = c ? a : b`.
fn choose<T: Element>(io: &Io<'_>) {
    let (c, a, b) = (io.read::<bool>(0), io.read::<T>(1), io.read::<T>(2));
    let each = c.iter().zip(a.iter().zip(b));
    io.write::<T>(0).iter_mut().zip(each).for_each(|(to, (&c, (&a, &b)))| *to = if c { a } else { b });
}

macro_rules! typed {
    ($dtype:expr, $f:ident($($arg:expr),*)) => {
        match $dtype {
            DType::F32 => $f::<f32>($($arg),*),
            DType::F64 => $f::<f64>($($arg),*),
            DType::I32 => $f::<i32>($($arg),*),
            DType::U32 => $f::<u32>($($arg),*),
            DType::Bool => $f::<bool>($($arg),*),
        }
    };
}

impl ScalarLoop {
    pub(crate) fn run(&self, io: &Io<'_>) {
        if !self.in_place(io) {
            let arrays: Vec<Array> = (0..io.reads.len()).map(|k| typed!(self.from, copied(io, k))).collect();
            let value = self.op.eval(&arrays.iter().collect::<Vec<_>>());
            typed!(self.to, write(io, &value));
        }
    }

    /// The forms that programs of keys and counts are made of, without a copy; false for the rest.
    fn in_place(&self, io: &Io<'_>) -> bool {
        let op = self.op;
        macro_rules! map {
            ($from:ty, $to:ty, $f:expr) => {{
                let a = io.read::<$from>(0);
                io.write::<$to>(0).iter_mut().zip(a).for_each(|(t, &a)| *t = $f(a));
                true
            }};
        }
        macro_rules! zip {
            ($from:ty, $to:ty, $f:expr) => {{
                let (a, b) = (io.read::<$from>(0), io.read::<$from>(1));
                io.write::<$to>(0).iter_mut().zip(a.iter().zip(b)).for_each(|(t, (&a, &b))| *t = $f(a, b));
                true
            }};
        }
        match (self.from, op, io.reads.len()) {
            (DType::I32, PointOp::Cast(DType::F32), _) => map!(i32, f32, |a: i32| a as f32),
            (DType::I32, PointOp::Cast(DType::F64), _) => map!(i32, f64, f64::from),
            (DType::I32, PointOp::Cast(DType::U32), _) => map!(i32, u32, |a: i32| a.max(0) as u32),
            (DType::U32, PointOp::Cast(DType::I32), _) => map!(u32, i32, |a: u32| a.min(i32::MAX as u32) as i32),
            (DType::F32, PointOp::Cast(DType::I32), _) => map!(f32, i32, |a: f32| a as i32),
            (DType::F64, PointOp::Cast(DType::I32), _) => map!(f64, i32, |a: f64| a as i32),
            (DType::I32, op, 2) if op.is_comparison() => zip!(i32, bool, |a, b| op.compare(a, b)),
            (DType::I32, PointOp::Add, 2) => zip!(i32, i32, |a: i32, b| a.wrapping_add(b)),
            (DType::I32, PointOp::Sub, 2) => zip!(i32, i32, |a: i32, b| a.wrapping_sub(b)),
            (DType::I32, PointOp::Mul, 2) => zip!(i32, i32, |a: i32, b| a.wrapping_mul(b)),
            (DType::I32, PointOp::Max, 2) => zip!(i32, i32, |a: i32, b| a.max(b)),
            (DType::I32, PointOp::Min, 2) => zip!(i32, i32, |a: i32, b| a.min(b)),
            (_, PointOp::Select, 3) => {
                typed!(self.to, choose(io));
                true
            }
            _ => false,
        }
    }
}

//! Elementwise operations outside kernels: integers, truth values, conversions, and the few float functions that do
//! not vectorise.

use crate::array::{Array, DType, Data};
use crate::exec::extent::{Count, RowTable};
use crate::exec::memory::{Memory, Place, typed};
use crate::ir::{Eqn, Graph, Var};
use crate::lowering::PointOp;

/// One elementwise operation.
#[derive(Clone, Debug)]
pub(crate) struct ScalarLoop {
    op: PointOp,
    inputs: Vec<(Var, Place)>,
    size: Count,
    dtype: DType,
    output: Var,
    slot: usize,
}

pub(crate) fn compile(graph: &Graph, e: &Eqn, op: PointOp, rows: &mut RowTable) -> ScalarLoop {
    ScalarLoop {
        op,
        inputs: e.inputs.iter().map(|&v| (v, Place::Slot(0))).collect(),
        size: rows.count(graph.ty(e.output).shape.dims().iter().copied()),
        dtype: graph.ty(e.inputs[0]).dtype,
        output: e.output,
        slot: 0,
    }
}

impl ScalarLoop {
    pub(crate) fn reads(&self) -> Vec<Var> {
        self.inputs.iter().map(|i| i.0).collect()
    }

    pub(crate) fn output(&self) -> Var {
        self.output
    }

    pub(crate) fn settle(&mut self, place: &dyn Fn(Var) -> Place) {
        self.inputs.iter_mut().for_each(|i| i.1 = place(i.0));
        if let Place::Slot(s) = place(self.output) {
            self.slot = s;
        }
    }

    pub(crate) fn run(&self, memory: &mut Memory, rows: &[usize]) {
        let n = self.size.get(rows);
        let mut out = memory.take(self.slot, n);
        if !self.in_place(memory, &mut out, n) {
            let arrays: Vec<Array> =
                self.inputs.iter().map(|i| Array::new(vec![n], memory.data(i.1).first(n))).collect();
            out = self.op.eval(&arrays.iter().collect::<Vec<_>>()).into_data();
        }
        memory.put(self.slot, out);
    }

    /// The forms that programs of keys and counts are made of, without a copy; false for the rest.
    fn in_place(&self, memory: &Memory, out: &mut Data, n: usize) -> bool {
        let op = self.op;
        let place = |k: usize| self.inputs[k].1;
        macro_rules! map {
            ($from:ty, $to:ty, $f:expr) => {{
                let a = memory.read::<$from>(place(0), n);
                typed::<$to>(out)[..n].iter_mut().zip(a).for_each(|(t, &a)| *t = $f(a));
                true
            }};
        }
        macro_rules! zip {
            ($from:ty, $to:ty, $f:expr) => {{
                let (a, b) = (memory.read::<$from>(place(0), n), memory.read::<$from>(place(1), n));
                typed::<$to>(out)[..n].iter_mut().zip(a.iter().zip(b)).for_each(|(t, (&a, &b))| *t = $f(a, b));
                true
            }};
        }
        match (self.dtype, op, self.inputs.len()) {
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
            _ => false,
        }
    }
}

//! Elements moved, not computed: broadcasts, slices, transposes, rows repeated or gathered by number.

use crate::array::{DType, Element};
use crate::exec::extent::{Count, RowTable};
use crate::exec::lines::{Lines, place};
use crate::exec::operand::Io;
use crate::ir::{Eqn, Graph, Var};
use crate::lowering::Lowering;
use crate::shape::Shape;
use std::fmt;

/// One block of elements copied from one walk to another.
#[derive(Clone, Debug)]
struct Move {
    source: usize,
    dims: Vec<Count>,
    from: Vec<Count>,
    to: Vec<Count>,
    first_from: Count,
    first_to: Count,
    /// The axis along which the source is walked by row numbers, in operand 1; with them comes that of its first row.
    indexed: Option<usize>,
}

/// Copies that fill a result.
#[derive(Clone, Debug)]
pub(crate) struct Copying {
    dtype: DType,
    moves: Vec<Move>,
    zeroed: bool,
    /// The extents along which elements are not moved to the same rows: where they are chosen by number or cut off, or
    /// others come beside them.
    moved: Vec<usize>,
}

/// Row-major steps of a shape.
fn steps(rows: &mut RowTable, shape: &Shape) -> Vec<Count> {
    (0..shape.rank()).map(|i| rows.count(shape.dims()[i + 1..].iter().copied())).collect()
}

/// The copies of an equation that only moves elements.
pub(crate) fn compile(graph: &Graph, e: &Eqn, rows: &mut RowTable) -> Option<Copying> {
    let shape = |v: Var| graph.ty(v).shape.clone();
    let out = shape(e.output);
    let x = shape(*e.inputs.first()?);
    let each = |rows: &mut RowTable, s: &Shape| s.dims().iter().map(|&d| rows.count([d])).collect::<Vec<_>>();
    let to = steps(rows, &out);
    let zero = || Count::known(0);
    let plain = |rows: &mut RowTable, from: Vec<Count>| Move {
        source: 0,
        dims: each(rows, &out),
        from,
        to: to.clone(),
        first_from: zero(),
        first_to: zero(),
        indexed: None,
    };
    let mut zeroed = false;
    let moves = match e.prim.lower() {
        Lowering::Broadcast(axes) => {
            let mut from = vec![zero(); out.rank()];
            for ((&a, step), &d) in axes.iter().zip(steps(rows, &x)).zip(x.dims()) {
                if d == out.dims()[a] {
                    from[a] = step;
                }
            }
            vec![plain(rows, from)]
        }
        Lowering::Transpose(order) => {
            let step = steps(rows, &x);
            vec![plain(rows, order.iter().map(|&o| step[o].clone()).collect())]
        }
        Lowering::RepeatRows => {
            let from = steps(rows, &x);
            vec![Move { indexed: Some(0), ..plain(rows, from) }]
        }
        Lowering::Slice { axis, start } => {
            let from = steps(rows, &x);
            let first_from = from[axis].times(&Count::known(start));
            vec![Move { first_from, ..plain(rows, from) }]
        }
        Lowering::Pad { axis, before } => {
            zeroed = true;
            let from = steps(rows, &x);
            let first_to = to[axis].times(&Count::known(before));
            vec![Move { dims: each(rows, &x), first_to, ..plain(rows, from) }]
        }
        Lowering::Concat(axis) => {
            let mut at = 0;
            let mut moves = Vec::new();
            for (k, &v) in e.inputs.iter().enumerate() {
                let part = shape(v);
                let first_to = to[axis].times(&Count::known(at));
                let from = steps(rows, &part);
                moves.push(Move { source: k, dims: each(rows, &part), first_to, ..plain(rows, from) });
                at += part.dims()[axis].known()?;
            }
            moves
        }
        _ => return None,
    };
    let axis = match e.prim.lower() {
        // A row's number may name a row of any block.
        Lowering::RepeatRows if x.dims().first() == out.dims().first() => Some(0),
        Lowering::Slice { axis, .. } | Lowering::Pad { axis, .. } | Lowering::Concat(axis) => Some(axis),
        _ => None,
    };
    let all = e.inputs.iter().chain([&e.output]).filter_map(|&v| shape(v).dims().get(axis?).copied());
    let moved = all.filter_map(|d| rows.extent(d)).collect();
    let moves = moves.into_iter().map(Move::merged).collect();
    Some(Copying { dtype: graph.ty(e.output).dtype, moves, zeroed, moved })
}

impl Move {
    /// Drops axes of size 1 and joins axes that one walk passes through on both sides.
    fn merged(mut self) -> Move {
        let mut i = 0;
        while i < self.dims.len() {
            if self.dims[i].is_one() && self.indexed != Some(i) {
                self.dims.remove(i);
                self.from.remove(i);
                self.to.remove(i);
                self.indexed = self.indexed.map(|k| if k > i { k - 1 } else { k });
                continue;
            }
            let joins = i > 0
                && self.indexed != Some(i - 1)
                && self.indexed != Some(i)
                && self.from[i - 1] == self.from[i].times(&self.dims[i])
                && self.to[i - 1] == self.to[i].times(&self.dims[i]);
            if joins {
                self.dims[i] = self.dims[i - 1].times(&self.dims[i]);
                self.dims.remove(i - 1);
                self.from.remove(i - 1);
                self.to.remove(i - 1);
                self.indexed = self.indexed.map(|k| if k >= i { k - 1 } else { k });
            } else {
                i += 1;
            }
        }
        self
    }

    fn run<T: Copy>(&self, from: &[T], to: &mut [T], ids: (&[i32], usize), rows: &[usize]) {
        let n = self.dims.len();
        let (a, b) = (self.first_from.get(rows), self.first_to.get(rows));
        if self.dims.iter().any(|d| d.get(rows) == 0) {
            return;
        }
        // One number for each row, by the row's number.
        if let ([count], [step], [next], Some(_)) = (&self.dims[..], &self.from[..], &self.to[..], self.indexed)
            && step.is_one()
            && next.is_one()
        {
            let lines = Lines { to: &mut to[b..b + count.get(rows)], width: 1, run: true };
            return lines.lay_rows(&from[a..], ids, |x| x);
        }
        // Rows that are one run each, in order: what nearly every program copies.
        if let ([count, width], [step, inner], [next, one]) = (&self.dims[..], &self.from[..], &self.to[..]) {
            let (count, width) = (count.get(rows), width.get(rows));
            let (step, inner) = (step.get(rows), inner.get(rows));
            if one.is_one() && next.get(rows) == width && inner <= 1 && self.indexed != Some(1) {
                let lines = Lines { to: &mut to[b..b + count * width], width, run: inner == 1 };
                match self.indexed {
                    // Whole lines of a table that has no others, or a number for each line.
                    Some(_) if step == if inner == 1 { width } else { 1 } => lines.lay_rows(&from[a..], ids, |x| x),
                    Some(_) => lines.lay(&from[a..], |k| (ids.0[k] as usize - ids.1) * step, |x| x),
                    None => lines.lay_evenly(&from[a..], step, |x| x),
                }
                return;
            }
            // Beside what others fill of the same rows.
            if one.is_one() && inner == 1 && self.indexed.is_none() {
                return place(&mut to[b..], next.get(rows), &from[a..], step, [count, width]);
            }
        }
        self.walk(n, 0, a, b, from, to, ids, rows);
    }

    #[allow(clippy::too_many_arguments, reason = "a recursion over axes that allocates nothing")]
    fn walk<T: Copy>(
        &self,
        n: usize,
        axis: usize,
        a: usize,
        b: usize,
        from: &[T],
        to: &mut [T],
        ids: (&[i32], usize),
        rows: &[usize],
    ) {
        if axis == n {
            to[b] = from[a];
            return;
        }
        let (size, sa, sb) = (self.dims[axis].get(rows), self.from[axis].get(rows), self.to[axis].get(rows));
        if self.indexed == Some(axis) {
            // Rows by number: the rest of a row is one run in nearly every program.
            for (i, &k) in ids.0[..size].iter().enumerate() {
                self.walk(n, axis + 1, a + (k as usize - ids.1) * sa, b + i * sb, from, to, ids, rows);
            }
        } else if axis + 1 == n && sb == 1 {
            let to = &mut to[b..b + size];
            match sa {
                0 => to.fill(from[a]),
                1 => to.iter_mut().zip(&from[a..a + size]).for_each(|(t, f)| *t = *f),
                _ => to.iter_mut().enumerate().for_each(|(i, t)| *t = from[a + i * sa]),
            }
        } else {
            for i in 0..size {
                self.walk(n, axis + 1, a + i * sa, b + i * sb, from, to, ids, rows);
            }
        }
    }
}

impl Copying {
    /// Whether the rows of an extent are moved to the same rows.
    pub(crate) fn apart(&self, extent: usize) -> bool {
        !self.moved.contains(&extent)
    }

    /// Whether it takes rows of a table by number.
    pub(crate) fn by_number(&self) -> bool {
        self.moves.iter().any(|m| m.indexed.is_some())
    }

    pub(crate) fn run(&self, io: &Io<'_>) {
        match self.dtype {
            DType::F32 => self.copy::<f32>(io),
            DType::F64 => self.copy::<f64>(io),
            DType::I32 => self.copy::<i32>(io),
            DType::U32 => self.copy::<u32>(io),
            DType::Bool => self.copy::<bool>(io),
        }
    }

    fn copy<T: Element + Default>(&self, io: &Io<'_>) {
        let to = io.write::<T>(0);
        if self.zeroed {
            to.fill(T::default());
        }
        for m in &self.moves {
            let ids = match m.indexed {
                Some(_) => (io.read::<i32>(1), io.numbered_from(&io.reads[0].size)),
                None => (&[][..], 0),
            };
            m.run(io.read::<T>(m.source), to, ids, io.rows);
        }
    }
}

impl fmt::Display for Copying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("copy")?;
        for m in &self.moves {
            let dims: Vec<String> = m.dims.iter().map(Count::to_string).collect();
            write!(f, " [{}]{}", dims.join(", "), if m.indexed.is_some() { " by number" } else { "" })?;
        }
        Ok(())
    }
}

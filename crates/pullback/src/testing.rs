//! One harness for every primitive, and gradient checks for every function: public, so that other crates can test
//! their own.
//!
//! A primitive whose rule is missing does not compile: the methods of [`Primitive`] have no defaults. A primitive
//! whose rule is wrong does not pass [`check_primitive`].

use crate::array::{Array, DType, Element};
use crate::error::{Error, ErrorKind};
use crate::eval::bind_shape;
use crate::ir::{Batched, Graph, Primitive, Type};
use crate::jit::jit;
use crate::lowering::Lowering;
use crate::prim::move_axis;
use crate::shape::{Dim, RowId, Shape, Sizes};
use crate::trace::{Tensor, bind_dyn, trace};
use crate::transform::function::{Function, Passed};
use crate::transform::jvp::jvp;
use crate::transform::traced::traced_as;
use crate::transform::vjp::vjp;
use crate::transform::vmap::batch_graph;
use crate::tree::{Tree, Visitor, leaves};
use std::sync::Arc;

pub use crate::case::{Arg, Case, Row};

/// Every primitive by the name that graphs print, with what it is tested on.
pub fn primitives() -> impl Iterator<Item = Row> {
    crate::prim::TABLE.iter().chain(crate::transform::TABLE).copied()
}

/// Tries an instance of a primitive, and says what does not hold:
///
/// 1. the inferred type is that of the value, also where rows are symbolic;
/// 2. compiled once, it gives the interpreter's values at 0, 1, 2 and 17 rows, also at hard points;
/// 3. over a stack of examples, with each subset of operands mapped, it gives what it gives for each alone;
/// 4. over examples of 2, 0, 3 and 1 rows laid end to end too, or it refuses with a reason;
/// 5. its tangent is the limit of differences, and the tangent's own tangent is;
/// 6. `⟨J t, c⟩ = ⟨t, Jᵀ c⟩`.
///
/// # Errors
/// The instance, the operands' types and what differs.
pub fn check_primitive(case: &Case) -> Result<(), String> {
    for floats in [DType::F64, DType::F32] {
        let instance = Instance::new(case, floats);
        let types: Vec<&Type> = instance.inputs.iter().map(|a| &a.ty).collect();
        if floats == DType::F32 && case.prim.infer(&types).is_err() {
            continue;
        }
        let checks = [Instance::check_values, Instance::check_stacks, Instance::check_ragged];
        checks.iter().try_for_each(|check| check(&instance)).map_err(|why| format!("{}: {why}", instance.title()))?;
    }
    let instance = Instance::new(case, DType::F64);
    instance.check_derivatives().map_err(|why| format!("{}: {why}", instance.title()))
}

/// Compares derivatives of `f` at `x` (f64) with differences, up to that order, forward and in reverse.
///
/// ```
/// use pullback::{Tensor, testing::check_gradients};
/// let x = Tensor::from([0.3f64, -1.2]);
/// check_gradients(&|x: Tensor| x.tanh().logsumexp(0), &x, 3, 1e-6).unwrap();
/// ```
///
/// # Errors
/// Which derivative differs, and the numbers.
pub fn check_gradients(f: &dyn Fn(Tensor) -> Tensor, x: &Tensor, order: usize, tolerance: f64) -> Result<(), String> {
    let several = |v: Vec<Tensor>| f(v[0].clone());
    check_order(&several, std::slice::from_ref(x), order, tolerance, 1)
}

/// The graph of a function as it is traced, before any pass; what the function captures becomes parameters, and
/// [`Rows`](crate::Rows) of one count are one symbolic extent.
///
/// # Errors
/// The first fault of the function.
#[track_caller]
pub fn graph<F: Function<A>, A: Tree>(f: F, args: impl Passed<A>) -> Result<Graph, Error> {
    let args = args.pass();
    let mut extents: Vec<(Dim, Dim)> = Vec::new();
    let (mut inputs, mut types) = (Vec::new(), Vec::new());
    for leaf in leaves(&args) {
        let mut ty = leaf.tensor.ty();
        if let Some(first) = ty.shape.0.first_mut().filter(|_| leaf.rows) {
            let known = extents.iter().find(|(n, _)| n == first).map(|&(_, rows)| rows);
            let rows = known.unwrap_or_else(Dim::fresh_rows);
            extents.push((*first, rows));
            *first = rows;
        }
        inputs.push(leaf.tensor);
        types.push(ty);
    }
    traced_as(&f, &args, inputs, &types, "graph").map(|t| t.graph).map_err(|fault| fault.error)
}

type Several<'a> = &'a dyn Fn(Vec<Tensor>) -> Tensor;

fn check_order(f: Several<'_>, x: &[Tensor], order: usize, tolerance: f64, seed: u64) -> Result<(), String> {
    if order == 0 || x.is_empty() {
        return Ok(());
    }
    let t: Vec<Tensor> = x.iter().enumerate().map(|(i, x)| random_like(x, seed * 100 + i as u64)).collect();
    let (y, dy) = jvp(|v: Vec<Tensor>| f(v)).call(x.to_vec(), t.clone());
    let dy = array(&dy)?;
    if !dy.dtype().is_float() {
        return Ok(());
    }
    const STEP: f64 = 1e-5;
    let moved = |h: f64| f(x.iter().zip(&t).map(|(x, t)| x + t * h).collect());
    let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
    // An infinite value, as of a fold of nothing, stays where it is.
    let difference = y.is_finite().select(&difference, 0.0);
    close(dy, array(&difference)?, tolerance).map_err(|why| format!("jvp against differences: {why}"))?;

    let c = random_like(&y, seed * 100 + 50);
    let (_, back) = vjp(|v: Vec<Tensor>| f(v), x.to_vec());
    let pulled = back.call(c.clone());
    let inner = |a: &Tensor, b: &Tensor| (a * b).sum();
    let (left, right) = (inner(&Tensor::from(dy.clone()), &c), Tensor::scalar(0.0f64));
    let right = pulled.iter().zip(&t).fold(right, |sum, (a, b)| sum + inner(a, b));
    close(array(&right)?, array(&left)?, 1e-9).map_err(|why| format!("⟨t, Jᵀ c⟩ against ⟨J t, c⟩: {why}"))?;

    let forward = |v: Vec<Tensor>| jvp(|v: Vec<Tensor>| f(v)).call(v, t.clone()).1;
    check_order(&forward, x, order - 1, tolerance, seed * 2).map_err(|why| format!("of the jvp, {why}"))?;
    let reverse = |v: Vec<Tensor>| {
        let flat = vjp(|v: Vec<Tensor>| f(v), v).1.call(c.clone());
        flat.iter().zip(&t).fold(Tensor::scalar(0.0f64), |sum, (g, t)| sum + (g * t).sum())
    };
    check_order(&reverse, x, order - 1, tolerance, seed * 2 + 1).map_err(|why| format!("of the vjp, {why}"))
}

fn random_like(x: &Tensor, seed: u64) -> Tensor {
    let sizes = x.array().map_or(&[][..], |a| a.shape());
    Tensor::from(Arg::floats(sizes).draw(sizes, seed, false))
}

fn array(t: &Tensor) -> Result<&Array, String> {
    t.value().map_err(|e| e.to_string())
}

/// Whether two arrays agree: to `tolerance` relative to each element and to the greatest finite one.
fn close(got: &Array, want: &Array, tolerance: f64) -> Result<(), String> {
    if (got.dtype(), got.shape()) != (want.dtype(), want.shape()) {
        return Err(format!("{}{:?}, wanted {}{:?}", got.dtype(), got.shape(), want.dtype(), want.shape()));
    }
    let numbers = |a: &Array| f64::slice(&crate::lowering::cast(a.data(), DType::F64)).unwrap_or_default().to_vec();
    let (got_all, want_all) = (numbers(got), numbers(want));
    let scale = want_all.iter().filter(|x| x.is_finite() && x.abs() < 1e3).fold(1f64, |a, x| a.max(x.abs()));
    for (i, (&g, &w)) in got_all.iter().zip(&want_all).enumerate() {
        let same = g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * scale.max(w.abs());
        if !same {
            return Err(format!("element {i} is {g:e}, wanted {w:e}\n got {got}\nwant {want}"));
        }
    }
    Ok(())
}

/// An operand that may have rows, as one leaf.
struct Operand {
    tensor: Tensor,
    rows: bool,
}

impl Tree for Operand {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Operand {
        let tensor = if self.rows { visitor.rows(&self.tensor) } else { visitor.leaf(&self.tensor) };
        Operand { tensor, rows: self.rows }
    }
}

/// How many rows each example of the ragged check has.
const COUNTS: [usize; 4] = [2, 0, 3, 1];

/// A case with its floats in one element type.
struct Instance<'a> {
    case: &'a Case,
    inputs: Vec<Arg>,
    rows: Option<RowId>,
    tolerance: f64,
}

impl Instance<'_> {
    fn new(case: &Case, floats: DType) -> Instance<'_> {
        let mut inputs = case.inputs.clone();
        inputs.iter_mut().filter(|a| a.ty.dtype == DType::F64).for_each(|a| a.ty.dtype = floats);
        let mut rows = None;
        let mut see = |d: Dim| {
            if let Dim::Rows(id) = d {
                rows = Some(id);
            }
            d
        };
        if !matches!(case.prim.lower(), Lowering::Rows) {
            case.prim.map_dims(&mut see);
        }
        inputs.iter().flat_map(|a| a.ty.shape.dims()).for_each(|&d| {
            see(d);
        });
        let tolerance = if floats == DType::F64 { 1e-13 } else { 4e-6 };
        Instance { case, inputs, rows, tolerance }
    }

    fn title(&self) -> String {
        let types: Vec<String> = self.inputs.iter().map(|a| a.ty.to_string()).collect();
        format!("{}{} of {}", self.case.prim.name(), self.case.prim.parameters(), types.join(" "))
    }

    /// The primitive with `dim` for the symbolic extent.
    fn prim(&self, dim: Dim) -> Arc<dyn Primitive> {
        let mut put = |d| if self.rows.map(Dim::Rows) == Some(d) { dim } else { d };
        self.case.prim.map_dims(&mut put).unwrap_or_else(|| self.case.prim.clone())
    }

    fn axis(&self, arg: &Arg) -> Option<usize> {
        self.rows.and_then(|rows| arg.ty.shape.axis_of(rows))
    }

    fn draw(&self, i: usize, n: usize, seed: u64, special: bool) -> Tensor {
        let arg = &self.inputs[i];
        let sizes: Vec<usize> = arg.ty.shape.dims().iter().map(|d| d.known().unwrap_or(n)).collect();
        Tensor::from(arg.draw(&sizes, seed * 31 + i as u64, special))
    }

    fn draw_all(&self, n: usize, seed: u64, special: bool) -> Vec<Tensor> {
        (0..self.inputs.len()).map(|i| self.draw(i, n, seed, special)).collect()
    }

    fn apply(&self, dim: Dim, inputs: &[Tensor]) -> Tensor {
        bind_dyn(self.prim(dim), &inputs.iter().collect::<Vec<_>>())
    }

    fn check_values(&self) -> Result<(), String> {
        let compiled = jit(|mut args: Vec<Operand>| {
            let witness = args.pop().map(|w| w.tensor.shape().dims()[0]);
            let args = args.into_iter().zip(&self.inputs).map(|(a, arg)| match self.axis(arg) {
                Some(axis) => move_axis(&a.tensor, 0, axis),
                None => a.tensor,
            });
            self.apply(witness.unwrap_or(Dim::Known(0)), &args.collect::<Vec<_>>())
        });
        for (seed, &n) in [0, 1, 2, 17].iter().enumerate() {
            let inputs = self.draw_all(n, seed as u64, true);
            let y = self.apply(Dim::Known(n), &inputs);
            if matches!(y.error().map(|e| e.kind()), Some(ErrorKind::Empty)) && n == 0 {
                continue;
            }
            let want = array(&y)?;
            self.check_type(&inputs, n, want)?;
            let mut operands: Vec<Operand> = Vec::new();
            for (t, arg) in inputs.iter().zip(&self.inputs) {
                let axis = self.axis(arg);
                operands.push(Operand { tensor: move_axis(t, axis.unwrap_or(0), 0), rows: axis.is_some() });
            }
            operands.push(Operand { tensor: Tensor::arange(n, DType::I32), rows: true });
            let got = compiled.call(operands).map_err(|e| e.to_string())?;
            close(array(&got)?, want, self.tolerance).map_err(|why| format!("jit at {n} rows: {why}"))?;
        }
        match compiled.compiles() {
            1 => Ok(()),
            n => Err(format!("{n} compiles for several numbers of rows")),
        }
    }

    fn check_type(&self, inputs: &[Tensor], n: usize, value: &Array) -> Result<(), String> {
        let known: Vec<Type> = inputs.iter().map(Tensor::ty).collect();
        let symbolic: Vec<Type> = self.inputs.iter().map(|a| a.ty.clone()).collect();
        let mut sizes = Sizes::default();
        if let Some(rows) = self.rows {
            sizes.bind(rows, n).map_err(|_| "rows bound twice")?;
        }
        for (prim, types) in [(self.prim(Dim::Known(n)), known), (self.case.prim.clone(), symbolic)] {
            let ty = prim.infer(&types.iter().collect::<Vec<_>>()).map_err(|kind| format!("infer: {kind}"))?;
            if ty.dtype != value.dtype() || bind_shape(&ty, value.shape(), &mut sizes.clone()).is_err() {
                return Err(format!("inferred {ty}, evaluated {}{:?}", value.dtype(), value.shape()));
            }
        }
        Ok(())
    }

    /// Every non-empty subset of the operands that may be mapped, as one truth value for each operand.
    fn subsets(&self) -> Vec<Vec<bool>> {
        let n = self.inputs.len() as u32;
        let all = (1..1usize << n).map(|bits| (0..n).map(|i| bits >> i & 1 == 1).collect::<Vec<bool>>());
        all.filter(|mapped| mapped.iter().zip(&self.inputs).all(|(&m, a)| a.mapped || !m)).collect()
    }

    fn check_stacks(&self) -> Result<(), String> {
        const ROWS: usize = 2;
        for mapped in self.subsets() {
            for examples in [3, 0] {
                let draws: Vec<Vec<Tensor>> = (0..3).map(|i| self.draw_all(ROWS, i, true)).collect();
                let one = |i: usize, j: usize| draws[if mapped[j] { i } else { 0 }][j].clone();
                let types: Vec<Type> = draws[0].iter().map(Tensor::ty).collect();
                let (closed, ()) =
                    trace(&types, |args| (vec![self.apply(Dim::Known(ROWS), &args)], ())).map_err(|e| e.to_string())?;
                let args = (0..types.len()).map(|j| match mapped[j] {
                    true => Batched::Stacked(stack((0..examples).map(|i| one(i, j)), &types[j])),
                    false => Batched::Shared(one(0, j)),
                });
                let got = batch_graph(&closed.graph, args.collect(), Dim::Known(examples)).swap_remove(0);
                let single = |i| self.apply(Dim::Known(ROWS), &(0..types.len()).map(|j| one(i, j)).collect::<Vec<_>>());
                let want = stack((0..examples).map(single), closed.graph.ty(closed.graph.outputs[0]));
                close(array(&got)?, array(&want)?, self.tolerance)
                    .map_err(|why| format!("vmap over {examples} with operands {mapped:?} mapped: {why}"))?;
            }
        }
        Ok(())
    }

    /// Each operand with the ragged extent is padded to one size and cut to the example's count inside the map.
    fn check_ragged(&self) -> Result<(), String> {
        let Some(rows) = self.rows else { return Ok(()) };
        let most = COUNTS.iter().copied().max().unwrap_or(0);
        let ragged: Vec<Option<usize>> = self.inputs.iter().map(|a| self.axis(a)).collect();
        let whole = self.draw_all(most, 7, true);
        let mut types: Vec<Type> =
            whole.iter().zip(&ragged).map(|(t, a)| move_axis(t, a.unwrap_or(0), 0).ty()).collect();
        types.push(Type::new(DType::I32, Shape::scalar()));
        let (closed, ()) = trace(&types, |mut args| {
            let ids = args.pop().unwrap_or_else(|| unreachable!("the count is the last")).rows();
            let args = args.iter().zip(&ragged).map(|(t, axis)| match axis {
                Some(axis) => move_axis(&t.take(&ids), 0, *axis),
                None => t.clone(),
            });
            (vec![self.apply(ids.shape().dims()[0], &args.collect::<Vec<_>>())], ())
        })
        .map_err(|e| e.to_string())?;
        let mut subsets = vec![vec![false; self.inputs.len()]];
        subsets.extend(self.subsets());
        for mut mapped in subsets {
            mapped.iter_mut().zip(&ragged).for_each(|(m, axis)| *m |= axis.is_some());
            let draws: Vec<Vec<Tensor>> = (0..4).map(|i| self.draw_all(most, i, true)).collect();
            let one = |i: usize, j: usize| &draws[if mapped[j] { i } else { 0 }][j];
            let mut args: Vec<Batched> = Vec::new();
            for (j, axis) in ragged.iter().enumerate() {
                args.push(match mapped[j] {
                    true => {
                        Batched::Stacked(stack((0..4).map(|i| move_axis(one(i, j), axis.unwrap_or(0), 0)), &types[j]))
                    }
                    false => Batched::Shared(one(0, j).clone()),
                });
            }
            args.push(Batched::Stacked(Tensor::from(COUNTS.map(|n| n as i32))));
            let got = batch_graph(&closed.graph, args, Dim::Known(4)).swap_remove(0);
            match (self.case.folds, got.error().map(|e| e.kind())) {
                (false, Some(ErrorKind::NoRule { .. })) => continue,
                (false, _) => return Err(format!("ragged: not refused, {got}")),
                (true, _) => {}
            }
            let singles = (0..4).map(|i| {
                let cut = |j: usize| match ragged[j] {
                    Some(axis) => one(i, j).slice(axis, 0, COUNTS[i]),
                    None => one(i, j).clone(),
                };
                self.apply(Dim::Known(COUNTS[i]), &(0..ragged.len()).map(cut).collect::<Vec<_>>())
            });
            let symbolic: Vec<Type> = self.inputs.iter().map(|a| a.ty.clone()).collect();
            let ty = self.case.prim.infer(&symbolic.iter().collect::<Vec<_>>()).map_err(|kind| kind.to_string())?;
            let want = match ty.shape.axis_of(rows) {
                Some(axis) => {
                    let parts: Vec<Tensor> = singles.collect();
                    Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis)
                }
                None => {
                    // An example without rows may have no value of its own: one row of nothing stands for it.
                    let dtype = ty.dtype;
                    let zeros = |t: Tensor| match t.error().map(|e| e.kind()) {
                        Some(ErrorKind::Empty) => Tensor::full(0.0, dtype, &ty.shape),
                        _ => t,
                    };
                    stack(singles.map(zeros), &ty)
                }
            };
            close(array(&got)?, array(&want)?, self.tolerance)
                .map_err(|why| format!("ragged vmap with operands {mapped:?} mapped: {why}"))?;
        }
        Ok(())
    }

    fn check_derivatives(&self) -> Result<(), String> {
        for (seed, n) in [(1, 3), (2, 1)] {
            let inputs = self.draw_all(n, seed, false);
            let smooth: Vec<usize> = (0..inputs.len()).filter(|&i| self.inputs[i].smooth).collect();
            let at: Vec<Tensor> = smooth.iter().map(|&i| inputs[i].clone()).collect();
            let f = |moved: Vec<Tensor>| {
                let mut all = inputs.clone();
                smooth.iter().zip(moved).for_each(|(&i, t)| all[i] = t);
                self.apply(Dim::Known(n), &all)
            };
            check_order(&f, &at, 2, 2e-6, seed)?;
        }
        Ok(())
    }
}

/// Values of one type along a new leading axis; also where there are none.
fn stack(parts: impl Iterator<Item = Tensor>, ty: &Type) -> Tensor {
    let parts: Vec<Tensor> = parts.collect();
    if parts.is_empty() {
        return Tensor::full(0.0, ty.dtype, ty.shape.insert(0, Dim::Known(0)));
    }
    Tensor::stack(&parts.iter().collect::<Vec<_>>(), 0)
}

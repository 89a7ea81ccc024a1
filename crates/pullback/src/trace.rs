//! From closures to graphs: the tensor handle, the trace that records what is done to it, and closure conversion.

use crate::array::{Array, DType, Data, Element};
use crate::error::{Error, ErrorKind};
use crate::ir::{Eqn, Graph, Primitive, Type, Var};
use crate::lowering::Lowering;
use crate::shape::{Dim, RowId, Shape, Sizes};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A cheap handle to a value, or to a variable of a function that is being traced.
///
/// Operators work on references and values alike and scalars mix in; they broadcast as NumPy's do. Element types do
/// not mix silently. A tensor that came out of a fault carries the fault.
///
/// ```
/// use pullback::Tensor;
/// let x = Tensor::from([1.0f32, 2.0, 3.0]);
/// let y = (&x * 2.0 + 1.0).sum();
/// assert_eq!(y.item::<f32>()?, 15.0);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor(Repr);

#[derive(Clone)]
enum Repr {
    Concrete(Arc<Array>),
    Traced { trace: Arc<Trace>, var: Var, ty: Type },
    Fault(Error),
}

/// A function under construction.
pub(crate) struct Trace {
    level: u64,
    /// Whether operations of constants alone may be recorded here.
    constants: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    graph: Graph,
    captures: Vec<Tensor>,
    captured: HashMap<Source, Var>,
    rows: HashMap<Var, Tensor>,
    /// Symbolic extents that exist only here.
    extents: Vec<RowId>,
    closed: bool,
}

/// What a captured tensor is known by.
#[derive(PartialEq, Eq, Hash)]
enum Source {
    Value(usize),
    Outer(u64, Var),
}

thread_local! {
    static STACK: RefCell<Vec<Arc<Trace>>> = const { RefCell::new(Vec::new()) };
    static LINE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// Runs `f` with every equation and fault laid at `at`: rules speak of the user's line, not of their own.
pub(crate) fn at_line<R>(at: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static Location<'static>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            LINE.set(self.0);
        }
    }
    let _restore = Restore(LINE.replace(Some(at)));
    f()
}

#[track_caller]
pub(crate) fn line() -> &'static Location<'static> {
    // Not in a closure: that would be its own caller.
    match LINE.get() {
        Some(at) => at,
        None => Location::caller(),
    }
}

impl Trace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The variable that stands for `t` here; tensors from outside become captured parameters.
    fn lift(self: &Arc<Trace>, t: &Tensor) -> Result<Var, ErrorKind> {
        let mut state = self.state();
        if state.closed {
            return Err(ErrorKind::Escaped);
        }
        let source = match &t.0 {
            Repr::Traced { trace, var, .. } if Arc::ptr_eq(trace, self) => return Ok(*var),
            Repr::Traced { trace, .. } if trace.level > self.level => return Err(ErrorKind::Escaped),
            Repr::Traced { trace, var, .. } => Source::Outer(trace.level, *var),
            Repr::Concrete(a) => Source::Value(Arc::as_ptr(a) as usize),
            Repr::Fault(e) => return Err(e.kind().clone()),
        };
        if let Some(&v) = state.captured.get(&source) {
            return Ok(v);
        }
        let v = state.graph.var(t.ty());
        state.captured.insert(source, v);
        state.captures.push(t.clone());
        Ok(v)
    }
}

/// A traced function: its graph takes the arguments, then the captured tensors.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub graph: Graph,
    pub captures: Vec<Tensor>,
}

/// Traces `f` on arguments of those types; the result is a list of tensors and what else `f` returns.
#[track_caller]
pub(crate) fn trace<R>(types: &[Type], f: impl FnOnce(Vec<Tensor>) -> (Vec<Tensor>, R)) -> Result<(Closed, R), Error> {
    collect(types, true, f)
}

/// As [`trace`], but an operation of constants alone is not recorded here: only what depends on the arguments is.
#[track_caller]
pub(crate) fn record<R>(types: &[Type], f: impl FnOnce(Vec<Tensor>) -> (Vec<Tensor>, R)) -> Result<(Closed, R), Error> {
    collect(types, false, f)
}

#[track_caller]
fn collect<R>(
    types: &[Type],
    constants: bool,
    f: impl FnOnce(Vec<Tensor>) -> (Vec<Tensor>, R),
) -> Result<(Closed, R), Error> {
    /// Closes the trace also where `f` panics.
    struct Close(Arc<Trace>, bool);
    impl Drop for Close {
        fn drop(&mut self) {
            self.0.state().closed = true;
            if self.1 {
                STACK.with_borrow_mut(|s| s.pop());
            }
        }
    }
    static LEVEL: AtomicU64 = AtomicU64::new(1);
    let level = LEVEL.fetch_add(1, Ordering::Relaxed);
    let trace = Arc::new(Trace { level, constants, state: Mutex::default() });
    let args = types
        .iter()
        .map(|ty| {
            let var = trace.state().graph.input(ty.clone());
            Tensor(Repr::Traced { trace: trace.clone(), var, ty: ty.clone() })
        })
        .collect();
    let known: Vec<RowId> = STACK.with_borrow(|s| s.iter().flat_map(|t| t.state().extents.clone()).collect());
    trace.state().extents = types.iter().flat_map(rows_of).filter(|id| !known.contains(id)).collect();
    if constants {
        STACK.with_borrow_mut(|s| s.push(trace.clone()));
    }
    let close = Close(trace.clone(), constants);
    let (results, rest) = f(args);
    let mut outputs = Vec::with_capacity(results.len());
    for t in &results {
        if let Repr::Fault(e) = &t.0 {
            return Err(e.clone());
        }
        match trace.lift(t) {
            Ok(v) => outputs.push(v),
            Err(kind) => return Err(Error::new(kind, "trace", Some(line()))),
        }
    }
    drop(close);
    let mut state = trace.state();
    let mut graph = std::mem::take(&mut state.graph);
    let captures = std::mem::take(&mut state.captures);
    graph.outputs = outputs;
    let mut captured: Vec<Var> = state.captured.values().copied().collect();
    captured.sort();
    graph.inputs.extend(captured);
    Ok((Closed { graph, captures }, rest))
}

/// Applies a primitive: records it in the innermost function that its operands belong to, or, where all of them have
/// values, evaluates it.
#[track_caller]
pub(crate) fn bind(prim: impl Primitive, inputs: &[&Tensor]) -> Tensor {
    bind_dyn(Arc::new(prim), inputs)
}

/// [`bind`] of a primitive behind a pointer.
#[track_caller]
pub(crate) fn bind_dyn(prim: Arc<dyn Primitive>, inputs: &[&Tensor]) -> Tensor {
    bind_beside(prim, inputs, &[])
}

/// [`bind`] in the innermost function that others belong to, too, of those that are open and record constants: what is only
/// known to be large there is not spelled out before it is needed.
#[track_caller]
pub(crate) fn bind_beside(prim: Arc<dyn Primitive>, inputs: &[&Tensor], beside: &[&Tensor]) -> Tensor {
    let at = line();
    for t in inputs {
        if let Repr::Fault(e) = &t.0 {
            return Tensor(Repr::Fault(e.clone()));
        }
    }
    let fault = |kind| Tensor(Repr::Fault(Error::new(kind, prim.name(), Some(at))));
    let types: Vec<Type> = inputs.iter().map(|t| t.ty()).collect();
    let ty = match prim.infer(&types.iter().collect::<Vec<_>>()) {
        Ok(ty) => ty,
        Err(kind) => return fault(kind),
    };
    let trace_of = |t: &&Tensor| if let Repr::Traced { trace, .. } = &t.0 { Some(trace.clone()) } else { None };
    let beside = beside.iter().filter_map(trace_of).filter(|t| t.constants && !t.state().closed);
    let innermost = inputs.iter().filter_map(trace_of).chain(beside).max_by_key(|t| t.level);
    // What speaks of symbolic rows belongs where they exist, also if its operands come from further out.
    let innermost = match owner(&*prim, &ty) {
        Some(owner) if innermost.as_ref().is_none_or(|t| t.level < owner.level) => Some(owner),
        _ => innermost,
    };
    let Some(trace) = innermost else {
        let arrays: Vec<&Array> = inputs.iter().filter_map(|t| t.array()).collect();
        return Tensor::from(prim.eval(&arrays, &Sizes::default()));
    };
    let vars = match inputs.iter().map(|t| trace.lift(t)).collect::<Result<Vec<Var>, ErrorKind>>() {
        Ok(v) => v,
        Err(kind) => return fault(kind),
    };
    // Asked before the trace is locked: a primitive may trace to answer.
    let new_rows = rows_of(&ty).next().is_some() && matches!(prim.lower(), Lowering::Rows);
    let mut state = trace.state();
    if state.closed {
        return fault(ErrorKind::Escaped);
    }
    let output = state.graph.var(ty.clone());
    if new_rows {
        state.extents.extend(rows_of(&ty));
    }
    state.graph.eqns.push(Eqn { prim, inputs: vars, output, at });
    drop(state);
    Tensor(Repr::Traced { trace, var: output, ty })
}

/// The symbolic extents of a type.
fn rows_of(ty: &Type) -> impl Iterator<Item = RowId> + '_ {
    ty.shape.dims().iter().filter_map(|d| if let Dim::Rows(id) = d { Some(*id) } else { None })
}

/// The symbolic extents among a primitive's parameters.
fn rows_in(prim: &dyn Primitive) -> Vec<RowId> {
    let mut found = Vec::new();
    prim.map_dims(&mut |d| {
        if let Dim::Rows(id) = d {
            found.push(id);
        }
        d
    });
    found
}

/// Whether the parameters of a primitive mention a symbolic extent.
pub(crate) fn names_rows(prim: &dyn Primitive) -> bool {
    !rows_in(prim).is_empty()
}

/// The innermost trace in which an extent that an operation speaks of came to be.
fn owner(prim: &dyn Primitive, ty: &Type) -> Option<Arc<Trace>> {
    let mut mentioned = rows_in(prim);
    mentioned.extend(rows_of(ty));
    if mentioned.is_empty() {
        return None;
    }
    STACK.with_borrow(|stack| {
        let owns = |t: &&Arc<Trace>| t.state().extents.iter().any(|id| mentioned.contains(id));
        stack.iter().rev().find(owns).cloned()
    })
}

impl Tensor {
    /// A tensor of that shape from row-major data.
    ///
    /// # Errors
    /// [`ErrorKind::Length`], carried by the tensor, where there are too many or too few elements.
    #[track_caller]
    pub fn new<T: Element>(data: Vec<T>, shape: &[usize]) -> Tensor {
        if data.len() != shape.iter().product::<usize>() {
            return Tensor::fault(ErrorKind::Length { found: data.len(), shape: Shape::of(shape) }, "tensor");
        }
        Tensor::from(Array::new(shape.to_vec(), T::wrap(data)))
    }

    /// A scalar.
    pub fn scalar<T: Element>(x: T) -> Tensor {
        Tensor::from(Array::scalar(x))
    }

    /// A tensor that carries a fault of `op` at the caller's line.
    #[track_caller]
    pub(crate) fn fault(kind: ErrorKind, op: &str) -> Tensor {
        Tensor(Repr::Fault(Error::new(kind, op, Some(line()))))
    }

    /// A tensor that carries that fault.
    pub(crate) fn from_error(e: Error) -> Tensor {
        Tensor(Repr::Fault(e))
    }

    /// The fault it carries.
    pub fn error(&self) -> Option<&Error> {
        if let Repr::Fault(e) = &self.0 { Some(e) } else { None }
    }

    /// Its type; that of a carried fault is an empty f32 vector, which nothing reads.
    pub fn ty(&self) -> Type {
        match &self.0 {
            Repr::Concrete(a) => {
                let (dtype, shape) = a.ty();
                Type { dtype, shape }
            }
            Repr::Traced { ty, .. } => ty.clone(),
            Repr::Fault(_) => Type::new(DType::F32, [0]),
        }
    }

    /// Its extents.
    pub fn shape(&self) -> Shape {
        match &self.0 {
            Repr::Traced { ty, .. } => ty.shape.clone(),
            _ => self.ty().shape,
        }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape().rank()
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        match &self.0 {
            Repr::Concrete(a) => a.dtype(),
            Repr::Traced { ty, .. } => ty.dtype,
            Repr::Fault(_) => DType::F32,
        }
    }

    /// The value, where there is one.
    pub fn array(&self) -> Option<&Array> {
        if let Repr::Concrete(a) = &self.0 { Some(a) } else { None }
    }

    pub(crate) fn into_array(self) -> Option<Arc<Array>> {
        if let Repr::Concrete(a) = self.0 { Some(a) } else { None }
    }

    /// The value.
    ///
    /// # Errors
    /// The fault that the tensor carries; [`ErrorKind::NotConcrete`] while its function is traced.
    #[track_caller]
    pub fn value(&self) -> Result<&Array, Error> {
        match &self.0 {
            Repr::Concrete(a) => Ok(a),
            Repr::Fault(e) => Err(e.clone()),
            Repr::Traced { .. } => Err(Error::new(ErrorKind::NotConcrete, "value", Some(line()))),
        }
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::value`]; [`ErrorKind::WrongDType`] where they are not of type `T`.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        self.as_slice().map(<[T]>::to_vec)
    }

    /// The elements in row-major order, borrowed.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`].
    #[track_caller]
    pub fn as_slice<T: Element>(&self) -> Result<&[T], Error> {
        let a = self.value()?;
        if let Some(slice) = a.as_slice() {
            return Ok(slice);
        }
        let needs = match T::DTYPE {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::U32 => "u32",
            DType::Bool => "bool",
        };
        Err(Error::new(ErrorKind::WrongDType { found: a.dtype(), needs }, "value", Some(line())))
    }

    /// The one element.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`]; [`ErrorKind::WrongShape`] where there is not exactly one.
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T, Error> {
        match self.as_slice()? {
            [x] => Ok(*x),
            _ => {
                let kind = ErrorKind::WrongShape { found: self.shape(), needs: "one element".into() };
                Err(Error::new(kind, "item", Some(line())))
            }
        }
    }

    /// What `f` made of this variable the first time it was asked here.
    pub(crate) fn once(&self, f: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
        let Repr::Traced { trace, var, .. } = &self.0 else { return f(self) };
        if let Some(t) = trace.state().rows.get(var) {
            return t.clone();
        }
        let t = f(self);
        trace.state().rows.insert(*var, t.clone());
        t
    }

    /// Whether it is a variable of a function that is being traced.
    pub(crate) fn is_traced(&self) -> bool {
        matches!(self.0, Repr::Traced { .. })
    }
}

impl From<Array> for Tensor {
    fn from(a: Array) -> Tensor {
        Tensor(Repr::Concrete(Arc::new(a)))
    }
}

impl From<Arc<Array>> for Tensor {
    fn from(a: Arc<Array>) -> Tensor {
        Tensor(Repr::Concrete(a))
    }
}

impl<T: Element> From<T> for Tensor {
    fn from(x: T) -> Tensor {
        Tensor::scalar(x)
    }
}

impl<T: Element, const N: usize> From<[T; N]> for Tensor {
    fn from(x: [T; N]) -> Tensor {
        Tensor::from(Array::new(vec![N], T::wrap(x.to_vec())))
    }
}

impl<T: Element, const M: usize, const N: usize> From<[[T; N]; M]> for Tensor {
    fn from(x: [[T; N]; M]) -> Tensor {
        Tensor::from(Array::new(vec![M, N], T::wrap(x.concat())))
    }
}

impl<T: Element> From<Vec<T>> for Tensor {
    fn from(x: Vec<T>) -> Tensor {
        Tensor::from(Array::new(vec![x.len()], T::wrap(x)))
    }
}

impl From<Data> for Tensor {
    fn from(data: Data) -> Tensor {
        Tensor::from(Array::new(vec![data.len()], data))
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Concrete(a) => fmt::Display::fmt(a, f),
            Repr::Traced { ty, .. } => write!(f, "traced {ty}"),
            Repr::Fault(e) => write!(f, "fault: {e}"),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Concrete(a) => write!(f, "{}{:?} {a}", a.dtype(), a.shape()),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

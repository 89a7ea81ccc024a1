//! `jit`: a function traced once, optimised, planned, and run for every number of rows.

use crate::array::{Array, DType};
use crate::error::Error;
use crate::exec::{Clock, Program, closed};
use crate::ir::{Graph, Type};
use crate::shape::{Dim, RowId, Shape};
use crate::transform::function::{Function, Passed};
use crate::transform::traced::traced_as;
use crate::tree::{Leaf, Tree, Visitor, structure, unflatten};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

static COMPILES: AtomicU64 = AtomicU64::new(0);

/// How many programs this process has compiled.
pub fn compiles() -> u64 {
    COMPILES.load(Ordering::Relaxed)
}

/// An argument of a compiled function whose first axis holds rows: any number of them, without another compile.
///
/// ```
/// use pullback::{Rows, Tensor, jit};
/// let total = jit(|Rows(x): Rows<Tensor>| x.reduce_sum(&[0]));
/// assert_eq!(total.call(Rows(Tensor::from([[1.0f32, 2.0]])))?.to_vec::<f32>()?, [1.0, 2.0]);
/// assert_eq!(total.call(Rows(Tensor::from([[1.0f32, 2.0], [3.0, 4.0]])))?.to_vec::<f32>()?, [4.0, 6.0]);
/// assert_eq!(total.compiles(), 1);
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rows<T>(pub T);

impl<T: Tree> Tree for Rows<T> {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Rows<T> {
        Rows(visitor.rows(&self.0))
    }
}

/// What a program is compiled for: element types, known sizes, and which numbers of rows are equal.
#[derive(Debug)]
struct Signature {
    structure: u64,
    /// The type and the rank of each leaf, and the extents of all, one leaf after the other.
    leaves: Vec<(DType, usize)>,
    extents: Vec<Extent>,
}

#[derive(PartialEq, Eq, Debug)]
enum Extent {
    Known(usize),
    /// The number of the group of equal row counts.
    Rows(usize),
}

/// Which extents of leaves are numbers of rows, and which of these are equal.
#[derive(Default)]
struct Extents {
    counts: Vec<usize>,
}

impl Extents {
    /// What the extents of the next leaf are.
    fn of<'a>(&mut self, leaf: &'a Leaf) -> impl Iterator<Item = Extent> + use<'_, 'a> {
        let counts = &mut self.counts;
        shape(leaf).iter().enumerate().map(move |(i, &n)| {
            if i > 0 || !leaf.rows {
                return Extent::Known(n);
            }
            Extent::Rows(counts.iter().position(|&c| c == n).unwrap_or_else(|| {
                counts.push(n);
                counts.len() - 1
            }))
        })
    }
}

/// The shape of a leaf that holds a value.
fn shape(leaf: &Leaf) -> &[usize] {
    leaf.tensor.array().map_or(&[], |a| a.shape())
}

impl Signature {
    fn of(leaves: &[Leaf], structure: u64) -> Signature {
        let mut all = Extents::default();
        let extents = leaves.iter().flat_map(|leaf| all.of(leaf).collect::<Vec<_>>()).collect();
        let leaves = leaves.iter().map(|leaf| (leaf.tensor.dtype(), shape(leaf).len())).collect();
        Signature { structure, leaves, extents }
    }

    /// Whether it is that of some leaves.
    fn fits(&self, leaves: &[Leaf], structure: u64) -> bool {
        let mut all = Extents::default();
        let mut extents = self.extents.iter();
        self.structure == structure
            && self.leaves.len() == leaves.len()
            && self.leaves.iter().zip(leaves).all(|(&(dtype, rank), leaf)| {
                dtype == leaf.tensor.dtype()
                    && rank == shape(leaf).len()
                    && all.of(leaf).all(|extent| extents.next() == Some(&extent))
            })
    }

    fn types(&self) -> Vec<Type> {
        let mut rows: Vec<RowId> = Vec::new();
        let mut dim = |e: &Extent| match *e {
            Extent::Known(n) => Dim::Known(n),
            Extent::Rows(i) => {
                while rows.len() <= i {
                    rows.push(RowId::fresh());
                }
                Dim::Rows(rows[i])
            }
        };
        let mut extents = self.extents.iter().map(&mut dim);
        self.leaves
            .iter()
            .map(|&(dtype, rank)| Type::new(dtype, Shape(extents.by_ref().take(rank).collect())))
            .collect()
    }
}

/// The time that one step of a compiled program takes.
#[derive(Clone, Debug)]
pub struct StepTime {
    /// What the step does.
    pub step: String,
    /// Seconds a run, of all threads together.
    pub seconds: f64,
}

struct Compiled<R> {
    signature: Signature,
    program: Program,
    output: R,
}

/// A function that is compiled when it is first called with arguments of a new kind; made by [`jit`].
pub struct Jit<F: Function<A>, A> {
    f: F,
    cache: Mutex<Vec<Compiled<F::Output>>>,
    compiles: AtomicU64,
    args: PhantomData<fn(A)>,
}

/// Compiles a function: traced once for each kind of arguments (element types, sizes, structure), optimised, and run
/// by the fused executor. Sizes of [`Rows`], and of rows made inside by counts, are no part of the kind.
///
/// The function must be pure: it runs once, to be traced, and what it prints or counts happens then.
///
/// ```
/// use pullback::{Tensor, grad, jit};
/// let slope = grad(|x: Tensor| (&x * &x).sum());
/// let slope = jit(move |x: Tensor| slope.call(x));
/// assert_eq!(slope.call(Tensor::from([1.0f32, 2.0]))?.to_vec::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), pullback::Error>(())
/// ```
pub fn jit<F: Function<A>, A: Tree>(f: F) -> Jit<F, A> {
    Jit { f, cache: Mutex::new(Vec::new()), compiles: AtomicU64::new(0), args: PhantomData }
}

impl<F: Function<A>, A: Tree> Jit<F, A> {
    /// The function's value. Inside another traced function it becomes part of that one.
    ///
    /// # Errors
    /// The first fault of the function, at the line that made it; nothing is run then.
    #[track_caller]
    pub fn call(&self, args: impl Passed<A>) -> Result<F::Output, Error> {
        let args = args.pass();
        let (leaves, structure) = structure(&args);
        if let Some(e) = leaves.iter().find_map(|l| l.tensor.error()) {
            return Err(e.clone());
        }
        if leaves.iter().any(|l| l.tensor.is_traced()) {
            return crate::transform::function::checked(self.f.apply(args));
        }
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = self.find(&mut cache, &args, &leaves, structure)? else {
            return crate::transform::function::checked(self.f.apply(args));
        };
        // What the caller gave away is now held here alone, and its memory can be written again.
        drop(args);
        let Compiled { program, output, .. } = &mut cache[at];
        let results = program.run(leaves.into_iter().filter_map(|l| l.tensor.into_array()).collect())?;
        Ok(unflatten(output, results))
    }

    /// The place in the cache of the program for some arguments, compiled now if there is none; `None` where the
    /// function captured a tensor that is being traced, and so is a part of another one.
    #[track_caller]
    fn find(
        &self,
        cache: &mut Vec<Compiled<F::Output>>,
        args: &A,
        leaves: &[Leaf],
        structure: u64,
    ) -> Result<Option<usize>, Error> {
        if let Some(at) = cache.iter().position(|c| c.signature.fits(leaves, structure)) {
            return Ok(Some(at));
        }
        let Some(compiled) = self.compile(Signature::of(leaves, structure), args, leaves)? else { return Ok(None) };
        cache.push(compiled);
        Ok(Some(cache.len() - 1))
    }

    /// Where the time goes: the mean seconds of each step of the compiled program over some runs, those of all threads
    /// together.
    ///
    /// # Errors
    /// As [`Jit::call`].
    #[track_caller]
    pub fn profile(&self, args: impl Passed<A>, runs: usize) -> Result<Vec<StepTime>, Error> {
        let args = args.pass();
        let (leaves, structure) = structure(&args);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = self.find(&mut cache, &args, &leaves, structure)? else { return Ok(Vec::new()) };
        let program = &mut cache[at].program;
        let steps = program.steps();
        let times: Vec<AtomicU64> = steps.iter().map(|_| AtomicU64::new(0)).collect();
        for _ in 0..runs {
            // Copies that nobody else holds, as in a loop that hands its state on.
            let copy = |l: &Leaf| l.tensor.array().map(|a| Arc::new(Array::clone(a)));
            let inputs = leaves.iter().filter_map(copy).collect();
            program.run_timed(inputs, Clock::new(&times))?;
        }
        let mean = |time: AtomicU64| 1e-9 * time.into_inner() as f64 / runs.max(1) as f64;
        Ok(steps.into_iter().zip(times).map(|(step, t)| StepTime { step, seconds: mean(t) }).collect())
    }

    /// Bytes that the buffers of this function's programs hold.
    pub fn bytes(&self) -> usize {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.iter().map(|c| c.program.bytes()).sum()
    }

    /// The optimised graph for those arguments, as text.
    ///
    /// # Errors
    /// As [`Jit::call`].
    #[track_caller]
    pub fn graph(&self, args: impl Passed<A>) -> Result<Graph, Error> {
        let args = args.pass();
        let (leaves, structure) = structure(&args);
        let traced = self.trace(&Signature::of(&leaves, structure), &args, &leaves)?;
        Ok(traced.map(|(graph, _)| crate::opt::optimize(graph)).unwrap_or_default())
    }

    /// The graph as traced and after each pass of the optimiser, with the pass's name.
    ///
    /// # Errors
    /// As [`Jit::call`].
    #[track_caller]
    pub fn stages(&self, args: impl Passed<A>) -> Result<Vec<(&'static str, Graph)>, Error> {
        let args = args.pass();
        let (leaves, structure) = structure(&args);
        let traced = self.trace(&Signature::of(&leaves, structure), &args, &leaves)?;
        Ok(traced.map(|(graph, _)| crate::opt::stages(graph)).unwrap_or_default())
    }

    /// How many programs this function has been compiled to.
    pub fn compiles(&self) -> u64 {
        self.compiles.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn compile(&self, signature: Signature, args: &A, leaves: &[Leaf]) -> Result<Option<Compiled<F::Output>>, Error> {
        let Some((graph, output)) = self.trace(&signature, args, leaves)? else { return Ok(None) };
        let program = Program::compile(graph);
        COMPILES.fetch_add(1, Ordering::Relaxed);
        self.compiles.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Compiled { signature, program, output }))
    }

    /// The function's graph, whose captured tensors are constants in it, and a value of the result's structure.
    #[track_caller]
    fn trace(&self, signature: &Signature, args: &A, leaves: &[Leaf]) -> Result<Option<(Graph, F::Output)>, Error> {
        let inputs = leaves.iter().map(|l| l.tensor.clone()).collect();
        let t = traced_as(&self.f, args, inputs, &signature.types(), "jit").map_err(|fault| fault.error)?;
        let captured = &t.inputs[t.arguments..];
        if captured.iter().any(|t| t.is_traced()) {
            return Ok(None);
        }
        Ok(Some((closed(t.graph, captured)?, t.output)))
    }
}

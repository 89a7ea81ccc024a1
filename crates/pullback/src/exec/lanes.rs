//! Elementwise operations on short runs of numbers, one body compiled for each instruction set.
//!
//! The loops are plain: a body that is inlined into a function with the target feature becomes vector code. A sum
//! inside such a loop would block that, so there is none.

use crate::array::Element;
use crate::exec::interleave;
use crate::lowering::{PointOp, max, min};
use crate::math::Real;
use std::cell::RefCell;

/// Numbers in a register: 4 KB of f32, so that a chain's few live ones stay in the first cache.
pub(crate) const TILE: usize = 1024;

/// Numbers that are computed together: runs are a whole number of so many, and no loop has a slow rest.
pub(crate) const WIDTH: usize = 16;

/// Numbers of memory that a register has beyond a tile: so that it can begin at a vector's boundary, and that
/// registers do not lie whole pages apart, where a load waits for every store to the same place in its page.
const SPARE: usize = 128;

/// The part of a register that begins at the boundary of a vector.
#[inline(always)]
pub(crate) fn aligned<T>(register: &[T]) -> &[T] {
    let skip = register.as_ptr().align_offset(64);
    &register[skip.min(register.len())..]
}

/// [`aligned`], to be written.
#[inline(always)]
pub(crate) fn aligned_mut<T>(register: &mut [T]) -> &mut [T] {
    let skip = register.as_ptr().align_offset(64);
    let skip = skip.min(register.len());
    &mut register[skip..]
}

/// An operand of an operation on a run.
#[derive(Clone, Copy)]
pub(crate) enum Run<'a, T> {
    /// One number for each place.
    Each(&'a [T]),
    /// The same number everywhere.
    All(T),
}

impl<'a, T> Run<'a, T> {
    /// The operand from place `first` on.
    #[inline(always)]
    pub(super) fn skip(self, first: usize) -> Run<'a, T> {
        match self {
            Run::Each(x) => Run::Each(&x[first..]),
            same => same,
        }
    }
}

/// Defines a function compiled once for each instruction set, chosen by its first argument.
///
/// The body is an `#[inline(always)]` function with a const parameter that says whether multiply-add is fused.
macro_rules! per_isa {
    ($(#[$doc:meta])* $vis:vis fn $name:ident $(<$t:ident: $bound:path>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident;) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "what the body needs, as registers")]
        $vis fn $name $(<$t: $bound>)? (isa: $crate::exec::isa::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512cd,avx2,fma,bmi2")]
                #[allow(clippy::too_many_arguments, reason = "as above")]
                fn avx512 $(<$t: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body::<$($t,)? true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,bmi2")]
                #[allow(clippy::too_many_arguments, reason = "as above")]
                fn avx2 $(<$t: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
                    $body::<$($t,)? true>($($arg),*)
                }
                match isa {
                    // SAFETY: `Isa::all` yields this only where the processor has every feature named above.
                    $crate::exec::isa::Isa::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::exec::isa::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::exec::isa::Isa::Neon | $crate::exec::isa::Isa::Base => {}
                }
            }
            if cfg!(target_arch = "aarch64") && isa == $crate::exec::isa::Isa::Neon {
                // What the target guarantees, and fused.
                return $body::<$($t,)? true>($($arg),*);
            }
            $body::<$($t,)? false>($($arg),*)
        }
    };
}
pub(crate) use per_isa;

/// `to[i] = f(a[i])`.
#[inline(always)]
fn map<T: Real>(to: &mut [T], a: Run<'_, T>, f: impl Fn(T) -> T) {
    match a {
        Run::Each(a) => {
            let n = to.len();
            let a = &a[..n];
            for i in 0..n {
                to[i] = f(a[i]);
            }
        }
        Run::All(a) => to.fill(f(a)),
    }
}

/// `to[i] = f(a[i], b[i])`.
#[inline(always)]
fn zip<T: Real>(to: &mut [T], a: Run<'_, T>, b: Run<'_, T>, f: impl Fn(T, T) -> T) {
    let n = to.len();
    match (a, b) {
        (Run::Each(a), Run::Each(b)) => {
            let (a, b) = (&a[..n], &b[..n]);
            for i in 0..n {
                to[i] = f(a[i], b[i]);
            }
        }
        (Run::Each(a), Run::All(b)) => {
            let a = &a[..n];
            for i in 0..n {
                to[i] = f(a[i], b);
            }
        }
        (Run::All(a), Run::Each(b)) => {
            let b = &b[..n];
            for i in 0..n {
                to[i] = f(a, b[i]);
            }
        }
        (Run::All(a), Run::All(b)) => to.fill(f(a, b)),
    }
}

/// An operand, so many numbers at a time; one that is the same everywhere is one such run, read again and again.
#[derive(Clone, Copy)]
pub(super) struct Vectors<'a, T, const N: usize> {
    vectors: &'a [[T; N]],
    mask: usize,
}

impl<'a, T: Real, const N: usize> Vectors<'a, T, N> {
    /// An operand of at least `n` vectors.
    #[inline(always)]
    pub(super) fn of(run: Run<'a, T>, n: usize, same: &'a mut [T; N]) -> Vectors<'a, T, N> {
        match run {
            Run::Each(x) => Vectors { vectors: &x.as_chunks().0[..n], mask: usize::MAX },
            Run::All(x) => {
                *same = [x; N];
                Vectors { vectors: std::slice::from_ref(same), mask: 0 }
            }
        }
    }

    /// # Safety
    /// `i` is below the `n` that it was made for.
    #[inline(always)]
    pub(super) unsafe fn at(self, i: usize) -> [T; N] {
        // SAFETY: passed on.
        unsafe { *self.there(i) }
    }

    /// The same where it lies.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    pub(super) unsafe fn there(self, i: usize) -> &'a [T; N] {
        // SAFETY: `i` itself where there are `n` vectors, and 0 where there is one.
        unsafe { self.vectors.get_unchecked(i & self.mask) }
    }
}

/// A truth value as a number.
#[inline(always)]
fn truth<T: Real>(x: bool) -> T {
    if x { T::ONE } else { T::ZERO }
}

/// Whether the fast sine is exact enough for every argument of a run.
#[inline(always)]
fn near<T: Real>(a: Run<'_, T>) -> bool {
    match a {
        Run::Each(a) => a.iter().all(|x| x.abs() <= T::TRIG_LIMIT),
        Run::All(a) => a.abs() <= T::TRIG_LIMIT,
    }
}

/// One operation on a run; truth values are 0 and 1.
#[inline(always)]
pub(crate) fn point<T: Real, const FMA: bool>(op: PointOp, to: &mut [T], args: [Run<'_, T>; 3]) {
    let [a, b, c] = args;
    match op {
        PointOp::Neg => map(to, a, |x| -x),
        PointOp::Exp => map(to, a, |x| x.exp::<FMA>()),
        PointOp::Log => map(to, a, |x| x.log::<FMA>()),
        PointOp::Log1p => map(to, a, |x| x.log1p::<FMA>()),
        PointOp::Expm1 => map(to, a, |x| x.expm1::<FMA>()),
        PointOp::Tanh => interleave::run::<T, FMA, interleave::Tanh>(to, [a; 4]),
        PointOp::Sigmoid => interleave::run::<T, FMA, interleave::Sigmoid>(to, [a; 4]),
        PointOp::Softplus => interleave::run::<T, FMA, interleave::Softplus>(to, [a; 4]),
        PointOp::Sqrt => map(to, a, |x| x.sqrt()),
        PointOp::Rsqrt => map(to, a, |x| x.rsqrt()),
        PointOp::Sin if near(a) => map(to, a, |x| x.sin::<FMA>()),
        PointOp::Sin => map(to, a, |x| x.sin_wide::<FMA>()),
        PointOp::Cos if near(a) => map(to, a, |x| x.cos::<FMA>()),
        PointOp::Cos => map(to, a, |x| x.cos_wide::<FMA>()),
        PointOp::Abs => map(to, a, |x| x.abs()),
        PointOp::Sign => map(to, a, |x| {
            let side = if x < T::ZERO { -T::ONE } else { x };
            if x > T::ZERO { T::ONE } else { side }
        }),
        PointOp::Floor => map(to, a, |x| x.floor()),
        PointOp::Erf => map(to, a, |x| x.erf::<FMA>()),
        PointOp::Erfc => map(to, a, |x| x.erfc::<FMA>()),
        PointOp::LogSigmoid => interleave::run::<T, FMA, interleave::LogSigmoid>(to, [a; 4]),
        PointOp::ErfInv => interleave::run::<T, FMA, interleave::ErfInv>(to, [a; 4]),
        PointOp::NormalIcdf => interleave::run::<T, FMA, interleave::NormalIcdf>(to, [a; 4]),
        PointOp::LogGamma => map(to, a, |x| x.log_gamma()),
        PointOp::Polygamma(n) => map(to, a, |x| x.polygamma(n)),
        PointOp::IsFinite => map(to, a, |x| truth(x.is_finite())),
        PointOp::Not => map(to, a, |x| T::ONE - x),
        // Lanes hold truth values as 0 and 1 already; a number becomes true where it is not 0.
        PointOp::Cast(crate::array::DType::Bool) => map(to, a, |x| truth(x != T::ZERO)),
        PointOp::Cast(_) => map(to, a, |x| x),
        PointOp::Add => zip(to, a, b, |x, y| x + y),
        PointOp::Sub => zip(to, a, b, |x, y| x - y),
        PointOp::Mul => zip(to, a, b, |x, y| x * y),
        PointOp::Div => zip(to, a, b, |x, y| x / y),
        PointOp::Pow => zip(to, a, b, |x, y| x.pow(y)),
        PointOp::Max => zip(to, a, b, max),
        PointOp::Min => zip(to, a, b, min),
        PointOp::Eq => zip(to, a, b, |x, y| truth(x == y)),
        PointOp::Ne => zip(to, a, b, |x, y| truth(x != y)),
        PointOp::Lt => zip(to, a, b, |x, y| truth(x < y)),
        PointOp::Le => zip(to, a, b, |x, y| truth(x <= y)),
        PointOp::Gt => zip(to, a, b, |x, y| truth(x > y)),
        PointOp::Ge => zip(to, a, b, |x, y| truth(x >= y)),
        PointOp::And => zip(to, a, b, |x, y| x * y),
        PointOp::Or => zip(to, a, b, max),
        PointOp::Select => select(to, a, b, c),
    }
}

/// `to[i] = if c[i] { a[i] } else { b[i] }`.
#[inline(always)]
fn select<T: Real>(to: &mut [T], c: Run<'_, T>, a: Run<'_, T>, b: Run<'_, T>) {
    let n = to.len();
    let c = match c {
        Run::Each(c) => &c[..n],
        Run::All(c) => {
            return if c != T::ZERO { map(to, a, |x| x) } else { map(to, b, |x| x) };
        }
    };
    macro_rules! each {
        ($i:ident, $a:expr, $b:expr) => {
            for $i in 0..n {
                let (x, y) = ($a, $b);
                to[$i] = if c[$i] != T::ZERO { x } else { y };
            }
        };
    }
    match (a, b) {
        (Run::Each(a), Run::Each(b)) => {
            let (a, b) = (&a[..n], &b[..n]);
            each!(i, a[i], b[i]);
        }
        (Run::Each(a), Run::All(b)) => {
            let a = &a[..n];
            each!(i, a[i], b);
        }
        (Run::All(a), Run::Each(b)) => {
            let b = &b[..n];
            each!(i, a, b[i]);
        }
        (Run::All(a), Run::All(b)) => each!(i, a, b),
    }
}

thread_local! {
    static F32: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static F64: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// A float with registers of its own.
pub(crate) trait Lane: Real + Element {
    /// Lends the thread's registers, at least `n` of them.
    fn registers<R>(n: usize, f: impl FnOnce(&mut [Vec<Self>]) -> R) -> R;
}

macro_rules! lane {
    ($t:ty, $store:ident) => {
        impl Lane for $t {
            fn registers<R>(n: usize, f: impl FnOnce(&mut [Vec<$t>]) -> R) -> R {
                $store.with_borrow_mut(|r| {
                    while r.len() < n {
                        r.push(vec![0.0; TILE + SPARE]);
                    }
                    f(r)
                })
            }
        }
    };
}
lane!(f32, F32);
lane!(f64, F64);

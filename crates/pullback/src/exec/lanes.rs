//! Elementwise operations on short runs of numbers, one body compiled for each instruction set.
//!
//! The loops are plain: a body that is inlined into a function with the target feature becomes vector code. A sum
//! inside such a loop would block that, so there is none. A float that they work on is a [`Lane`], and has memory of its own
//! on every thread.

use crate::array::Element;
use crate::exec::frame::Frame;
use crate::exec::interleave;
use crate::lowering::{PointOp, max, min};
use crate::math::{ABREAST, Real};
use std::cell::RefCell;
use std::slice;

/// Numbers in a register: 4 KB of f32, so that a chain's few live ones stay in the first cache.
pub(crate) const TILE: usize = 1024;

/// Numbers that are computed together: runs are a whole number of so many, and no loop has a slow rest.
pub(crate) const WIDTH: usize = 16;

/// Numbers that an operand has which is the same everywhere: as many as are taken at once at the most.
pub(crate) const ALIKE: usize = ABREAST * WIDTH;

/// An operand of an operation on a run: one number for each place, or [`ALIKE`] that are the same, for all.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a, T> {
    numbers: &'a [T],
    mask: usize,
}

impl<'a, T> Run<'a, T> {
    /// One number for each place.
    #[cfg(test)]
    pub(crate) fn each(numbers: &'a [T]) -> Run<'a, T> {
        Run { numbers, mask: usize::MAX }
    }

    /// The same number everywhere.
    #[cfg(test)]
    pub(crate) fn all(same: &'a [T; ALIKE]) -> Run<'a, T> {
        Run { numbers: same, mask: 0 }
    }

    /// One number for each of `n` places, or the same everywhere, as the mask says.
    ///
    /// # Safety
    /// So many numbers are at `at`, or [`ALIKE`], and nobody writes to them while this lives.
    #[inline(always)]
    pub(super) unsafe fn from_raw(at: *const T, n: usize, mask: usize) -> Run<'a, T> {
        let n = if mask == 0 { ALIKE } else { n };
        // SAFETY: passed on.
        Run { numbers: unsafe { slice::from_raw_parts(at, n) }, mask }
    }

    /// The operand from place `first` on.
    #[inline(always)]
    pub(super) fn skip(self, first: usize) -> Run<'a, T> {
        Run { numbers: &self.numbers[first & self.mask..], mask: self.mask }
    }

    /// Whether it has numbers for so many places.
    #[inline(always)]
    pub(super) fn has(self, n: usize) -> bool {
        n & self.mask <= self.numbers.len()
    }

    /// The number of a place.
    #[inline(always)]
    fn at(self, i: usize) -> T
    where
        T: Copy,
    {
        self.numbers[i & self.mask]
    }

    /// The numbers of `N` places, `N` of them at a time.
    ///
    /// # Safety
    /// It has numbers for `(i + 1) N` places, and `N` is at most [`ALIKE`].
    #[inline(always)]
    pub(super) unsafe fn there<const N: usize>(self, i: usize) -> &'a [T; N] {
        const { assert!(N <= ALIKE) };
        // SAFETY: there are so many, or as many as any `N`.
        unsafe { &*self.numbers.as_ptr().add((i & self.mask) * N).cast() }
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

/// Defines `to = f(operands)` over a whole number of vectors: one loop for operands of many numbers and of one alike.
///
/// Programs go through many operations of few numbers each: code that is short stays in the cache. Spelled out for each
/// number of operands, for arrays of operands would not be kept in registers.
macro_rules! zips {
    ($($name:ident, $operands:literal: $($x:ident $t:ident),*;)*) => {$(
        #[inline(always)]
        pub(super) fn $name<T: Real>(to: &mut [T], [$($x),*]: [Run<'_, T>; $operands], f: impl Fn($($t),*) -> T) {
            let to = to.as_chunks_mut::<WIDTH>().0;
            assert!($($x.has(to.len() * WIDTH))&&*, "lanes: operands of so many numbers");
            for (i, to) in to.iter_mut().enumerate() {
                // SAFETY: `i` is below the number of vectors that is written, and operands have as many.
                let ($($x,)*) = unsafe { ($($x.there::<WIDTH>(i),)*) };
                let ($($x,)*) = ($(*$x,)*);
                let mut y = [T::ZERO; WIDTH];
                for j in 0..WIDTH {
                    y[j] = f($($x[j]),*);
                }
                *to = y;
            }
        }
    )*};
}
zips! {
    zip1, 1: a T;
    zip2, 2: a T, b T;
    zip3, 3: a T, b T, c T;
    zip4, 4: a T, b T, c T, d T;
}

/// A truth value as a number.
#[inline(always)]
fn truth<T: Real>(x: bool) -> T {
    if x { T::ONE } else { T::ZERO }
}

/// Whether the fast sine is exact enough for every argument of a run of so many numbers.
#[inline(always)]
fn near<T: Real>(a: Run<'_, T>, n: usize) -> bool {
    (0..n).all(|i| a.at(i).abs() <= T::TRIG_LIMIT)
}

/// One operation on a run; truth values are 0 and 1.
#[inline(always)]
pub(crate) fn point<T: Real, const FMA: bool>(op: PointOp, to: &mut [T], args: [Run<'_, T>; 3]) {
    let [a, b, c] = args;
    match op {
        PointOp::Neg => zip1(to, [a], |x| -x),
        PointOp::Exp => zip1(to, [a], |x| x.exp::<FMA>()),
        PointOp::Log => zip1(to, [a], |x| x.log::<FMA>()),
        PointOp::Log1p => zip1(to, [a], |x| x.log1p::<FMA>()),
        PointOp::Expm1 => zip1(to, [a], |x| x.expm1::<FMA>()),
        PointOp::Tanh => interleave::run::<T, FMA, interleave::Tanh>(to, [a; 4]),
        PointOp::Sigmoid => interleave::run::<T, FMA, interleave::Sigmoid>(to, [a; 4]),
        PointOp::Softplus => interleave::run::<T, FMA, interleave::Softplus>(to, [a; 4]),
        PointOp::Sqrt => zip1(to, [a], |x| x.sqrt()),
        PointOp::Rsqrt => zip1(to, [a], |x| x.rsqrt()),
        PointOp::Sin if near(a, to.len()) => zip1(to, [a], |x| x.sin::<FMA>()),
        PointOp::Sin => zip1(to, [a], |x| x.sin_wide::<FMA>()),
        PointOp::Cos if near(a, to.len()) => zip1(to, [a], |x| x.cos::<FMA>()),
        PointOp::Cos => zip1(to, [a], |x| x.cos_wide::<FMA>()),
        PointOp::Abs => zip1(to, [a], |x| x.abs()),
        PointOp::Sign => zip1(to, [a], |x| {
            let side = if x < T::ZERO { -T::ONE } else { x };
            if x > T::ZERO { T::ONE } else { side }
        }),
        PointOp::Floor => zip1(to, [a], |x| x.floor()),
        PointOp::Erf => zip1(to, [a], |x| x.erf::<FMA>()),
        PointOp::Erfc => zip1(to, [a], |x| x.erfc::<FMA>()),
        PointOp::LogSigmoid => interleave::run::<T, FMA, interleave::LogSigmoid>(to, [a; 4]),
        PointOp::ErfInv => interleave::run::<T, FMA, interleave::ErfInv>(to, [a; 4]),
        PointOp::NormalIcdf => interleave::run::<T, FMA, interleave::NormalIcdf>(to, [a; 4]),
        PointOp::LogGamma => zip1(to, [a], |x| x.log_gamma()),
        PointOp::Polygamma(n) => zip1(to, [a], |x| x.polygamma(n)),
        PointOp::IsFinite => zip1(to, [a], |x| truth(x.is_finite())),
        PointOp::Not => zip1(to, [a], |x| T::ONE - x),
        // Lanes hold truth values as 0 and 1 already; a number becomes true where it is not 0.
        PointOp::Cast(crate::array::DType::Bool) => zip1(to, [a], |x| truth(x != T::ZERO)),
        PointOp::Cast(_) => zip1(to, [a], |x| x),
        PointOp::Add => zip2(to, [a, b], |x, y| x + y),
        PointOp::Sub => zip2(to, [a, b], |x, y| x - y),
        PointOp::Mul => zip2(to, [a, b], |x, y| x * y),
        PointOp::Div => zip2(to, [a, b], |x, y| x / y),
        PointOp::Pow => zip2(to, [a, b], |x, y| x.pow(y)),
        PointOp::Max => zip2(to, [a, b], max),
        PointOp::Min => zip2(to, [a, b], min),
        PointOp::Eq => zip2(to, [a, b], |x, y| truth(x == y)),
        PointOp::Ne => zip2(to, [a, b], |x, y| truth(x != y)),
        PointOp::Lt => zip2(to, [a, b], |x, y| truth(x < y)),
        PointOp::Le => zip2(to, [a, b], |x, y| truth(x <= y)),
        PointOp::Gt => zip2(to, [a, b], |x, y| truth(x > y)),
        PointOp::Ge => zip2(to, [a, b], |x, y| truth(x >= y)),
        PointOp::And => zip2(to, [a, b], |x, y| x * y),
        PointOp::Or => zip2(to, [a, b], max),
        PointOp::Select => zip3(to, [a, b, c], |c, x, y| if c != T::ZERO { x } else { y }),
    }
}

thread_local! {
    static F32: RefCell<Frame<f32>> = const { RefCell::new(Frame::new()) };
    static F64: RefCell<Frame<f64>> = const { RefCell::new(Frame::new()) };
    static SCRATCH_F32: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static SCRATCH_F64: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// A float with memory of its own on every thread.
pub(crate) trait Lane: Real + Element {
    /// Lends the thread's frame.
    fn frame<R>(f: impl FnOnce(&mut Frame<Self>) -> R) -> R;

    /// Lends `K` runs of `n` numbers. Outside the bodies that vectorise: a closure handed to a function that is not inlined
    /// would be compiled without their instructions.
    fn scratch<R, const K: usize>(n: usize, f: impl FnOnce([&mut [Self]; K]) -> R) -> R;
}

macro_rules! lane {
    ($t:ty, $frame:ident, $scratch:ident) => {
        impl Lane for $t {
            fn frame<R>(f: impl FnOnce(&mut Frame<$t>) -> R) -> R {
                $frame.with_borrow_mut(f)
            }

            fn scratch<R, const K: usize>(n: usize, f: impl FnOnce([&mut [$t]; K]) -> R) -> R {
                $scratch.with_borrow_mut(|all| {
                    all.resize_with(all.len().max(K), Vec::new);
                    let (runs, _) = all.as_chunks_mut::<K>();
                    f(runs[0].each_mut().map(|run| {
                        if run.len() < n {
                            run.clear();
                            run.resize(n, 0.0);
                        }
                        &mut run[..n]
                    }))
                })
            }
        }
    };
}
lane!(f32, F32, SCRATCH_F32);
lane!(f64, F64, SCRATCH_F64);

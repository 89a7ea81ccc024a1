//! Several numbers that go through the steps of a function together.
//!
//! Each step of a function waits for the one before. Meanwhile a processor could begin the next vectors, but it looks ahead
//! for instructions only so far, and a function has many: where the steps of some vectors are taken in turn, there are
//! always some that wait for nothing.

use super::poly::fma_f32;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// How many vectors a loop works on in turn.
pub const ABREAST: usize = 4;

/// Numbers that go through the same steps.
#[derive(Clone, Copy)]
pub(super) struct Abreast<const N: usize>(pub [f32; N]);

impl<const N: usize> From<f32> for Abreast<N> {
    #[inline(always)]
    fn from(x: f32) -> Self {
        Abreast([x; N])
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident)*) => {$(
        impl<const N: usize, B: Into<Abreast<N>>> $operator<B> for Abreast<N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: B) -> Self {
                self.zip(b.into(), |a, b| a.$method(b))
            }
        }

        impl<const N: usize> $operator<Abreast<N>> for f32 {
            type Output = Abreast<N>;

            #[inline(always)]
            fn $method(self, b: Abreast<N>) -> Abreast<N> {
                Abreast::from(self).$method(b)
            }
        }
    )*};
}
operators!(Add add Sub sub Mul mul Div div);

impl<const N: usize> Neg for Abreast<N> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|x| -x)
    }
}

impl<const N: usize> Abreast<N> {
    #[inline(always)]
    pub fn map(self, f: impl Fn(f32) -> f32) -> Self {
        // A loop: closures within `array::from_fn` are not inlined into vector code.
        let mut y = self.0;
        for y in &mut y {
            *y = f(*y);
        }
        Abreast(y)
    }

    /// `f(self, b)`, number by number.
    #[inline(always)]
    pub fn zip(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut y = self.0;
        for (y, b) in y.iter_mut().zip(b.0) {
            *y = f(*y, b);
        }
        Abreast(y)
    }

    #[inline(always)]
    pub fn abs(self) -> Self {
        self.map(f32::abs)
    }

    /// The number whose bits are `f` of the bits of each.
    #[inline(always)]
    pub fn bits(self, f: impl Fn(u32) -> u32) -> Self {
        self.map(|x| f32::from_bits(f(x.to_bits())))
    }

    /// No less than `least`; NaN stays.
    #[inline(always)]
    pub fn at_least(self, least: f32) -> Self {
        self.map(|x| if least > x { least } else { x })
    }

    /// No more than `most`; NaN stays.
    #[inline(always)]
    pub fn at_most(self, most: f32) -> Self {
        self.map(|x| if x > most { most } else { x })
    }

    /// `self` where the condition holds of `x`, `other` elsewhere.
    #[inline(always)]
    pub fn where_of(self, x: Self, condition: impl Fn(f32) -> bool, other: impl Into<Self>) -> Self {
        let mut y: Self = other.into();
        for i in 0..N {
            y.0[i] = if condition(x.0[i]) { self.0[i] } else { y.0[i] };
        }
        y
    }
}

/// `a b + c`, each numbers or one for all.
#[inline(always)]
pub(super) fn fma<const FMA: bool, const N: usize>(
    a: impl Into<Abreast<N>>,
    b: impl Into<Abreast<N>>,
    c: impl Into<Abreast<N>>,
) -> Abreast<N> {
    let (a, b, mut c) = (a.into(), b.into(), c.into());
    for i in 0..N {
        c.0[i] = fma_f32::<FMA>(a.0[i], b.0[i], c.0[i]);
    }
    c
}

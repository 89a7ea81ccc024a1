//! Explicit random keys: threefry-2x32 in the partitionable form, the numbers of `jax.random`.

use crate::array::DType;
use crate::error::ErrorKind;
use crate::lowering::RandomOp;
use crate::prim::{fold_in::FoldIn, random_bits::RandomBits};
use crate::shape::{Dim, Shape};
use crate::trace::{Tensor, bind};
use crate::tree::{Tree, Visitor};

/// The right to draw random numbers once.
///
/// A key is consumed by use: it is neither `Copy` nor `Clone`, so drawing twice from one does not compile. The same
/// key gives the same numbers as `jax.random` with threefry-2x32, on every machine and any number of threads.
///
/// ```
/// use pullback::{DType, Key};
/// let (a, b) = Key::new(42).split();
/// let z = a.normal([3], DType::F32);
/// let u = b.uniform([], DType::F64);
/// # let _ = (z, u);
/// ```
/// ```compile_fail,E0382
/// use pullback::{DType, Key};
/// let key = Key::new(42);
/// let z = key.normal([3], DType::F32);
/// let again = key.normal([3], DType::F32);
/// ```
#[derive(Debug)]
pub struct Key(Tensor);

/// Many keys along a leading axis, for [`vmap`](crate::vmap) to hand out one by one.
#[derive(Debug)]
pub struct Keys(Tensor);

impl Tree for Key {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Key {
        Key(visitor.leaf(&self.0))
    }
}

impl Tree for Keys {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Keys {
        Keys(visitor.leaf(&self.0))
    }
}

impl Key {
    /// The key of a seed, as `jax.random.key(seed)`.
    pub fn new(seed: u64) -> Key {
        Key(Tensor::from([(seed >> 32) as u32, seed as u32]))
    }

    /// The key with those two words.
    pub fn from_words(words: [u32; 2]) -> Key {
        Key(Tensor::from(words))
    }

    /// The two words, given up for saving; `u32 [2]`.
    pub fn into_tensor(self) -> Tensor {
        self.0
    }

    /// The key of saved words, `u32 [2]`.
    pub fn from_tensor(words: Tensor) -> Key {
        Key(words)
    }

    /// Two independent keys.
    #[track_caller]
    pub fn split(self) -> (Key, Key) {
        (Key(self.child(0)), Key(self.child(1)))
    }

    /// Three independent keys.
    #[track_caller]
    pub fn split3(self) -> (Key, Key, Key) {
        (Key(self.child(0)), Key(self.child(1)), Key(self.child(2)))
    }

    /// `N` independent keys.
    #[track_caller]
    pub fn split_array<const N: usize>(self) -> [Key; N] {
        std::array::from_fn(|i| Key(self.child(i as u32)))
    }

    /// `n` independent keys along an axis, for [`vmap`](crate::vmap).
    #[track_caller]
    pub fn split_n(self, n: usize) -> Keys {
        self.split_dim(Dim::Known(n))
    }

    /// A key for each row of `like`, whose number may be symbolic.
    #[track_caller]
    pub fn split_like(self, like: &Tensor) -> Keys {
        match like.shape().dims().first() {
            _ if like.error().is_some() => Keys(like.clone()),
            Some(&dim) => self.split_dim(dim),
            None => Keys(Tensor::fault(ErrorKind::Axis { axis: 0, shape: Shape::scalar() }, "split_like")),
        }
    }

    /// As many keys as `count` says, an i32 scalar that may differ from example to example under
    /// [`vmap`](crate::vmap): the ragged map.
    ///
    /// ```
    /// use pullback::{DType, Key, Keys, Tensor, vmap};
    /// // Each example has its own number of samples; the rows of all examples are laid end to end.
    /// let mean = |key: Key, count: Tensor| {
    ///     let z = vmap(|key: Key| key.normal([], DType::F64)).call(key.split_rows(&count));
    ///     z.sum() / count.cast(DType::F64)
    /// };
    /// let means = vmap(mean).call((Key::new(0).split_n(3), Tensor::from([1, 5, 2])));
    /// assert_eq!(means.shape().known(), Some(vec![3]));
    /// # Ok::<(), pullback::Error>(())
    /// ```
    #[track_caller]
    pub fn split_rows(self, count: &Tensor) -> Keys {
        Keys(self.children(&count.rows().cast(DType::U32)))
    }

    /// The key that belongs to a number, as `jax.random.fold_in`.
    #[track_caller]
    pub fn fold_in(self, number: u32) -> Key {
        Key(self.child(number))
    }

    /// As [`Key::fold_in`] with a number that may be traced, or differ from example to example.
    ///
    /// ```
    /// use pullback::{Key, Tensor};
    /// let words = |key: Key| key.into_tensor().to_vec::<u32>();
    /// assert_eq!(words(Key::new(0).fold_in_of(&Tensor::scalar(7u32)))?, words(Key::new(0).fold_in(7))?);
    /// # Ok::<(), pullback::Error>(())
    /// ```
    ///
    /// # Shapes
    /// `number: u32 []`.
    #[track_caller]
    pub fn fold_in_of(self, number: &Tensor) -> Key {
        Key(bind(FoldIn, &[&self.0, number]))
    }

    #[track_caller]
    fn split_dim(self, n: Dim) -> Keys {
        Keys(self.children(&Tensor::iota(vec![n], 0, DType::U32)))
    }

    #[track_caller]
    fn child(&self, i: u32) -> Tensor {
        bind(FoldIn, &[&self.0, &Tensor::scalar(i)])
    }

    #[track_caller]
    fn children(&self, numbers: &Tensor) -> Tensor {
        let mut shape = numbers.shape();
        shape.0.push(Dim::Known(2));
        let axis = shape.rank() - 1;
        bind(FoldIn, &[&self.0.broadcast_axes(shape, vec![axis]), numbers])
    }

    #[track_caller]
    fn draw(self, shape: Shape, op: RandomOp) -> Tensor {
        bind(RandomBits { shape, op }, &[&self.0])
    }

    /// 32 random bits each; u32.
    #[track_caller]
    pub fn bits(self, shape: impl Into<Shape>) -> Tensor {
        self.draw(shape.into(), RandomOp::Bits)
    }

    /// Uniform on \[0, 1).
    #[track_caller]
    pub fn uniform(self, shape: impl Into<Shape>, dtype: DType) -> Tensor {
        if !dtype.is_float() {
            return Tensor::fault(ErrorKind::WrongDType { found: dtype, needs: "f32 or f64" }, "uniform");
        }
        self.draw(shape.into(), RandomOp::Unit(dtype))
    }

    /// Standard normal.
    #[track_caller]
    pub fn normal(self, shape: impl Into<Shape>, dtype: DType) -> Tensor {
        // The open interval (-1, 1): the inverse error function is infinite at its ends.
        let low = match dtype {
            DType::F32 => f64::from((-1.0f32).next_up()),
            _ => (-1.0f64).next_up(),
        };
        let u = self.uniform(shape, dtype);
        let u = (u * (1.0 - low) + low).maximum(low);
        u.erf_inv() * std::f64::consts::SQRT_2
    }

    /// Standard normal in the type and shape of `like`.
    #[track_caller]
    pub fn normal_like(self, like: &Tensor) -> Tensor {
        if like.error().is_some() { like.clone() } else { self.normal(like.shape(), like.dtype()) }
    }

    /// True with probability `p`; as `jax.random.bernoulli` with 64-bit floats enabled.
    #[track_caller]
    pub fn bernoulli(self, p: f64, shape: impl Into<Shape>) -> Tensor {
        self.uniform(shape, DType::F64).lt(p)
    }

    /// True with the probabilities of `p`, in its shape.
    #[track_caller]
    pub fn bernoulli_of(self, p: &Tensor) -> Tensor {
        if p.error().is_some() { p.clone() } else { self.uniform(p.shape(), p.dtype()).lt(p) }
    }

    /// Uniform among the whole numbers `low ≤ i < high`; i32. As in JAX, two draws of bits make the remainder's bias
    /// negligible.
    #[track_caller]
    pub fn randint(self, low: i32, high: i32, shape: impl Into<Shape>) -> Tensor {
        if high <= low {
            return Tensor::fault(ErrorKind::EmptyRange { low, high }, "randint");
        }
        let shape = shape.into();
        let span = high.wrapping_sub(low) as u32;
        let (higher, lower) = self.split();
        let (higher, lower) = (higher.bits(shape.clone()), lower.bits(shape));
        let multiplier = (65536 % span).wrapping_mul(65536 % span) % span;
        let rest = |x: &Tensor| x - (x / Tensor::scalar(span)) * Tensor::scalar(span);
        let offset = rest(&(rest(&higher) * Tensor::scalar(multiplier) + rest(&lower)));
        offset.cast(DType::I32) + low
    }

    /// Exponential with rate 1.
    #[track_caller]
    pub fn exponential(self, shape: impl Into<Shape>, dtype: DType) -> Tensor {
        -(-self.uniform(shape, dtype)).log1p()
    }

    /// An index with probability proportional to `e^logits` along the last axis, by Gumbel noise; i32.
    ///
    /// # Shapes
    /// `logits: […, n]`, result `[…]`.
    #[track_caller]
    pub fn categorical(self, logits: &Tensor) -> Tensor {
        let rank = logits.rank();
        if logits.error().is_some() {
            return logits.clone();
        }
        if rank == 0 {
            return Tensor::fault(ErrorKind::Axis { axis: 0, shape: Shape::scalar() }, "categorical");
        }
        let tiny = if logits.dtype() == DType::F64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
        let u = self.uniform(logits.shape(), logits.dtype()).maximum(tiny);
        (logits - (-u.log()).log()).argmax(rank - 1)
    }

    /// Gamma with those shape parameters and scale 1, by Marsaglia and Tsang's method (ACM TOMS 26, 2000).
    ///
    /// The candidates are drawn in advance: of the 16 for each number the first that is accepted is taken. Each is
    /// accepted with a probability above 0.95; where none is, with a probability below 1e-20, the draw is 0. The
    /// gradient of a draw with respect to `concentration` is zero, not the pathwise one.
    #[track_caller]
    pub fn gamma(self, concentration: &Tensor) -> Tensor {
        const CANDIDATES: usize = 16;
        if concentration.error().is_some() {
            return concentration.clone();
        }
        let a = concentration.stop_gradient();
        let dtype = a.dtype();
        let (normal, rest) = self.split();
        let (uniform, boost) = rest.split();
        // Below 1 the method runs at a + 1 and the draw is multiplied by u^(1/a).
        let small = a.lt(1.0);
        let shifted = small.select(&(&a + 1.0), &a);
        let mut many = a.shape();
        many.0.insert(0, Dim::Known(CANDIDATES));
        let d = (shifted - 1.0 / 3.0).broadcast_to(many.clone());
        let c = 1.0 / (&d * 9.0).sqrt();
        let x = normal.normal(many.clone(), dtype);
        let root = 1.0 + &x * &c;
        let positive = root.gt(0.0);
        let v = positive.select(&root, 1.0).pow(3.0);
        let u = uniform.uniform(many, dtype);
        let bound = &x * &x * 0.5 + &d - &d * &v + &d * v.log();
        let tiny = if dtype == DType::F64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
        let accepted = positive.and(u.maximum(tiny).log().lt(&bound));
        // The first accepted candidate: those before it are all rejected.
        let before = accepted.cast(DType::I32).cumsum(0) - accepted.cast(DType::I32);
        let first = accepted.and(before.eq(0)).cast(dtype);
        let draw = (first * d * v).reduce_sum(&[0]);
        let u = 1.0 - boost.uniform(a.shape(), dtype);
        small.select(&(&draw * u.pow(1.0 / small.select(&a, 1.0))), &draw)
    }
}

impl Keys {
    /// The words, given up for saving; `u32 [n, 2]`.
    pub fn into_tensor(self) -> Tensor {
        self.0
    }
}

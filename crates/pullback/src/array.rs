//! Concrete values: dense row-major arrays of the five element types.

use crate::shape::Shape;
use std::fmt;

/// The type of an element.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// 64-bit IEEE float.
    F64,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// Truth value.
    Bool,
}

impl DType {
    /// Whether it is one of the two float types.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F64 => 8,
            DType::Bool => 1,
            _ => 4,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::U32 => "u32",
            DType::Bool => "bool",
        })
    }
}

/// The elements of an [`Array`].
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// Signed integers.
    I32(Vec<i32>),
    /// Unsigned integers.
    U32(Vec<u32>),
    /// Truth values.
    Bool(Vec<bool>),
}

/// Runs `$body` with `$v` bound to the typed vector inside.
#[macro_export]
#[doc(hidden)]
macro_rules! each_dtype {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            $crate::array::Data::F32($v) => $body,
            $crate::array::Data::F64($v) => $body,
            $crate::array::Data::I32($v) => $body,
            $crate::array::Data::U32($v) => $body,
            $crate::array::Data::Bool($v) => $body,
        }
    };
}
pub(crate) use each_dtype;

impl Data {
    /// `n` zeros.
    pub fn zeros(dtype: DType, n: usize) -> Data {
        match dtype {
            DType::F32 => Data::F32(vec![0.0; n]),
            DType::F64 => Data::F64(vec![0.0; n]),
            DType::I32 => Data::I32(vec![0; n]),
            DType::U32 => Data::U32(vec![0; n]),
            DType::Bool => Data::Bool(vec![false; n]),
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        each_dtype!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Data::F32(_) => DType::F32,
            Data::F64(_) => DType::F64,
            Data::I32(_) => DType::I32,
            Data::U32(_) => DType::U32,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// Makes room for exactly `n` elements; what was there stays or is cut.
    pub(crate) fn resize(&mut self, n: usize) {
        match self {
            Data::F32(v) => v.resize(n, 0.0),
            Data::F64(v) => v.resize(n, 0.0),
            Data::I32(v) => v.resize(n, 0),
            Data::U32(v) => v.resize(n, 0),
            Data::Bool(v) => v.resize(n, false),
        }
    }

    /// Bytes set aside.
    pub(crate) fn capacity_bytes(&self) -> usize {
        each_dtype!(self, v => v.capacity() * self.dtype().size())
    }

    /// The one element that all are equal to, to the bit.
    pub(crate) fn uniform(&self) -> Option<Data> {
        let same = match self {
            Data::F32(v) => v.windows(2).all(|w| w[0].to_bits() == w[1].to_bits()),
            Data::F64(v) => v.windows(2).all(|w| w[0].to_bits() == w[1].to_bits()),
            Data::I32(v) => v.windows(2).all(|w| w[0] == w[1]),
            Data::U32(v) => v.windows(2).all(|w| w[0] == w[1]),
            Data::Bool(v) => v.windows(2).all(|w| w[0] == w[1]),
        };
        (same && !self.is_empty()).then(|| self.first(1))
    }

    /// A copy of the first `n` elements.
    pub(crate) fn first(&self, n: usize) -> Data {
        self.part(0, n)
    }

    /// A copy of the elements `at..at + n`.
    pub(crate) fn part(&self, at: usize, n: usize) -> Data {
        match self {
            Data::F32(v) => Data::F32(v[at..at + n].to_vec()),
            Data::F64(v) => Data::F64(v[at..at + n].to_vec()),
            Data::I32(v) => Data::I32(v[at..at + n].to_vec()),
            Data::U32(v) => Data::U32(v[at..at + n].to_vec()),
            Data::Bool(v) => Data::Bool(v[at..at + n].to_vec()),
        }
    }

    /// Becomes a copy of other elements, in its own memory where they are of its type.
    pub(crate) fn copy_from(&mut self, other: &Data) {
        match (self, other) {
            (Data::F32(to), Data::F32(from)) => to.clone_from(from),
            (Data::F64(to), Data::F64(from)) => to.clone_from(from),
            (Data::I32(to), Data::I32(from)) => to.clone_from(from),
            (Data::U32(to), Data::U32(from)) => to.clone_from(from),
            (Data::Bool(to), Data::Bool(from)) => to.clone_from(from),
            (to, from) => *to = from.clone(),
        }
    }

    /// The elements at those flat indices, in that order.
    pub(crate) fn pick(&self, indices: impl Iterator<Item = usize>) -> Data {
        match self {
            Data::F32(v) => Data::F32(indices.map(|i| v[i]).collect()),
            Data::F64(v) => Data::F64(indices.map(|i| v[i]).collect()),
            Data::I32(v) => Data::I32(indices.map(|i| v[i]).collect()),
            Data::U32(v) => Data::U32(indices.map(|i| v[i]).collect()),
            Data::Bool(v) => Data::Bool(indices.map(|i| v[i]).collect()),
        }
    }
}

/// An element that an [`Array`] can hold.
pub trait Element: Copy + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// Its [`DType`].
    const DTYPE: DType;
    /// Wraps a vector.
    fn wrap(v: Vec<Self>) -> Data;
    /// The vector inside, if it is of this type.
    fn slice(data: &Data) -> Option<&[Self]>;
    /// The vector inside, if it is of this type.
    fn vec_mut(data: &mut Data) -> Option<&mut Vec<Self>>;
}

macro_rules! element {
    ($($t:ty => $v:ident),*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$v;
            fn wrap(v: Vec<$t>) -> Data { Data::$v(v) }
            fn slice(data: &Data) -> Option<&[$t]> {
                if let Data::$v(v) = data { Some(v) } else { None }
            }
            fn vec_mut(data: &mut Data) -> Option<&mut Vec<$t>> {
                if let Data::$v(v) = data { Some(v) } else { None }
            }
        }
    )*};
}
element!(f32 => F32, f64 => F64, i32 => I32, u32 => U32, bool => Bool);

/// A dense row-major array.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    shape: Vec<usize>,
    data: Data,
}

impl Array {
    /// An array of that shape; `data` has one element for each place.
    ///
    /// # Panics
    /// Where the lengths differ: the callers inside this crate have checked.
    pub(crate) fn new(shape: Vec<usize>, data: Data) -> Array {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "array: elements for shape {shape:?}");
        Array { shape, data }
    }

    /// A scalar.
    pub fn scalar<T: Element>(x: T) -> Array {
        Array { shape: Vec::new(), data: T::wrap(vec![x]) }
    }

    /// A scalar of the given type with (the nearest to) that value.
    pub fn number(dtype: DType, x: f64) -> Array {
        match dtype {
            DType::F32 => Array::scalar(x as f32),
            DType::F64 => Array::scalar(x),
            DType::I32 => Array::scalar(x as i32),
            DType::U32 => Array::scalar(x as u32),
            DType::Bool => Array::scalar(x != 0.0),
        }
    }

    /// The sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements, to be replaced by as many of the same type.
    pub(crate) fn data_mut(&mut self) -> &mut Data {
        &mut self.data
    }

    /// The elements, given away.
    pub(crate) fn into_data(self) -> Data {
        self.data
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements as a slice, if they are of type `T`.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::slice(&self.data)
    }

    /// The same elements under another shape of as many places.
    pub(crate) fn reshaped(&self, shape: Vec<usize>) -> Array {
        Array::new(shape, self.data.clone())
    }

    /// Its type.
    pub(crate) fn ty(&self) -> (DType, Shape) {
        (self.dtype(), Shape::of(&self.shape))
    }

    /// Typed access inside rules whose `infer` has checked the type.
    pub(crate) fn get<T: Element>(&self) -> &[T] {
        self.as_slice().expect("verify: the element type was inferred")
    }
}

/// Row-major strides of a shape.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut s = vec![1; shape.len()];
    for i in (0..shape.len().saturating_sub(1)).rev() {
        s[i] = s[i + 1] * shape[i + 1];
    }
    s
}

/// Every multi-index of `shape` in row-major order, as the offset it has under `strides`.
pub(crate) fn offsets<'a>(shape: &'a [usize], strides: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let total: usize = shape.iter().product();
    let mut index = vec![0usize; shape.len()];
    let mut at = 0;
    (0..total).map(move |_| {
        let here = at;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
        here
    })
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn nest<T: fmt::Debug>(f: &mut fmt::Formatter<'_>, shape: &[usize], v: &[T]) -> fmt::Result {
            let Some((&n, rest)) = shape.split_first() else {
                return write!(f, "{:?}", v[0]);
            };
            let step: usize = rest.iter().product();
            write!(f, "[")?;
            for i in 0..n {
                if i > 0 {
                    write!(f, ", ")?;
                }
                nest(f, rest, &v[i * step..(i + 1) * step])?;
            }
            write!(f, "]")
        }
        each_dtype!(&self.data, v => nest(f, &self.shape, v))
    }
}

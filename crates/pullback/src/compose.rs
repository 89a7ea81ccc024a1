//! Functions composed of primitives that nearly every program needs.

use crate::array::DType;
use crate::error::ErrorKind;
use crate::trace::Tensor;

impl Tensor {
    /// The mean of all elements.
    #[track_caller]
    pub fn mean(&self) -> Tensor {
        self.reduce_mean(&(0..self.rank()).collect::<Vec<_>>())
    }

    /// The mean over some axes, which leave the shape.
    #[track_caller]
    pub fn reduce_mean(&self, axes: &[usize]) -> Tensor {
        let mut sizes = axes.iter().map(|&a| self.size(a));
        match sizes.next() {
            Some(first) => self.reduce_sum(axes) / sizes.fold(first, |count, size| count * size),
            None => self.clone(),
        }
    }

    /// `log((1/n) Σ e^x)` along an axis, which leaves the shape.
    #[track_caller]
    pub fn log_mean_exp(&self, axis: usize) -> Tensor {
        self.logsumexp(axis) - self.size(axis).log()
    }

    /// `e^x / Σ e^x` along an axis.
    #[track_caller]
    pub fn softmax(&self, axis: usize) -> Tensor {
        (self - self.spread(&self.logsumexp(axis), axis)).exp()
    }

    /// A reduced tensor repeated along the axis that it lacks.
    #[track_caller]
    fn spread(&self, reduced: &Tensor, axis: usize) -> Tensor {
        let axes = (0..self.rank()).filter(|&a| a != axis).collect();
        if reduced.error().is_some() { reduced.clone() } else { reduced.broadcast_axes(self.shape(), axes) }
    }

    /// `x²`.
    #[track_caller]
    pub fn square(&self) -> Tensor {
        self * self
    }

    /// The greater of 0 and `x`.
    #[track_caller]
    pub fn relu(&self) -> Tensor {
        self.gt(0.0).select(self, 0.0)
    }

    /// This tensor kept between two numbers; the derivative is 0 outside.
    #[track_caller]
    pub fn clamp(&self, low: f64, high: f64) -> Tensor {
        self.maximum(low).minimum(high)
    }

    /// The index of the greatest element along an axis, the first of equals; i32. A NaN counts as the greatest, as in
    /// NumPy and JAX: where there are some, the index is that of the first.
    ///
    /// ```
    /// use pullback::Tensor;
    /// let x = Tensor::from([[1.0, 3.0, 3.0], [f64::INFINITY, f64::NAN, f64::NAN]]);
    /// assert_eq!(x.argmax(1).to_vec::<i32>()?, [1, 1]);
    /// # Ok::<(), pullback::Error>(())
    /// ```
    #[track_caller]
    pub fn argmax(&self, axis: usize) -> Tensor {
        if self.error().is_some() {
            return self.clone();
        }
        let shape = self.shape();
        if axis >= shape.rank() {
            return Tensor::fault(ErrorKind::Axis { axis, shape }, "argmax");
        }
        // The greatest of elements with a NaN among them is NaN, which equals nothing: the NaNs are all that is left.
        let is_top = self.eq(self.spread(&self.reduce_max(&[axis]), axis)).or(self.ne(self));
        let index = Tensor::iota(shape, axis, DType::I32);
        is_top.select(&index, f64::from(i32::MAX)).reduce_min(&[axis])
    }
}

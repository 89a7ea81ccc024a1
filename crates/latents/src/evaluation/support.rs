//! Where a target is finite.

use crate::dist::Target;
use pullback::{DType, Error, Tensor, value_and_grad, vmap};

/// At how many points a target is no finite number, or its gradient is not; training takes neither.
///
/// ```
/// use latents::dist::target::{Expression, Sense};
/// use latents::evaluation::Support;
/// use pullback::Tensor;
/// let target = Expression::new("x", "log(x)", Sense::LogDensity)?;
/// let found = Support::of(&target, &Tensor::from([[1.0f64], [-2.0], [3.0]]))?;
/// let lost = found.first.ok_or("one is lost")?;
/// assert_eq!((found.tried, found.lost, lost.point), (3, 1, vec![-2.0]));
/// assert!(lost.value.is_nan());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Support {
    /// How many points were tried.
    pub tried: usize,
    /// At how many of them the target or its gradient is not finite.
    pub lost: usize,
    /// The first of those.
    pub first: Option<Lost>,
}

/// A point where a target or its gradient is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// The point.
    pub point: Vec<f64>,
    /// The target's value there; where it is finite, the gradient is not.
    pub value: f64,
}

impl Support {
    /// Tries a target.
    ///
    /// # Shapes
    /// `points: [n, dim]`.
    ///
    /// # Errors
    /// The first fault of the target.
    pub fn of(target: &dyn Target, points: &Tensor) -> Result<Support, Error> {
        let at = |x: Tensor| value_and_grad(|x: Tensor| target.log_density(&x)).call(x);
        let (values, gradients) = vmap(at).try_call(points.clone())?;
        let numbers = |t: &Tensor| t.cast(DType::F64).to_vec::<f64>();
        let (values, gradients, points) = (numbers(&values)?, numbers(&gradients)?, numbers(points)?);
        let dim = target.dim();
        let lost: Vec<usize> = (0..values.len())
            .filter(|&i| !values[i].is_finite() || gradients[i * dim..][..dim].iter().any(|g| !g.is_finite()))
            .collect();
        let first = lost.first().map(|&i| Lost { point: points[i * dim..][..dim].to_vec(), value: values[i] });
        Ok(Support { tried: values.len(), lost: lost.len(), first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::target::{Expression, Sense};

    #[test]
    fn a_gradient_that_is_no_number_counts_too() {
        // 0 at 0, where the branch that is not taken has the slope -1/0.
        let target = Expression::new("x,y", "where(x > 0, sqrt(x), 0) + y", Sense::Energy).unwrap();
        let found = Support::of(&target, &Tensor::from([[1.0f32, 2.0], [0.0, 3.0]])).unwrap();
        assert_eq!(found.first, Some(Lost { point: vec![0.0, 3.0], value: -3.0 }));
        let whole = Support::of(&target, &Tensor::from([[1.0f32, 2.0]])).unwrap();
        assert_eq!((whole.lost, whole.first), (0, None));
    }
}

//! A rectangle of the plane and values sampled on a regular lattice over it.

use super::PlotError;

/// An axis-aligned rectangle in data coordinates, with finite and strictly increasing sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    x: [f64; 2],
    y: [f64; 2],
}

impl Bounds {
    /// The rectangle `x[0]..x[1]` by `y[0]..y[1]`.
    ///
    /// # Errors
    ///
    /// [`PlotError::Input`] when a side is not finite or not strictly increasing.
    pub fn new(x: [f64; 2], y: [f64; 2]) -> Result<Self, PlotError> {
        for (name, [low, high]) in [("x", x), ("y", y)] {
            let length = high - low;
            if !(length.is_finite() && length > 0.0) {
                return Err(PlotError::Input(format!(
                    "the {name} bounds [{low}, {high}] are not finite and increasing"
                )));
            }
        }
        Ok(Self { x, y })
    }

    /// The horizontal side, `[left, right]`.
    #[must_use]
    pub fn x(&self) -> [f64; 2] {
        self.x
    }

    /// The vertical side, `[bottom, top]`.
    #[must_use]
    pub fn y(&self) -> [f64; 2] {
        self.y
    }

    /// The `nx * ny` lattice points covering the rectangle with its border, `x` varying fastest from
    /// left to right and rows going from bottom to top.
    ///
    /// These are the points at which [`Grid::new`] expects its values. A side with a single point
    /// has it at the low end.
    ///
    /// ```
    /// use latents::plot::Bounds;
    /// let points = Bounds::new([0.0, 2.0], [5.0, 6.0])?.lattice(3, 2);
    /// assert_eq!(points.len(), 6);
    /// assert_eq!(points[1], [1.0, 5.0]);
    /// assert_eq!(points[5], [2.0, 6.0]);
    /// # Ok::<(), latents::plot::PlotError>(())
    /// ```
    #[must_use]
    pub fn lattice(&self, nx: usize, ny: usize) -> Vec<[f64; 2]> {
        let mut points = Vec::with_capacity(nx.saturating_mul(ny));
        for row in 0..ny {
            let y = along(self.y, row, ny);
            points.extend((0..nx).map(|column| [along(self.x, column, nx), y]));
        }
        points
    }

    /// Whether a point lies inside or on the border; false for NaN.
    #[must_use]
    pub fn contains(&self, point: [f64; 2]) -> bool {
        (self.x[0]..=self.x[1]).contains(&point[0]) && (self.y[0]..=self.y[1]).contains(&point[1])
    }
}

/// The `index`-th of `count` equally spaced positions from `low` to `high`, exact at both ends.
fn along([low, high]: [f64; 2], index: usize, count: usize) -> f64 {
    if index == 0 || count < 2 {
        return low;
    }
    if index + 1 == count {
        return high;
    }
    low + (high - low) * (index as f64 / (count - 1) as f64)
}

/// Values on the lattice of a rectangle, `nx` columns by `ny` rows.
#[derive(Clone, Debug)]
pub struct Grid {
    bounds: Bounds,
    nx: usize,
    ny: usize,
    values: Vec<f64>,
}

impl Grid {
    /// Values given in the order of [`Bounds::lattice`]; NaN marks points without a value.
    ///
    /// # Errors
    ///
    /// [`PlotError::Input`] when `nx` or `ny` is below 2 or `values.len()` is not `nx * ny`.
    pub fn new(bounds: Bounds, nx: usize, ny: usize, values: Vec<f64>) -> Result<Self, PlotError> {
        if nx < 2 || ny < 2 || nx.checked_mul(ny) != Some(values.len()) {
            return Err(PlotError::Input(format!(
                "a grid of {nx} by {ny} points (at least 2 by 2) got {} values",
                values.len()
            )));
        }
        Ok(Self { bounds, nx, ny, values })
    }

    /// Values of `f(x, y)` at the `nx * ny` points of [`Bounds::lattice`].
    ///
    /// # Errors
    ///
    /// [`PlotError::Input`] when `nx` or `ny` is below 2.
    ///
    /// ```
    /// use latents::plot::{Bounds, Grid};
    /// let grid = Grid::from_fn(Bounds::new([0.0, 1.0], [0.0, 1.0])?, 2, 2, |x, y| x + 10.0 * y)?;
    /// assert_eq!(grid.values(), [0.0, 1.0, 10.0, 11.0]);
    /// # Ok::<(), latents::plot::PlotError>(())
    /// ```
    pub fn from_fn(bounds: Bounds, nx: usize, ny: usize, f: impl Fn(f64, f64) -> f64) -> Result<Self, PlotError> {
        let points = bounds.lattice(nx, ny);
        let values = points.into_iter().map(|[x, y]| f(x, y)).collect();
        Self::new(bounds, nx, ny, values)
    }

    /// The rectangle the lattice covers.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The number of columns and rows, `(nx, ny)`.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.nx, self.ny)
    }

    /// The values in the order of [`Bounds::lattice`].
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same lattice with every value replaced by `f(value)`.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|v| f(*v)).collect(), ..*self }
    }

    /// The `x` of a column.
    pub(super) fn column_x(&self, column: usize) -> f64 {
        along(self.bounds.x, column, self.nx)
    }

    /// The `y` of a row.
    pub(super) fn row_y(&self, row: usize) -> f64 {
        along(self.bounds.y, row, self.ny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_bounds_are_refused() {
        for bad in [[0.0, 0.0], [1.0, 0.0], [f64::NAN, 1.0], [0.0, f64::INFINITY]] {
            assert!(Bounds::new(bad, [0.0, 1.0]).is_err());
            assert!(Bounds::new([0.0, 1.0], bad).is_err());
        }
        assert!(Bounds::new([-f64::MAX, f64::MAX], [0.0, 1.0]).is_err());
    }

    #[test]
    fn bad_shapes_are_refused() {
        let bounds = Bounds::new([0.0, 1.0], [0.0, 1.0]).expect("bounds");
        assert!(Grid::new(bounds, 2, 2, vec![0.0; 3]).is_err());
        assert!(Grid::new(bounds, 1, 4, vec![0.0; 4]).is_err());
        assert!(Grid::new(bounds, usize::MAX, 2, vec![]).is_err());
    }

    #[test]
    fn lattice_reaches_the_exact_corners() {
        let bounds = Bounds::new([-0.1, 0.3], [0.7, 1.9]).expect("bounds");
        let points = bounds.lattice(7, 11);
        assert_eq!(points[0], [-0.1, 0.7]);
        assert_eq!(points[76], [0.3, 1.9]);
        assert!(points.iter().all(|p| bounds.contains(*p)));
        assert!(bounds.lattice(0, 5).is_empty());
    }
}

//! A density of the plane from draws alone.

use super::{Bounds, Grid, PlotError};

/// The logarithm of a smoothed histogram of points, on the lattice of a rectangle.
///
/// Each point counts at its nearest lattice point; the counts are smoothed by a Gaussian of `width` cells' standard
/// deviation and divided by the number of all points, inside or not, and by the area of a cell. Where no point is
/// near the density is zero, its logarithm minus infinity.
///
/// # Errors
///
/// [`PlotError::Input`] when `nx` or `ny` is below 2 or `width` is not positive and finite.
///
/// ```
/// use latents::plot::{Bounds, smoothed_histogram};
/// let bounds = Bounds::new([-1.0, 1.0], [-1.0, 1.0])?;
/// let grid = smoothed_histogram(bounds, 41, 41, &[[0.0, 0.0]; 10], 1.0)?;
/// let cell = 0.05 * 0.05;
/// let mass: f64 = grid.values().iter().map(|v| v.exp() * cell).sum();
/// assert!((mass - 1.0).abs() < 1e-9);
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn smoothed_histogram(
    bounds: Bounds,
    nx: usize,
    ny: usize,
    points: &[[f64; 2]],
    width: f64,
) -> Result<Grid, PlotError> {
    if !(width.is_finite() && width > 0.0) {
        return Err(PlotError::Input(format!("a histogram smoothed by {width} cells")));
    }
    let mut counts = vec![0.0; nx.saturating_mul(ny)];
    let (cells_x, cells_y) = (nx.saturating_sub(1) as f64, ny.saturating_sub(1) as f64);
    let place = |value: f64, [low, high]: [f64; 2], cells: f64| ((value - low) / (high - low) * cells).round() as usize;
    for point in points.iter().filter(|point| bounds.contains(**point)) {
        let (column, row) = (place(point[0], bounds.x(), cells_x), place(point[1], bounds.y(), cells_y));
        if let Some(count) = counts.get_mut(row * nx + column) {
            *count += 1.0;
        }
    }
    let smooth = blur(&blur(&counts, nx, ny, width), ny, nx, width);
    let side = |[low, high]: [f64; 2], cells: f64| (high - low) / cells;
    let area = side(bounds.x(), cells_x) * side(bounds.y(), cells_y);
    let scale = 1.0 / (points.len().max(1) as f64 * area);
    Grid::new(bounds, nx, ny, smooth.iter().map(|count| (count * scale).ln()).collect())
}

/// Rows smoothed along their length, and transposed; the mass that leaves at an end is lost.
fn blur(values: &[f64], columns: usize, rows: usize, width: f64) -> Vec<f64> {
    let reach = (4.0 * width).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 / width).powi(2)).exp()).collect();
    let total: f64 = kernel[0] + 2.0 * kernel[1..].iter().sum::<f64>();
    let mut out = vec![0.0; values.len()];
    for row in 0..rows {
        for column in 0..columns {
            let value = values[row * columns + column] / total;
            if value > 0.0 {
                for other in column.saturating_sub(reach)..(column + reach + 1).min(columns) {
                    out[other * rows + row] += value * kernel[other.abs_diff(column)];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_axes() {
        let bounds = Bounds::new([0.0, 4.0], [0.0, 2.0]).expect("bounds");
        let grid = smoothed_histogram(bounds, 5, 3, &[[3.0, 1.0], [9.0, 9.0], [f64::NAN, 0.0]], 0.2).expect("grid");
        let values = grid.values();
        let top = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]));
        assert_eq!(top, Some(5 + 3));
        assert!((values[8].exp() - 1.0 / 3.0).abs() < 1e-4, "{}", values[8].exp());
    }

    #[test]
    fn nothing_to_draw_is_zero_everywhere() {
        let bounds = Bounds::new([0.0, 1.0], [0.0, 1.0]).expect("bounds");
        let grid = smoothed_histogram(bounds, 4, 4, &[], 1.0).expect("grid");
        assert!(grid.values().iter().all(|v| *v == f64::NEG_INFINITY));
        assert!(smoothed_histogram(bounds, 1, 4, &[], 1.0).is_err());
        assert!(smoothed_histogram(bounds, 4, 4, &[], f64::NAN).is_err());
    }
}

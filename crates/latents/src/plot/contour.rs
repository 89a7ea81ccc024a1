//! Filled contours and contour lines by marching squares.
//!
//! Each lattice cell is cut by straight segments between the linearly interpolated crossings of its
//! edges. A saddle cell, where one diagonal lies above the other, is cut into four triangles about
//! its centre (the mean of the corners), which decides which diagonal is connected. Bands and lines
//! use the same cuts, so the lines are exactly the borders of the bands.

use super::Grid;

/// A position with the value of the field there.
#[derive(Clone, Copy, Debug)]
struct Vertex {
    x: f64,
    y: f64,
    value: f64,
}

impl Vertex {
    /// The position on the edge to `other` where the field equals `level`, the same to the last bit
    /// from whichever end it is computed.
    fn crossing(self, other: Self, level: f64) -> [f64; 2] {
        let (low, high) = if self.value < other.value { (self, other) } else { (other, self) };
        let t = (level - low.value) / (high.value - low.value);
        [low.x + (high.x - low.x) * t, low.y + (high.y - low.y) * t]
    }
}

/// Visits the filled bands of a field as convex polygons.
///
/// `levels` must be increasing. Band 0 is where the field is below the first level, band `k` where
/// it is at least `levels[k - 1]` and below `levels[k]`, and band `levels.len()` where it is at least
/// the last. `visit` receives the band and the corners of a polygon (data coordinates, at least
/// three, counter-clockwise); the polygons tile the grid without overlap. Cells with a non-finite
/// corner are skipped.
///
/// ```
/// use latents::plot::{Bounds, Grid, filled_contours};
/// let square = Bounds::new([0.0, 1.0], [0.0, 1.0])?;
/// let slope = Grid::from_fn(square, 2, 2, |x, _| x)?;
/// let mut bands = Vec::new();
/// filled_contours(&slope, &[0.25], |band, corners| bands.push((band, corners.to_vec())));
/// assert_eq!(bands[0], (0, vec![[0.0, 0.0], [0.25, 0.0], [0.25, 1.0], [0.0, 1.0]]));
/// assert_eq!(bands[1].0, 1);
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn filled_contours(grid: &Grid, levels: &[f64], mut visit: impl FnMut(usize, &[[f64; 2]])) {
    let mut polygon = Vec::with_capacity(8);
    let (nx, ny) = grid.shape();
    for row in 0..ny - 1 {
        let mut column = 0;
        while column < nx - 1 {
            let first = column;
            column += 1;
            let Some(values) = cell(grid, first, row) else {
                continue;
            };
            let (low, high) = band_range(&values, levels);
            if low == high {
                // Neighbours that lie in the same band entirely are merged into one rectangle.
                let same = |column: &usize| {
                    cell(grid, *column, row).is_some_and(|values| band_range(&values, levels) == (low, low))
                };
                column = (column..nx - 1).find(|c| !same(c)).unwrap_or(nx - 1);
                let (left, right) = (grid.column_x(first), grid.column_x(column));
                let (bottom, top) = (grid.row_y(row), grid.row_y(row + 1));
                visit(low, &[[left, bottom], [right, bottom], [right, top], [left, top]]);
                continue;
            }
            let corners = vertices(grid, first, row, values);
            for band in low..=high {
                for_each_piece(&corners, |piece| {
                    cut_band(piece, band, levels, &mut polygon);
                    if polygon.len() >= 3 {
                        visit(band, &polygon);
                    }
                });
            }
        }
    }
}

/// Visits the straight segments of the contour line at `level`, each as its two ends in data
/// coordinates; cells with a non-finite corner are skipped.
///
/// ```
/// use latents::plot::{Bounds, Grid, contour_lines};
/// let square = Bounds::new([0.0, 1.0], [0.0, 1.0])?;
/// let slope = Grid::from_fn(square, 2, 2, |x, _| x)?;
/// contour_lines(&slope, 0.25, |[from, to]| assert!(from[0] == 0.25 && to[0] == 0.25));
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn contour_lines(grid: &Grid, level: f64, mut visit: impl FnMut([[f64; 2]; 2])) {
    let (nx, ny) = grid.shape();
    for row in 0..ny - 1 {
        for column in 0..nx - 1 {
            let Some(values) = cell(grid, column, row) else {
                continue;
            };
            if band_range(&values, &[level]) != (0, 1) {
                continue;
            }
            let corners = vertices(grid, column, row, values);
            for_each_piece(&corners, |piece| {
                let mut ends = cyclic_edges(piece)
                    .filter(|(a, b)| (a.value < level) != (b.value < level))
                    .map(|(a, b)| a.crossing(*b, level));
                if let (Some(from), Some(to)) = (ends.next(), ends.next())
                    && from != to
                {
                    visit([from, to]);
                }
            });
        }
    }
}

/// The values at the corners of a cell counter-clockwise from the lower left, none if one is not
/// finite.
fn cell(grid: &Grid, column: usize, row: usize) -> Option<[f64; 4]> {
    let (nx, _) = grid.shape();
    let lower = row * nx + column;
    let upper = lower + nx;
    let values = [lower, lower + 1, upper + 1, upper].map(|index| grid.values()[index]);
    values.iter().all(|v| v.is_finite()).then_some(values)
}

/// The corners of a cell with their positions.
fn vertices(grid: &Grid, column: usize, row: usize, values: [f64; 4]) -> [Vertex; 4] {
    let (left, right) = (grid.column_x(column), grid.column_x(column + 1));
    let (bottom, top) = (grid.row_y(row), grid.row_y(row + 1));
    let [a, b, c, d] = values;
    [(left, bottom, a), (right, bottom, b), (right, top, c), (left, top, d)].map(|(x, y, value)| Vertex { x, y, value })
}

/// The lowest and highest band among the corner values.
fn band_range(values: &[f64; 4], levels: &[f64]) -> (usize, usize) {
    let band = |value: f64| levels.partition_point(|level| *level <= value);
    let [a, b, c, d] = *values;
    (band(a.min(b).min(c).min(d)), band(a.max(b).max(c).max(d)))
}

/// Hands over the convex pieces on which the cuts of nested levels cannot cross: the cell itself, or
/// four triangles about the centre of a saddle.
fn for_each_piece(corners: &[Vertex; 4], mut visit: impl FnMut(&[Vertex])) {
    let [a, b, c, d] = corners.map(|v| v.value);
    let saddle = a.min(c) > b.max(d) || b.min(d) > a.max(c);
    if !saddle {
        visit(corners);
        return;
    }
    let mean = |f: fn(&Vertex) -> f64| corners.iter().map(|v| f(v) / 4.0).sum::<f64>();
    let centre = Vertex { x: mean(|v| v.x), y: mean(|v| v.y), value: mean(|v| v.value) };
    for (from, to) in cyclic_edges(corners) {
        visit(&[*from, *to, centre]);
    }
}

/// The edges of a polygon in order, including the closing one.
fn cyclic_edges(piece: &[Vertex]) -> impl Iterator<Item = (&Vertex, &Vertex)> {
    piece.iter().zip(piece.iter().cycle().skip(1))
}

/// Fills `polygon` with the part of a piece that lies in a band, empty if there is none.
fn cut_band(piece: &[Vertex], band: usize, levels: &[f64], polygon: &mut Vec<[f64; 2]>) {
    polygon.clear();
    let low = band.checked_sub(1).map(|below| levels[below]);
    let high = levels.get(band).copied();
    let inside = |v: &Vertex| low.is_none_or(|l| v.value >= l) && high.is_none_or(|h| v.value < h);
    for (from, to) in cyclic_edges(piece) {
        if inside(from) {
            push_distinct(polygon, [from.x, from.y]);
        }
        // Walking up the low level is crossed first, walking down the high one.
        let order = if from.value < to.value { [low, high] } else { [high, low] };
        for level in order.into_iter().flatten() {
            if (from.value < level) != (to.value < level) {
                push_distinct(polygon, from.crossing(*to, level));
            }
        }
    }
    if polygon.len() > 1 && polygon.first() == polygon.last() {
        polygon.pop();
    }
}

/// Appends a corner unless it repeats the one before.
fn push_distinct(polygon: &mut Vec<[f64; 2]>, point: [f64; 2]) {
    if polygon.last() != Some(&point) {
        polygon.push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Bounds;

    /// A small generator of uniform numbers in `0..1` for random fields.
    struct Uniform(u64);

    impl Uniform {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    fn grid(nx: usize, ny: usize, values: Vec<f64>) -> Grid {
        let bounds = Bounds::new([-1.0, 2.0], [0.5, 2.5]).expect("bounds");
        Grid::new(bounds, nx, ny, values).expect("grid")
    }

    fn area(polygon: &[[f64; 2]]) -> f64 {
        let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
        edges.map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0
    }

    fn band_areas(grid: &Grid, levels: &[f64]) -> Vec<f64> {
        let mut areas = vec![0.0; levels.len() + 1];
        filled_contours(grid, levels, |band, polygon| {
            let piece = area(polygon);
            assert!(piece > -1e-12, "clockwise polygon {polygon:?}");
            areas[band] += piece;
        });
        areas
    }

    fn is_convex(polygon: &[[f64; 2]]) -> bool {
        let n = polygon.len();
        (0..n).all(|i| {
            let [a, b, c] = [polygon[i], polygon[(i + 1) % n], polygon[(i + 2) % n]];
            (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > -1e-12
        })
    }

    #[test]
    fn bands_tile_random_fields() {
        let mut uniform = Uniform(7);
        for round in 0..300 {
            let (nx, ny) = (2 + round % 5, 2 + round % 7);
            // Rounding provokes ties between corners and levels.
            let coarse = round % 2 == 0;
            let values = (0..nx * ny).map(|_| {
                let v = uniform.next();
                if coarse { (v * 4.0).round() / 4.0 } else { v }
            });
            let grid = grid(nx, ny, values.collect());
            let levels: Vec<f64> = (0..round % 6).map(|k| k as f64 * 0.25).collect();
            let total: f64 = band_areas(&grid, &levels).iter().sum();
            assert!((total - 6.0).abs() < 1e-9, "round {round}: area {total}");
            filled_contours(&grid, &levels, |_, p| assert!(is_convex(p), "{p:?}"));
        }
    }

    #[test]
    fn bands_nest_with_the_levels() {
        // The area below a level must not depend on which other levels are drawn.
        let mut uniform = Uniform(11);
        for _ in 0..100 {
            let grid = grid(4, 4, (0..16).map(|_| uniform.next()).collect());
            let all = band_areas(&grid, &[0.2, 0.5, 0.8]);
            let one = band_areas(&grid, &[0.5]);
            assert!((all[0] + all[1] - one[0]).abs() < 1e-9);
        }
    }

    #[test]
    fn linear_field_gives_straight_bands() {
        let mut uniform = Uniform(3);
        for _ in 0..50 {
            let (a, b) = (uniform.next() - 0.5, uniform.next() - 0.5);
            let bounds = Bounds::new([-1.0, 2.0], [0.5, 2.5]).expect("bounds");
            let field = move |x: f64, y: f64| a * x + b * y;
            let grid = Grid::from_fn(bounds, 9, 6, field).expect("grid");
            let levels = [-0.4, -0.1, 0.0, 0.3];
            filled_contours(&grid, &levels, |band, polygon| {
                for [x, y] in polygon {
                    let value = field(*x, *y);
                    assert!(band == 0 || value >= levels[band - 1] - 1e-12);
                    assert!(band == 4 || value <= levels[band] + 1e-12);
                }
            });
            contour_lines(&grid, -0.1, |ends| {
                for [x, y] in ends {
                    assert!((field(x, y) + 0.1).abs() < 1e-12);
                }
            });
        }
    }

    #[test]
    fn saddle_connects_the_diagonal_of_its_centre() {
        // Corners (counter-clockwise) 1, 0, 1, 0 with centre 0.5.
        let saddle = grid(2, 2, vec![1.0, 0.0, 0.0, 1.0]);
        for (level, connected_low) in [(0.4, false), (0.6, true)] {
            let mut segments = Vec::new();
            contour_lines(&saddle, level, |s| segments.push(s));
            // Each of the two curves passes the two triangles about its corner and the slivers of
            // the others; no segment may reach the centre.
            let centre = [0.5, 1.5];
            assert!(segments.iter().flatten().all(|p| *p != centre));
            let areas = band_areas(&saddle, &[level]);
            assert_eq!(areas[0] > areas[1], connected_low);
            // The band holding the centre is in one piece: all its polygons touch the centre.
            let holding = usize::from(!connected_low);
            filled_contours(&saddle, &[level], |band, polygon| {
                if band == holding {
                    assert!(polygon.contains(&centre));
                } else {
                    assert!(!polygon.contains(&centre));
                }
            });
        }
    }

    #[test]
    fn lines_are_closed_inside_the_grid() {
        let bounds = Bounds::new([-2.0, 2.0], [-2.0, 2.0]).expect("bounds");
        let grid = Grid::from_fn(bounds, 41, 37, |x, y| x * x + 2.0 * y * y).expect("grid");
        let mut ends = Vec::new();
        contour_lines(&grid, 1.0, |segment| ends.extend(segment));
        assert!(ends.len() > 20);
        for end in &ends {
            let meeting = ends.iter().filter(|other| *other == end).count();
            assert_eq!(meeting, 2, "{end:?}");
        }
    }

    #[test]
    fn cells_with_non_finite_corners_are_skipped() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut values = vec![0.5; 16];
            values[5] = bad;
            let areas = band_areas(&grid(4, 4, values), &[0.0]);
            assert!((areas[1] - 6.0 * 5.0 / 9.0).abs() < 1e-12);
        }
        let empty = grid(3, 3, vec![f64::NAN; 9]);
        filled_contours(&empty, &[0.0, 1.0], |_, _| panic!("nothing to draw"));
        contour_lines(&empty, 0.0, |_| panic!("nothing to draw"));
    }

    #[test]
    fn constant_field_on_a_level_is_one_band() {
        let flat = grid(5, 5, vec![1.0; 25]);
        let areas = band_areas(&flat, &[0.0, 1.0, 2.0]);
        assert!((areas[2] - 6.0).abs() < 1e-12);
        contour_lines(&flat, 1.0, |_| panic!("a constant field has no line"));
    }
}

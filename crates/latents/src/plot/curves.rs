//! Line charts of quantities over training.

use std::path::Path;

use super::canvas::{Canvas, Frame};
use super::chart::{Chart, TICK_SIZE};
use super::legend;
use super::ranges::{Axis, ranges};
use super::text::Anchor;
use super::ticks::{linear_ticks, log_ticks, symmetric_ticks};
use super::{PlotError, line_color, save};

/// One line of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The name in the legend; an empty one is left out of it.
    pub label: &'a str,
    /// `[x, y]` in drawing order; a point that is not finite, or not positive on a logarithmic
    /// axis, interrupts the line.
    pub points: &'a [[f64; 2]],
    /// The shaded `[low, high]` about each point, as many as `points`, or none.
    pub band: Option<&'a [[f64; 2]]>,
}

impl<'a> Series<'a> {
    /// A line without a band.
    #[must_use]
    pub fn new(label: &'a str, points: &'a [[f64; 2]]) -> Self {
        Self { label, points, band: None }
    }

    /// The same line with a shaded `[low, high]` about each point.
    #[must_use]
    pub fn with_band(self, band: &'a [[f64; 2]]) -> Self {
        Self { band: Some(band), ..self }
    }
}

/// A dashed horizontal line.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceLine {
    /// Its height in data coordinates.
    pub value: f64,
    /// Its name in the legend.
    pub label: String,
}

/// How [`draw_curves`] looks.
#[derive(Clone, Debug)]
pub struct CurveOptions {
    /// The heading, none if empty.
    pub title: String,
    /// The label of the horizontal axis, with its unit.
    pub x_label: String,
    /// The label of the vertical axis, with its unit.
    pub y_label: String,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// Where the vertical axis is logarithmic, the distance from 0 within which it is linear: values of both signs are
    /// shown then. None shows positive ones alone.
    pub linear_within: Option<f64>,
    /// The visible `[low, high]` of the vertical axis; by default all finite values. Lines beyond
    /// are clipped.
    pub y_range: Option<[f64; 2]>,
    /// A dashed horizontal line.
    pub reference: Option<ReferenceLine>,
    /// Width and height in logical pixels, by default 760 by 460 and at least 240 by 200.
    pub size: (u32, u32),
    /// Picture pixels per logical pixel, by default 1; use 2 for print or dense screens.
    pub pixel_ratio: u32,
}

impl Default for CurveOptions {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            log_y: false,
            linear_within: None,
            y_range: None,
            reference: None,
            size: (760, 460),
            pixel_ratio: 1,
        }
    }
}

/// Draws the lines with axes, grid and legend and writes the PNG to `path` atomically.
///
/// # Errors
///
/// [`PlotError::Output`] for the causes of [`render_curves`], [`PlotError::File`] when writing
/// fails.
pub fn draw_curves(path: impl AsRef<Path>, series: &[Series<'_>], options: &CurveOptions) -> Result<(), PlotError> {
    save(path.as_ref(), render_curves(series, options))
}

/// Draws the lines with axes, grid and legend and returns the PNG file's bytes.
///
/// Without any drawable point the axes are drawn over a unit range with a remark.
///
/// # Errors
///
/// [`PlotError::Input`] when a band has another length than its points, when `y_range` is not finite
/// and increasing (and positive on a logarithmic axis), or when the picture size is unusable.
///
/// ```
/// use latents::plot::{CurveOptions, Series, render_curves};
/// let loss = [[0.0, 3.0], [1.0, f64::NAN], [2.0, 0.5]];
/// let png = render_curves(&[Series::new("loss", &loss)], &CurveOptions::default())?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn render_curves(series: &[Series<'_>], options: &CurveOptions) -> Result<Vec<u8>, PlotError> {
    check(series, options)?;
    let (width, height) = options.size;
    let mut canvas = Canvas::new(width, height, options.pixel_ratio)?;
    let (width, height) = (f64::from(width), f64::from(height));
    let [x_range, y_range] = ranges(series, options);
    let y_axis = Axis::of(options);
    let [low, high] = y_range.map(|height| y_axis.value(height));
    let y_ticks = match y_axis {
        Axis::Linear => linear_ticks(low, high, 8),
        Axis::Log => log_ticks(low, high, 8),
        Axis::Symmetric(linear) => symmetric_ticks(low, high, linear, 8),
    };
    let tick_widths = y_ticks.iter().map(|t| canvas.face().width(&t.label, TICK_SIZE));
    let left = 42.0 + tick_widths.fold(20.0, f64::max).ceil();
    let right = width - 20.0;
    let entries = legend::entries(&canvas, series, options, right - left);
    let title_height = if options.title.is_empty() { 0.0 } else { 30.0 };
    let rows = entries.last().map_or(0, |entry| entry.row + 1);
    // A legend of very many lines is cut rather than pushing the chart out of the picture.
    let rows = rows.min((height / 3.0 / legend::ROW_HEIGHT) as usize);
    let legend_top = 12.0 + title_height;
    let chart = Chart {
        frame: Frame { left, top: legend_top + rows as f64 * legend::ROW_HEIGHT + 6.0, right, bottom: height - 58.0 },
        x_range,
        y_range,
        y_axis,
    };
    chart.draw_grid(&mut canvas, &y_ticks)?;
    for (index, one) in series.iter().enumerate() {
        chart.draw_band(&mut canvas, one, line_color(index))?;
    }
    if let Some(reference) = &options.reference {
        chart.draw_reference(&mut canvas, reference.value)?;
    }
    for (index, one) in series.iter().enumerate() {
        chart.draw_line(&mut canvas, one, line_color(index))?;
    }
    chart.draw_frame(&mut canvas, options)?;
    let mut points = series.iter().flat_map(|one| one.points);
    if !points.any(|point| chart.pixel(*point).is_some()) {
        let frame = chart.frame;
        let at = ((left + right) / 2.0, (frame.top + frame.bottom) / 2.0);
        canvas.label("no finite values", at, TICK_SIZE, Anchor::Middle);
    }
    for entry in entries.into_iter().filter(|entry| entry.row < rows) {
        entry.draw(&mut canvas, left, legend_top)?;
    }
    canvas.finish()
}

/// Refuses input that has no sensible picture.
fn check(series: &[Series<'_>], options: &CurveOptions) -> Result<(), PlotError> {
    for one in series {
        if let Some(band) = one.band
            && band.len() != one.points.len()
        {
            return Err(PlotError::Input(format!(
                "series {:?} has {} points but a band of {}",
                one.label,
                one.points.len(),
                band.len()
            )));
        }
    }
    if let Some([low, high]) = options.y_range
        && !((high - low).is_finite() && high > low && !(Axis::of(options) == Axis::Log && low <= 0.0))
    {
        return Err(PlotError::Input(format!("the y range [{low}, {high}] is not finite, increasing and drawable")));
    }
    if options.linear_within.is_some_and(|linear| !(linear.is_finite() && linear > 0.0)) {
        return Err(PlotError::Input("the distance within which an axis is linear must be positive".to_owned()));
    }
    let (width, height) = options.size;
    if width < 240 || height < 200 {
        return Err(PlotError::Input(format!("a chart of {width} by {height} pixels is below 240 by 200")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(series: &[Series<'_>], options: &CurveOptions) -> Vec<u8> {
        render_curves(series, options).expect("picture")
    }

    /// Linear, logarithmic and symmetric options with a reference line.
    fn all() -> [CurveOptions; 3] {
        [(false, None), (true, None), (true, Some(0.1))].map(|(log_y, linear_within)| CurveOptions {
            log_y,
            linear_within,
            size: (320, 240),
            title: "t".to_owned(),
            x_label: "x".to_owned(),
            y_label: "y".to_owned(),
            reference: Some(ReferenceLine { value: 0.5, label: "r".to_owned() }),
            ..CurveOptions::default()
        })
    }

    #[test]
    fn degenerate_series_are_drawn() {
        let cases: [&[[f64; 2]]; 12] = [
            &[],
            &[[1.0, 2.0]],
            &[[1.0, 0.0]],
            &[[1.0, 2.0], [1.0, 2.0]],
            &[[0.0, 3.0], [1.0, 3.0], [2.0, 3.0]],
            &[[0.0, f64::NAN], [1.0, f64::NAN]],
            &[[f64::NAN, 1.0], [f64::INFINITY, 1.0]],
            &[[0.0, f64::INFINITY], [1.0, f64::NEG_INFINITY], [2.0, 1.0]],
            &[[0.0, -1.0], [1.0, 0.0], [2.0, 1.0], [3.0, f64::NAN], [4.0, 2.0]],
            &[[-f64::MAX, -f64::MAX], [f64::MAX, f64::MAX]],
            &[[0.0, f64::MIN_POSITIVE], [1e-300, f64::MAX]],
            &[[5.0, 1.0], [5.0, 1.0 + f64::EPSILON], [5.0, 1.0]],
        ];
        for points in cases {
            let band: Vec<[f64; 2]> = points.iter().map(|p| [p[1] - 1.0, p[1] * 2.0]).collect();
            for options in all() {
                draws(&[Series::new("s", points).with_band(&band)], &options);
                draws(&[Series::new("", points)], &options);
            }
        }
        draws(&[], &CurveOptions::default());
    }

    #[test]
    fn extreme_values_within_a_fixed_range_are_clipped() {
        let points = [[0.0, 1e300], [1.0, 0.5], [2.0, -1e300], [3.0, 1e-300], [4.0, 0.9]];
        let band = [[-1e300, 1e300]; 5];
        for options in all() {
            let options = CurveOptions { y_range: Some([1e-3, 1.0]), ..options };
            draws(&[Series::new("s", &points).with_band(&band)], &options);
        }
    }

    #[test]
    fn a_break_leaves_a_gap() {
        let count = |points: &[[f64; 2]]| {
            let options = CurveOptions { size: (300, 200), y_range: Some([0.0, 2.0]), ..CurveOptions::default() };
            let png = draws(&[Series::new("", points)], &options);
            let blue = line_color(0);
            let is_blue = |p: &&[u8]| *p == [blue.0, blue.1, blue.2];
            crate::plot::canvas::decode(&png).1.chunks(3).filter(is_blue).count()
        };
        let whole = count(&[[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]);
        let broken = count(&[[0.0, 1.0], [1.0, 1.0], [1.5, f64::NAN], [2.0, 1.0], [3.0, 1.0]]);
        let ratio = broken as f64 / whole as f64;
        assert!((0.6..0.75).contains(&ratio), "{broken} of {whole}");
    }

    #[test]
    fn values_of_both_signs_are_drawn_on_a_symmetric_axis() {
        let points = [[0.0, 1.0], [1.0, -0.01], [2.0, 0.1], [3.0, -1.0]];
        let blue = |linear_within: Option<f64>| {
            let options = CurveOptions { log_y: true, linear_within, size: (300, 200), ..CurveOptions::default() };
            let png = draws(&[Series::new("", &points)], &options);
            let blue = line_color(0);
            crate::plot::canvas::decode(&png).1.chunks(3).filter(|p| *p == [blue.0, blue.1, blue.2]).count()
        };
        assert!(blue(Some(0.01)) > 2 * blue(None));
    }

    #[test]
    fn bad_input_is_refused() {
        let points = [[0.0, 1.0]];
        let wrong_band = Series::new("s", &points).with_band(&[]);
        let refused = |series: &[Series<'_>], options: CurveOptions| {
            matches!(render_curves(series, &options), Err(PlotError::Input(_)))
        };
        assert!(refused(&[wrong_band], CurveOptions::default()));
        for range in [[1.0, 1.0], [2.0, 1.0], [f64::NAN, 1.0], [0.0, f64::INFINITY]] {
            let y_range = Some(range);
            assert!(refused(&[], CurveOptions { y_range, ..CurveOptions::default() }));
        }
        for size in [(0, 0), (100, 100), (u32::MAX, u32::MAX), (100_000, 3000)] {
            assert!(refused(&[], CurveOptions { size, ..CurveOptions::default() }));
        }
        for pixel_ratio in [0, u32::MAX] {
            assert!(refused(&[], CurveOptions { pixel_ratio, ..CurveOptions::default() }));
        }
        let [_, log, symmetric] = all();
        assert!(refused(&[], CurveOptions { y_range: Some([0.0, 1.0]), ..log }));
        assert!(!refused(&[], CurveOptions { y_range: Some([-1.0, 1.0]), ..symmetric.clone() }));
        assert!(refused(&[], CurveOptions { linear_within: Some(0.0), ..symmetric }));
    }

    #[test]
    fn many_and_long_names_fit() {
        let points = [[0.0, 1.0], [1.0, 2.0]];
        let name = "a very long name of a series ".repeat(9);
        let series = [Series::new(&name, &points); 40];
        for options in all() {
            draws(&series, &options);
        }
    }
}

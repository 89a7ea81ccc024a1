//! Points and lines in a lattice of small charts: rows beside samples, pairs of columns, a latent plane.

use super::canvas::{Canvas, Frame, INK};
use super::text::Anchor;
use super::ticks::linear_ticks;
use super::{PlotError, Rgb};

/// One chart of a [`render_scatter`].
#[derive(Clone, Debug, Default)]
pub struct ScatterCell {
    /// The heading; none if empty.
    pub title: String,
    /// The label of the horizontal axis.
    pub x_label: String,
    /// The label of the vertical axis.
    pub y_label: String,
    /// The visible part of the horizontal axis.
    pub x: [f64; 2],
    /// The visible part of the vertical axis.
    pub y: [f64; 2],
    /// Sets of translucent dots with their colours, later ones on top; those outside are left out.
    pub dots: Vec<(Vec<[f64; 2]>, Rgb)>,
    /// Lines with their colours.
    pub lines: Vec<(Vec<[f64; 2]>, Rgb)>,
}

/// The side of a chart that stands alone, and of one among many, in logical pixels.
const SIDES: (u32, u32) = (460, 220);
const MARGIN: Frame = Frame { left: 58.0, top: 30.0, right: 10.0, bottom: 46.0 };
const TICK_SIZE: f64 = 11.0;
const LABEL_SIZE: f64 = 13.0;

/// Draws charts in rows of `across` and returns the PNG file's bytes.
///
/// # Errors
/// [`PlotError::Input`] where there is no chart, a range that is not finite and increasing, or too large a picture.
///
/// ```
/// use latents::plot::{ScatterCell, line_color, render_scatter};
/// let dots = vec![(vec![[0.5, 0.5], [9.0, 9.0]], line_color(0))];
/// let cell = ScatterCell { x: [0.0, 1.0], y: [0.0, 1.0], dots, ..ScatterCell::default() };
/// assert!(render_scatter(&[cell], 1)?.starts_with(b"\x89PNG"));
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn render_scatter(cells: &[ScatterCell], across: usize) -> Result<Vec<u8>, PlotError> {
    if cells.is_empty() || across == 0 {
        return Err(PlotError::Input("there is no chart".to_owned()));
    }
    let usable = |[low, high]: [f64; 2]| low.is_finite() && high.is_finite() && high > low;
    if let Some(cell) = cells.iter().find(|c| !usable(c.x) || !usable(c.y)) {
        return Err(PlotError::Input(format!("a chart over {:?} by {:?}", cell.x, cell.y)));
    }
    let side = if across > 2 { SIDES.1 } else { SIDES.0 };
    let down = cells.len().div_ceil(across);
    let pixels = |n: usize| u32::try_from(n).ok().and_then(|n| n.checked_mul(side)).unwrap_or(u32::MAX);
    let mut canvas = Canvas::new(pixels(across), pixels(down), 1)?;
    for (i, cell) in cells.iter().enumerate() {
        let (left, top) = ((i % across) as f64 * f64::from(side), (i / across) as f64 * f64::from(side));
        let frame = Frame {
            left: left + MARGIN.left,
            top: top + MARGIN.top,
            right: left + f64::from(side) - MARGIN.right,
            bottom: top + f64::from(side) - MARGIN.bottom,
        };
        cell.draw(&mut canvas, frame)?;
    }
    canvas.finish()
}

impl ScatterCell {
    fn draw(&self, canvas: &mut Canvas, frame: Frame) -> Result<(), PlotError> {
        let (width, height) = (frame.right - frame.left, frame.bottom - frame.top);
        let share = |v: f64, [low, high]: [f64; 2]| (v - low) / (high - low);
        let pixel =
            |[x, y]: [f64; 2]| [frame.left + share(x, self.x) * width, frame.bottom - share(y, self.y) * height];
        let inside = |v: f64, [low, high]: [f64; 2]| (low..=high).contains(&v);
        for (points, color) in &self.dots {
            // Many dots are small, so that what they draw stays sharp.
            let n = points.len().max(1) as f64;
            let (radius, alpha) = ((60.0 / n.sqrt()).clamp(0.6, 1.3), (60.0 / n.sqrt()).clamp(0.25, 0.9));
            for &point in points.iter().filter(|p| inside(p[0], self.x) && inside(p[1], self.y)) {
                canvas.disc(pixel(point), radius, *color, alpha)?;
            }
        }
        for (points, color) in &self.lines {
            let seen: Vec<[f64; 2]> =
                points.iter().filter(|p| inside(p[0], self.x) && inside(p[1], self.y)).map(|&p| pixel(p)).collect();
            canvas.stroke(&seen, 1.6, *color)?;
        }
        for tick in linear_ticks(self.x[0], self.x[1], (width / 60.0) as usize) {
            let [x, _] = pixel([tick.value, self.y[0]]);
            canvas.rule([x, frame.bottom], [x, frame.bottom + 4.0], INK)?;
            canvas.label(tick.label, (x, frame.bottom + 13.0), TICK_SIZE, Anchor::Middle);
        }
        for tick in linear_ticks(self.y[0], self.y[1], (height / 45.0) as usize) {
            let [_, y] = pixel([self.x[0], tick.value]);
            canvas.rule([frame.left - 4.0, y], [frame.left, y], INK)?;
            canvas.label(tick.label, (frame.left - 7.0, y), TICK_SIZE, Anchor::End);
        }
        canvas.border(frame)?;
        let (middle_x, middle_y) = (frame.left + width / 2.0, frame.top + height / 2.0);
        let face = canvas.face();
        let [title, x_label] = [&self.title, &self.x_label].map(|text| face.fit(text, LABEL_SIZE, width));
        let y_label = face.fit(&self.y_label, LABEL_SIZE, height);
        canvas.label(title, (middle_x, frame.top - 13.0), LABEL_SIZE, Anchor::Middle);
        canvas.label(x_label, (middle_x, frame.bottom + 31.0), LABEL_SIZE, Anchor::Middle);
        canvas.vertical_label(y_label, (frame.left - 44.0, middle_y), LABEL_SIZE);
        Ok(())
    }
}

/// The range that holds all but the outermost values of several sets, with a margin: one far value must not squeeze the
/// rest into a corner.
///
/// ```
/// use latents::plot::usual_range;
/// let [low, high] = usual_range((0..1000).map(f64::from).chain([1e9]));
/// assert!(low < 1.0 && high > 990.0 && high < 1100.0);
/// assert_eq!(usual_range([2.0].into_iter()), [1.5, 2.5]);
/// ```
pub fn usual_range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let mut sorted: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return [0.0, 1.0] };
    let cut = sorted.len() / 200;
    let (low, high) = (sorted[cut.min(last)], sorted[last - cut.min(last)]);
    if high > low {
        let margin = 0.04 * (high - low);
        [low - margin, high + margin]
    } else {
        [low - 0.5, low + 0.5]
    }
}

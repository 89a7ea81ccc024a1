//! The plotted area of a line chart: grid, lines, bands and labels.

use super::canvas::{Canvas, Frame, INK, REFERENCE_COLOR};
use super::ranges::{Axis, clip};
use super::text::Anchor;
use super::ticks::{Tick, linear_ticks, log_minor_positions};
use super::{CurveOptions, PlotError, Rgb, Series};

/// The size of tick labels in logical pixels.
pub(super) const TICK_SIZE: f64 = 13.0;
const LABEL_SIZE: f64 = 15.0;
const TITLE_SIZE: f64 = 17.0;
const LINE_WIDTH: f64 = 1.8;
const GRID_COLOR: Rgb = Rgb(0xe4, 0xe4, 0xe4);

/// The plotted area with the ranges it shows.
pub(super) struct Chart {
    pub frame: Frame,
    pub x_range: [f64; 2],
    /// In heights, so logarithms on a logarithmic axis.
    pub y_range: [f64; 2],
    pub y_axis: Axis,
}

impl Chart {
    /// The pixel of a data point, none if it cannot be shown; far outside the picture it is limited
    /// to positions where clipping is still precise.
    pub fn pixel(&self, point: [f64; 2]) -> Option<[f64; 2]> {
        let height = self.y_axis.height(point[1]);
        if !(point[0].is_finite() && height.is_finite()) {
            return None;
        }
        let share = |value: f64, [low, high]: [f64; 2]| ((value - low) / (high - low)).clamp(-1000.0, 1000.0);
        let (across, up) = (share(point[0], self.x_range), share(height, self.y_range));
        Some([
            self.frame.left + across * (self.frame.right - self.frame.left),
            self.frame.bottom + up * (self.frame.top - self.frame.bottom),
        ])
    }

    /// Draws grid lines with their tick marks and labels.
    pub fn draw_grid(&self, canvas: &mut Canvas, y_ticks: &[Tick]) -> Result<(), PlotError> {
        let frame = self.frame;
        let count = ((frame.right - frame.left) / 90.0) as usize;
        for tick in linear_ticks(self.x_range[0], self.x_range[1], count) {
            let across = (tick.value - self.x_range[0]) / (self.x_range[1] - self.x_range[0]);
            let x = frame.left + across * (frame.right - frame.left);
            canvas.rule([x, frame.top], [x, frame.bottom], GRID_COLOR)?;
            canvas.rule([x, frame.bottom], [x, frame.bottom + 5.0], INK)?;
            canvas.label(tick.label, (x, frame.bottom + 16.0), TICK_SIZE, Anchor::Middle);
        }
        if self.y_axis == Axis::Log {
            let [low, high] = self.y_range.map(|v| self.y_axis.value(v));
            for value in log_minor_positions(low, high) {
                if let Some([_, y]) = self.pixel([self.x_range[0], value]) {
                    canvas.rule([frame.left - 3.0, y], [frame.left, y], INK)?;
                }
            }
        }
        for tick in y_ticks {
            let Some([_, y]) = self.pixel([self.x_range[0], tick.value]) else {
                continue;
            };
            canvas.rule([frame.left, y], [frame.right, y], GRID_COLOR)?;
            canvas.rule([frame.left - 5.0, y], [frame.left, y], INK)?;
            let at = (frame.left - 9.0, y);
            canvas.label(tick.label.clone(), at, TICK_SIZE, Anchor::End);
        }
        Ok(())
    }

    /// Shades between the edges, column by column so that translucent parts never overlap.
    pub fn draw_band(&self, canvas: &mut Canvas, series: &Series<'_>, color: Rgb) -> Result<(), PlotError> {
        let Some(band) = series.band else {
            return Ok(());
        };
        let edges: Vec<Option<[[f64; 2]; 2]>> = series
            .points
            .iter()
            .zip(band)
            .map(|(point, edges)| {
                self.pixel(*point)?;
                // On a logarithmic axis a band reaching zero goes down to the frame.
                let low = self.pixel([point[0], edges[0]]).or_else(|| {
                    let bottom = self.frame.bottom;
                    (self.y_axis == Axis::Log && edges[0] <= 0.0).then_some([0.0, bottom])
                })?;
                let high = self.pixel([point[0], edges[1]])?;
                Some([[high[0], low[1]], high])
            })
            .collect();
        let step = canvas.column_width();
        for pair in edges.windows(2) {
            let (Some(from), Some(to)) = (pair[0], pair[1]) else {
                continue;
            };
            let (start, end) = (from[0][0], to[0][0]);
            let (first, last) = ((start / step).round() as i64, (end / step).round() as i64);
            for column in first..last {
                let share = ((column as f64 + 0.5) * step - start) / (end - start);
                let at = |edge: usize| {
                    let y = from[edge][1] + (to[edge][1] - from[edge][1]) * share;
                    y.clamp(self.frame.top, self.frame.bottom)
                };
                let stripe =
                    Frame { left: column as f64 * step, top: at(1), right: (column + 1) as f64 * step, bottom: at(0) };
                canvas.rectangle(stripe, color, 0.2)?;
            }
        }
        Ok(())
    }

    /// Draws the line of a series, interrupted where it has no value; lone points become dots.
    pub fn draw_line(&self, canvas: &mut Canvas, series: &Series<'_>, color: Rgb) -> Result<(), PlotError> {
        let pixels: Vec<Option<[f64; 2]>> = series.points.iter().map(|p| self.pixel(*p)).collect();
        for run in pixels.split(Option::is_none) {
            let run: Vec<[f64; 2]> = run.iter().copied().flatten().collect();
            if let [single] = run[..] {
                if clip(single, single, self.frame).is_some() {
                    canvas.disc(single, LINE_WIDTH * 1.6, color, 1.0)?;
                }
                continue;
            }
            let Some(mut last) = run.first().copied() else {
                continue;
            };
            for (index, point) in run.iter().enumerate().skip(1) {
                // Steps too small to see are joined, except the one that ends the line.
                let near = (point[0] - last[0]).abs().max((point[1] - last[1]).abs()) < 0.25;
                if near && index + 1 < run.len() {
                    continue;
                }
                if let Some(visible) = clip(last, *point, self.frame) {
                    canvas.stroke(&visible, LINE_WIDTH, color)?;
                }
                last = *point;
            }
        }
        Ok(())
    }

    /// Draws the dashed line at a height in data coordinates.
    pub fn draw_reference(&self, canvas: &mut Canvas, value: f64) -> Result<(), PlotError> {
        let Some([_, y]) = self.pixel([self.x_range[0], value]) else {
            return Ok(());
        };
        let (from, to) = ([self.frame.left, y], [self.frame.right, y]);
        match clip(from, to, self.frame) {
            Some(_) => canvas.dashes(from, to[0] - from[0], REFERENCE_COLOR),
            None => Ok(()),
        }
    }

    /// Draws the border, the heading and the axis labels.
    pub fn draw_frame(&self, canvas: &mut Canvas, options: &CurveOptions) -> Result<(), PlotError> {
        let frame = self.frame;
        canvas.border(frame)?;
        let (width, height) = (frame.right - frame.left, frame.bottom - frame.top);
        let (middle_x, middle_y) = (frame.left + width / 2.0, frame.top + height / 2.0);
        let face = canvas.face();
        let title = face.fit(&options.title, TITLE_SIZE, width);
        let x_label = face.fit(&options.x_label, LABEL_SIZE, width);
        let y_label = face.fit(&options.y_label, LABEL_SIZE, height);
        canvas.label(title, (middle_x, 26.0), TITLE_SIZE, Anchor::Middle);
        canvas.label(x_label, (middle_x, frame.bottom + 40.0), LABEL_SIZE, Anchor::Middle);
        canvas.vertical_label(y_label, (18.0, middle_y), LABEL_SIZE);
        Ok(())
    }
}

//! The legend of a line chart, in rows above the plotted area.

use super::canvas::{Canvas, REFERENCE_COLOR};
use super::text::Anchor;
use super::{CurveOptions, PlotError, Rgb, Series, line_color};

/// The height of a legend row in logical pixels.
pub(super) const ROW_HEIGHT: f64 = 21.0;

const TEXT_SIZE: f64 = 13.0;
const SWATCH: f64 = 26.0;
const SWATCH_GAP: f64 = 7.0;
const ENTRY_GAP: f64 = 24.0;

/// A swatch with a name.
pub(super) struct Entry {
    /// The row, counted from the top.
    pub row: usize,
    /// The left end relative to the legend.
    x: f64,
    text: String,
    color: Rgb,
    dashed: bool,
}

/// The named series and the reference line, placed in rows of at most `width` logical pixels.
pub(super) fn entries(canvas: &Canvas, series: &[Series<'_>], options: &CurveOptions, width: f64) -> Vec<Entry> {
    let lines = series.iter().enumerate();
    let lines = lines.map(|(index, one)| (one.label, line_color(index), false));
    let reference = options.reference.iter();
    let reference = reference.map(|r| (r.label.as_str(), REFERENCE_COLOR, true));
    let face = canvas.face();
    let (mut row, mut x) = (0, 0.0);
    let mut placed = Vec::new();
    for (text, color, dashed) in lines.chain(reference) {
        if text.is_empty() {
            continue;
        }
        let text = face.fit(text, TEXT_SIZE, width - SWATCH - SWATCH_GAP);
        let length = SWATCH + SWATCH_GAP + face.width(&text, TEXT_SIZE);
        if x > 0.0 && x + length > width {
            row += 1;
            x = 0.0;
        }
        placed.push(Entry { row, x, text, color, dashed });
        x += length + ENTRY_GAP;
    }
    placed
}

impl Entry {
    /// Draws the entry into the legend whose upper left corner is at `left`, `top`.
    pub fn draw(self, canvas: &mut Canvas, left: f64, top: f64) -> Result<(), PlotError> {
        let x = left + self.x;
        let y = top + (self.row as f64 + 0.5) * ROW_HEIGHT;
        if self.dashed {
            canvas.dashes([x, y], SWATCH, self.color)?;
        } else {
            canvas.stroke(&[[x + 1.0, y], [x + SWATCH - 1.0, y]], 2.5, self.color)?;
        }
        let at = (x + SWATCH + SWATCH_GAP, y);
        canvas.label(self.text, at, TEXT_SIZE, Anchor::Start);
        Ok(())
    }
}

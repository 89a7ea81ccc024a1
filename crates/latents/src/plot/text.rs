//! Text in the bundled font.
//!
//! Glyphs are placed with sub-pixel precision directly through `ab_glyph`, because plotters' own
//! text drawing drops the side bearings of the glyphs and so spaces small labels unevenly.

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, PxScaleFont, ScaleFont, point};
use std::sync::OnceLock;

use super::{PlotError, Rgb};

/// DejaVu Sans; its licence is next to it in the assets folder.
static FONT_BYTES: &[u8] = include_bytes!("../../assets/DejaVuSans.ttf");

/// Which point of a text its position refers to, horizontally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text waiting to be drawn; lengths in logical pixels.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub text: String,
    /// Position of the anchor; vertically the middle of the capital letters.
    pub at: (f64, f64),
    pub size: f64,
    pub anchor: Anchor,
    pub color: Rgb,
    /// Whether the text reads from bottom to top.
    pub vertical: bool,
}

/// The bundled font, parsed once.
#[derive(Clone)]
pub(super) struct Typeface(FontRef<'static>);

impl Typeface {
    /// The bundled font.
    pub fn bundled() -> Result<Self, PlotError> {
        static PARSED: OnceLock<Result<FontRef<'static>, ab_glyph::InvalidFont>> = OnceLock::new();
        match PARSED.get_or_init(|| FontRef::try_from_slice(FONT_BYTES)) {
            Ok(font) => Ok(Self(font.clone())),
            Err(_) => Err(PlotError::render(ab_glyph::InvalidFont)),
        }
    }

    /// The width of a text in the unit of `size`, the em height.
    pub fn width(&self, text: &str, size: f64) -> f64 {
        self.layout(text, size).1
    }

    /// The text cut to `width` with an ellipsis if it is longer; control characters become spaces.
    pub fn fit(&self, text: &str, size: f64, width: f64) -> String {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let room = width - self.width("…", size);
        let font = self.scaled(size);
        let mut kept = String::new();
        // The length in bytes of the longest start that leaves room for an ellipsis.
        let mut start = None;
        let mut end = 0.0;
        let mut previous = None;
        for character in text.chars().map(clean) {
            if end <= room {
                start = Some(kept.len());
            }
            end += advance(&font, &mut previous, character).1;
            if end > width {
                let start = start.map(|start| kept[..start].trim_end());
                return start.map_or_else(String::new, |start| format!("{start}…"));
            }
            kept.push(character);
        }
        kept
    }

    /// Calls `put(x, y, coverage)` for the pixels of a label; all lengths are multiplied by `ratio`.
    pub fn draw(&self, label: &Label, ratio: f64, mut put: impl FnMut(i64, i64, f32)) {
        let size = label.size * ratio;
        let (glyphs, width) = self.layout(&label.text, size);
        let shift = match label.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        // Capital letters of this font are 0.73 em high.
        let half_capital = (size * 0.729 / 2.0).round();
        let (x, y) = (label.at.0 * ratio, label.at.1 * ratio);
        let (along, across) = if label.vertical { (-y, x) } else { (x, y) };
        // The baseline stays on a pixel border, which keeps horizontal stems crisp.
        let (along, across) = (along + shift, across.round() + half_capital);
        for mut glyph in glyphs {
            glyph.position.x += along as f32;
            glyph.position.y += across as f32;
            let Some(outline) = self.0.outline_glyph(glyph) else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                let (a, b) = (corner.x as i64 + i64::from(dx), corner.y as i64 + i64::from(dy));
                if label.vertical {
                    put(b, -a - 1, coverage);
                } else {
                    put(a, b, coverage);
                }
            });
        }
    }

    /// Glyphs on a baseline through the origin, and the width of the line.
    fn layout(&self, text: &str, size: f64) -> (Vec<Glyph>, f64) {
        let font = self.scaled(size);
        let mut end = 0.0;
        let mut previous = None;
        let mut glyphs = Vec::with_capacity(text.len());
        for character in text.chars() {
            let (kerning, total) = advance(&font, &mut previous, character);
            let position = point((end + kerning) as f32, 0.0);
            let id = font.glyph_id(character);
            glyphs.push(id.with_scale_and_position(font.scale(), position));
            end += total;
        }
        (glyphs, end)
    }

    /// The font at an em height; `PxScale` counts ascent plus descent instead.
    fn scaled(&self, size: f64) -> PxScaleFont<&FontRef<'static>> {
        let em = f64::from(self.0.units_per_em().unwrap_or(2048.0));
        let scale = size * f64::from(self.0.height_unscaled()) / em;
        self.0.as_scaled(PxScale::from(scale as f32))
    }
}

/// The kerning before a character, and by how much it moves the end of the line in all.
fn advance(font: &PxScaleFont<&FontRef<'static>>, previous: &mut Option<GlyphId>, character: char) -> (f64, f64) {
    let id = font.glyph_id(character);
    let kerning = previous.replace(id).map_or(0.0, |p| font.kern(p, id));
    let total = kerning + font.h_advance(id);
    (f64::from(kerning), f64::from(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str, vertical: bool) -> Label {
        Label {
            text: text.to_owned(),
            at: (100.0, 50.0),
            size: 14.0,
            anchor: Anchor::Middle,
            color: Rgb(0, 0, 0),
            vertical,
        }
    }

    /// The box of the inked pixels, `[left, right, top, bottom]`.
    fn ink(label: &Label) -> [i64; 4] {
        let mut ink = [i64::MAX, i64::MIN, i64::MAX, i64::MIN];
        let face = Typeface::bundled().expect("font");
        face.draw(label, 1.0, |x, y, coverage| {
            if coverage > 0.1 {
                ink = [ink[0].min(x), ink[1].max(x), ink[2].min(y), ink[3].max(y)];
            }
        });
        ink
    }

    #[test]
    fn text_is_centred_on_its_anchor() {
        let [left, right, top, bottom] = ink(&label("HHHH", false));
        assert!(((left + right + 1) as f64 / 2.0 - 100.0).abs() <= 1.0);
        assert!(((top + bottom + 1) as f64 / 2.0 - 50.0).abs() <= 1.0);
        let [left, right, top, bottom] = ink(&label("HHHH", true));
        assert!(((left + right + 1) as f64 / 2.0 - 100.0).abs() <= 1.0);
        assert!(((top + bottom + 1) as f64 / 2.0 - 50.0).abs() <= 1.0);
        assert!(bottom - top > right - left);
    }

    #[test]
    fn the_symbols_of_our_labels_exist() {
        let face = Typeface::bundled().expect("font");
        for character in "−×⁰¹²³⁴⁵⁶⁷⁸⁹⁻₀₁₂…≥".chars() {
            assert_ne!(face.0.glyph_id(character).0, 0, "{character}");
        }
    }

    #[test]
    fn long_text_is_cut_to_the_width() {
        let face = Typeface::bundled().expect("font");
        let long = "a title that is far too long ".repeat(20);
        let cut = face.fit(&long, 14.0, 200.0);
        assert!(cut.ends_with('…') && face.width(&cut, 14.0) <= 200.0);
        assert_eq!(face.fit("short\n", 14.0, 200.0), "short ");
        assert_eq!(face.fit("anything", 14.0, 1.0), "");
        assert_eq!(face.fit("", 14.0, 0.0), "");
    }
}

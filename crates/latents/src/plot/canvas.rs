//! A picture under construction: shapes are drawn several times too large through plotters' bitmap
//! backend, averaged down for smooth edges, and then lettered.
//!
//! All positions are in logical pixels, `x` to the right and `y` downwards.

use plotters::backend::{BitMapBackend, DrawingBackend, RGBPixel};

use super::text::{Anchor, Label, Typeface};
use super::{PlotError, Rgb};

/// Pictures beyond this many pixels are refused rather than exhausting the memory.
const MAX_PIXELS: u64 = 32_000_000;

/// The colour of axes and lettering.
pub(super) const INK: Rgb = Rgb(0x26, 0x26, 0x26);

/// The colour of reference lines.
pub(super) const REFERENCE_COLOR: Rgb = Rgb(0x60, 0x60, 0x60);

/// A rectangle in logical pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

pub(super) struct Canvas {
    width: usize,
    height: usize,
    /// Picture pixels per logical pixel.
    ratio: usize,
    /// Drawn pixels per picture pixel, in each direction.
    oversampling: usize,
    /// Drawn pixels, RGB.
    fine: Vec<u8>,
    labels: Vec<Label>,
    face: Typeface,
}

impl Canvas {
    /// A white canvas of `width` by `height` logical pixels.
    pub fn new(width: u32, height: u32, ratio: u32) -> Result<Self, PlotError> {
        let oversampling = if ratio == 1 { 3 } else { 2 };
        let drawn = |side: u32| u64::from(side) * u64::from(ratio);
        let pixels = drawn(width).checked_mul(drawn(height));
        if !pixels.is_some_and(|p| (1..=MAX_PIXELS).contains(&p)) {
            return Err(PlotError::Input(format!(
                "a picture of {width} by {height} pixels times {ratio} is empty or too large"
            )));
        }
        let (width, height) = (drawn(width) as usize, drawn(height) as usize);
        Ok(Self {
            width,
            height,
            ratio: ratio as usize,
            oversampling,
            fine: vec![255; width * height * oversampling * oversampling * 3],
            labels: Vec::new(),
            face: Typeface::bundled()?,
        })
    }

    /// The font, for measuring.
    pub fn face(&self) -> &Typeface {
        &self.face
    }

    /// Fills a convex polygon with an opaque colour.
    ///
    /// A drawn pixel is filled if its centre is inside, so polygons sharing an edge neither overlap
    /// nor leave a gap. (plotters' own polygons include their borders, which thickens thin lines by
    /// an amount that depends on their direction.)
    pub fn polygon(&mut self, corners: &[[f64; 2]], color: Rgb) -> Result<(), PlotError> {
        let scale = self.scale();
        let heights = corners.iter().map(|corner| corner[1] * scale);
        let (low, high) = heights.fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
        let last = (self.height * self.oversampling) as f64;
        let rows = first_centre(low.max(0.0))..first_centre(high.min(last));
        let spans = rows.map(|row| {
            let centre = f64::from(row) + 0.5;
            let (mut left, mut right) = (f64::MAX, f64::MIN);
            for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                let (upper, lower) = if from[1] < to[1] { (from, to) } else { (to, from) };
                let (y0, y1) = (upper[1] * scale, lower[1] * scale);
                if y0 <= centre && centre < y1 {
                    let share = (centre - y0) / (y1 - y0);
                    let x = (upper[0] + (lower[0] - upper[0]) * share) * scale;
                    (left, right) = (left.min(x), right.max(x));
                }
            }
            ((first_centre(left), row), (first_centre(right), row + 1))
        });
        // A row that misses the polygon by rounding has its ends in reverse.
        self.spans(spans.filter(|(from, to)| from.0 < to.0), color, 1.0)
    }

    /// Fills a rectangle, blending with what is there if `alpha` is below 1.
    pub fn rectangle(&mut self, frame: Frame, color: Rgb, alpha: f64) -> Result<(), PlotError> {
        let scale = self.scale();
        let fine = |value: f64| (value * scale).round() as i32;
        self.spans([((fine(frame.left), fine(frame.top)), (fine(frame.right), fine(frame.bottom)))], color, alpha)
    }

    /// Fills a disc, blending with what is there if `alpha` is below 1.
    pub fn disc(&mut self, [x, y]: [f64; 2], radius: f64, color: Rgb, alpha: f64) -> Result<(), PlotError> {
        let scale = self.scale();
        let (x, y, radius) = (x * scale, y * scale, radius * scale);
        let rows = (y - radius).floor() as i32..=(y + radius).ceil() as i32;
        let spans = rows.filter_map(|row| {
            let offset = f64::from(row) + 0.5 - y;
            let half = (radius * radius - offset * offset).sqrt();
            let (left, right) = ((x - half).round() as i32, (x + half).round() as i32);
            // A NaN half width, outside the disc, rounds to an empty span.
            (left < right).then_some(((left, row), (right, row + 1)))
        });
        self.spans(spans, color, alpha)
    }

    /// Draws an opaque straight line of the given width with flat ends.
    pub fn segment(&mut self, [from, to]: [[f64; 2]; 2], width: f64, color: Rgb) -> Result<(), PlotError> {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy);
        if length == 0.0 {
            return Ok(());
        }
        let half = width / 2.0;
        let (nx, ny) = (-dy / length * half, dx / length * half);
        let quad = [
            [from[0] + nx, from[1] + ny],
            [to[0] + nx, to[1] + ny],
            [to[0] - nx, to[1] - ny],
            [from[0] - nx, from[1] - ny],
        ];
        self.polygon(&quad, color)
    }

    /// Draws an opaque polyline of the given width with round joints and ends.
    pub fn stroke(&mut self, points: &[[f64; 2]], width: f64, color: Rgb) -> Result<(), PlotError> {
        for pair in points.windows(2) {
            self.segment([pair[0], pair[1]], width, color)?;
        }
        for point in points {
            self.disc(*point, width / 2.0, color, 1.0)?;
        }
        Ok(())
    }

    /// Draws a horizontal or vertical line one pixel thick, on whole pixels so that it is crisp.
    pub fn rule(&mut self, from: [f64; 2], to: [f64; 2], color: Rgb) -> Result<(), PlotError> {
        let [left, top] = [0, 1].map(|i| (from[i].min(to[i]) - 0.5).round());
        let [right, bottom] = [0, 1].map(|i| (from[i].max(to[i]) - 0.5).round() + 1.0);
        let bar = Frame { left, top, right, bottom };
        self.rectangle(bar, color, 1.0)
    }

    /// Draws the border of a rectangle, one pixel thick.
    pub fn border(&mut self, frame: Frame) -> Result<(), PlotError> {
        let (left, right, top, bottom) = (frame.left, frame.right, frame.top, frame.bottom);
        self.rule([left, top], [right, top], INK)?;
        self.rule([left, bottom], [right, bottom], INK)?;
        self.rule([left, top], [left, bottom], INK)?;
        self.rule([right, top], [right, bottom], INK)
    }

    /// Draws a dashed line of `length` to the right in the style of reference lines.
    pub fn dashes(&mut self, from: [f64; 2], length: f64, color: Rgb) -> Result<(), PlotError> {
        const DASH: f64 = 6.0;
        const GAP: f64 = 4.0;
        let count = (length / (DASH + GAP)).ceil().max(0.0) as usize;
        for dash in 0..count {
            let start = dash as f64 * (DASH + GAP);
            let bar = Frame {
                left: from[0] + start,
                top: from[1] - 0.75,
                right: from[0] + (start + DASH).min(length),
                bottom: from[1] + 0.75,
            };
            self.rectangle(bar, color, 1.0)?;
        }
        Ok(())
    }

    /// The width of the narrowest column that can be drawn, in logical pixels.
    pub fn column_width(&self) -> f64 {
        1.0 / self.scale()
    }

    /// Adds a line of text, drawn over all shapes when the picture is finished.
    pub fn label(&mut self, text: impl Into<String>, at: (f64, f64), size: f64, anchor: Anchor) {
        self.push_label(text.into(), at, size, anchor, false);
    }

    /// Adds a line of text that reads from bottom to top, centred on `at`.
    pub fn vertical_label(&mut self, text: impl Into<String>, at: (f64, f64), size: f64) {
        self.push_label(text.into(), at, size, Anchor::Middle, true);
    }

    fn push_label(&mut self, text: String, at: (f64, f64), size: f64, anchor: Anchor, vertical: bool) {
        self.labels.push(Label { text, at, size, anchor, color: INK, vertical });
    }

    /// Averages the shapes down, letters the picture and encodes it as PNG.
    pub fn finish(self) -> Result<Vec<u8>, PlotError> {
        let mut pixels = self.averaged();
        let (width, height) = (self.width as i64, self.height as i64);
        for label in &self.labels {
            let color = [label.color.0, label.color.1, label.color.2];
            self.face.draw(label, self.ratio as f64, |x, y, coverage| {
                if (0..width).contains(&x) && (0..height).contains(&y) {
                    let start = (y * width + x) as usize * 3;
                    for (old, new) in pixels[start..start + 3].iter_mut().zip(color) {
                        let step = (f32::from(new) - f32::from(*old)) * coverage.min(1.0);
                        *old = (f32::from(*old) + step).round() as u8;
                    }
                }
            });
        }
        self.encode(&pixels)
    }

    /// Picture pixels, each the mean of the drawn pixels it covers.
    fn averaged(&self) -> Vec<u8> {
        let n = self.oversampling;
        let row_bytes = self.width * n * 3;
        let count = (n * n) as u16;
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        let mut sums = vec![0_u16; row_bytes];
        for rows in self.fine.chunks_exact(row_bytes * n) {
            sums.fill(0);
            for row in rows.chunks_exact(row_bytes) {
                for (sum, byte) in sums.iter_mut().zip(row) {
                    *sum += u16::from(*byte);
                }
            }
            for block in sums.chunks_exact(n * 3) {
                let channel = |c: usize| block.iter().skip(c).step_by(3).sum::<u16>();
                pixels.extend([0, 1, 2].map(|c| ((channel(c) + count / 2) / count) as u8));
            }
        }
        pixels
    }

    fn encode(&self, pixels: &[u8]) -> Result<Vec<u8>, PlotError> {
        let mut bytes = Vec::new();
        // The limit on the size makes both sides fit.
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header().map_err(PlotError::render)?;
        writer.write_image_data(pixels).map_err(PlotError::render)?;
        writer.finish().map_err(PlotError::render)?;
        Ok(bytes)
    }

    /// Drawn pixels per logical pixel.
    fn scale(&self) -> f64 {
        (self.ratio * self.oversampling) as f64
    }

    fn backend(&mut self) -> Result<BitMapBackend<'_, RGBPixel>, PlotError> {
        let size = ((self.width * self.oversampling) as u32, (self.height * self.oversampling) as u32);
        BitMapBackend::with_buffer_and_format(&mut self.fine, size).map_err(PlotError::render)
    }

    /// Fills rectangles of drawn pixels given by their upper left and (exclusive) lower right.
    fn spans(
        &mut self,
        spans: impl IntoIterator<Item = ((i32, i32), (i32, i32))>,
        color: Rgb,
        alpha: f64,
    ) -> Result<(), PlotError> {
        let style = color.style(alpha);
        let mut backend = self.backend()?;
        for (from, to) in spans {
            backend.draw_rect(from, to, &style, true).map_err(PlotError::render)?;
        }
        Ok(())
    }
}

/// The first drawn pixel whose centre is not before a position in drawn pixels.
fn first_centre(position: f64) -> i32 {
    (position - 0.5).ceil() as i32
}

/// Width and RGB pixels of an encoded picture, for tests.
#[cfg(test)]
pub(super) fn decode(png: &[u8]) -> (usize, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().expect("header");
    let mut pixels = vec![0; reader.output_buffer_size().expect("size")];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    (info.width as usize, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgb = Rgb(200, 0, 0);

    fn at(picture: &(usize, Vec<u8>), x: usize, y: usize) -> [u8; 3] {
        let start = (y * picture.0 + x) * 3;
        [0, 1, 2].map(|c| picture.1[start + c])
    }

    #[test]
    fn shapes_land_on_their_pixels() {
        for ratio in [1, 2, 3] {
            let mut canvas = Canvas::new(40, 30, ratio).expect("canvas");
            let frame = Frame { left: 5.0, top: 6.0, right: 10.0, bottom: 9.0 };
            canvas.rectangle(frame, RED, 1.0).expect("rectangle");
            canvas.disc([30.0, 20.0], 4.0, RED, 0.5).expect("disc");
            canvas.rule([20.0, 2.0], [20.0, 12.0], INK).expect("rule");
            let picture = decode(&canvas.finish().expect("png"));
            let ratio = ratio as usize;
            let at = |x: usize, y: usize| at(&picture, x * ratio, y * ratio);
            assert_eq!(picture.0, 40 * ratio);
            assert_eq!(at(5, 6), [200, 0, 0]);
            assert_eq!(at(9, 8), [200, 0, 0]);
            assert_eq!(at(4, 6), [255; 3]);
            assert_eq!(at(10, 8), [255; 3]);
            assert_eq!(at(20, 5), [INK.0, INK.1, INK.2]);
            assert_eq!(at(19, 5), [255; 3]);
            assert_eq!(at(21, 5), [255; 3]);
            let half = at(30, 20);
            assert!((227..=229).contains(&half[0]) && (126..=129).contains(&half[1]));
        }
    }

    #[test]
    fn lines_are_as_thick_in_every_direction() {
        let ink = |to: [f64; 2]| {
            let mut canvas = Canvas::new(100, 100, 1).expect("canvas");
            canvas.stroke(&[[10.0, 10.0], to], 2.0, INK).expect("stroke");
            let (_, pixels) = decode(&canvas.finish().expect("png"));
            let dark = |p: &[u8]| f64::from(255 - p[0]) / f64::from(255 - INK.0);
            pixels.chunks(3).map(dark).sum::<f64>()
        };
        for to in [[90.0, 10.0], [10.0, 90.0], [90.0, 12.0], [58.0, 74.0], [66.57, 66.57]] {
            let area = ink(to);
            // Length times width and the two round ends.
            assert!((area - 163.1).abs() < 12.0, "{to:?}: {area}");
        }
    }

    #[test]
    fn neighbouring_polygons_tile() {
        // A fan about an inner point covers the square once: no pixel keeps the background.
        let mut canvas = Canvas::new(60, 60, 1).expect("canvas");
        let ring: Vec<[f64; 2]> = (0..=40)
            .map(|i| f64::from(i) * std::f64::consts::TAU / 40.0)
            .map(|angle| [30.3 + 25.0 * angle.cos(), 29.8 + 25.0 * angle.sin()])
            .collect();
        for pair in ring.windows(2) {
            canvas.polygon(&[pair[0], pair[1], [31.7, 28.1]], INK).expect("polygon");
        }
        let picture = decode(&canvas.finish().expect("png"));
        for (x, y) in (0..60).flat_map(|x| (0..60).map(move |y| (x, y))) {
            let distance = (x as f64 + 0.5 - 30.3).hypot(y as f64 + 0.5 - 29.8);
            if distance < 23.5 {
                assert_eq!(at(&picture, x, y), [INK.0, INK.1, INK.2], "{x} {y}");
            } else if distance > 26.0 {
                assert_eq!(at(&picture, x, y), [255; 3], "{x} {y}");
            }
        }
    }

    #[test]
    fn shapes_beyond_the_border_are_cut() {
        let mut canvas = Canvas::new(20, 20, 1).expect("canvas");
        let corners = [[-50.0, -50.0], [90.0, -40.0], [60.0, 90.0]];
        canvas.polygon(&corners, RED).expect("polygon");
        canvas.disc([0.0, 0.0], 8.0, RED, 0.3).expect("disc");
        canvas.disc([50.0, 50.0], 8.0, RED, 0.3).expect("disc");
        canvas.stroke(&[[-9.0, 3.0], [40.0, 30.0]], 2.0, RED).expect("stroke");
        canvas.label("far outside", (19.0, 19.0), 30.0, Anchor::Middle);
        canvas.vertical_label("far outside", (0.0, 0.0), 30.0);
        assert_eq!(decode(&canvas.finish().expect("png")).0, 20);
    }

    #[test]
    fn unusable_sizes_are_refused() {
        for (width, height, ratio) in [(0, 9, 1), (9, 9, 0), (u32::MAX, u32::MAX, u32::MAX)] {
            let refused = Canvas::new(width, height, ratio);
            assert!(matches!(refused, Err(PlotError::Input(_))));
        }
    }
}

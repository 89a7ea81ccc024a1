//! Colours: a perceptually uniform sequential map and a palette for lines.

use plotters::style::{RGBAColor, RGBColor};

/// An sRGB colour, eight bits per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(
    /// Red.
    pub u8,
    /// Green.
    pub u8,
    /// Blue.
    pub u8,
);

impl Rgb {
    pub(super) const WHITE: Self = Self(255, 255, 255);

    /// The colour `weight` (clamped to `0..=1`) of the way from `self` to `other`.
    ///
    /// ```
    /// use latents::plot::Rgb;
    /// assert_eq!(Rgb(0, 0, 0).mix(Rgb(200, 100, 50), 0.5), Rgb(100, 50, 25));
    /// ```
    #[must_use]
    pub fn mix(self, other: Self, weight: f64) -> Self {
        let weight = weight.clamp(0.0, 1.0);
        let channel = |a: u8, b: u8| {
            let value = f64::from(a) + (f64::from(b) - f64::from(a)) * weight;
            value.round() as u8
        };
        Self(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }

    /// The same colour for the rasteriser, with an opacity in `0..=1`.
    pub(super) fn style(self, alpha: f64) -> RGBAColor {
        let color = RGBColor(self.0, self.1, self.2);
        RGBAColor(color.0, color.1, color.2, alpha)
    }
}

/// Sixteen equally spaced samples of the viridis map, dark to light.
const VIRIDIS: [Rgb; 16] = [
    Rgb(0x44, 0x01, 0x54),
    Rgb(0x48, 0x1a, 0x6c),
    Rgb(0x47, 0x2f, 0x7d),
    Rgb(0x41, 0x44, 0x87),
    Rgb(0x39, 0x56, 0x8c),
    Rgb(0x31, 0x68, 0x8e),
    Rgb(0x2a, 0x78, 0x8e),
    Rgb(0x23, 0x88, 0x8e),
    Rgb(0x1f, 0x98, 0x8b),
    Rgb(0x22, 0xa8, 0x84),
    Rgb(0x35, 0xb7, 0x79),
    Rgb(0x54, 0xc5, 0x68),
    Rgb(0x7a, 0xd1, 0x51),
    Rgb(0xa5, 0xdb, 0x36),
    Rgb(0xd2, 0xe2, 0x1b),
    Rgb(0xfd, 0xe7, 0x25),
];

/// The viridis colour at `position`, dark at 0 and light at 1; positions outside are clamped and
/// NaN gives the dark end.
///
/// ```
/// use latents::plot::{Rgb, viridis};
/// assert_eq!(viridis(0.0), Rgb(0x44, 0x01, 0x54));
/// assert_eq!(viridis(7.0), viridis(1.0));
/// ```
#[must_use]
pub fn viridis(position: f64) -> Rgb {
    let last = VIRIDIS.len() - 1;
    let position = if position.is_nan() { 0.0 } else { position };
    let scaled = position.clamp(0.0, 1.0) * last as f64;
    let below = (scaled as usize).min(last - 1);
    VIRIDIS[below].mix(VIRIDIS[below + 1], scaled - below as f64)
}

/// Colours that stay distinguishable with the common colour-vision deficiencies (Okabe and Ito).
const LINES: [Rgb; 7] = [
    Rgb(0x00, 0x72, 0xb2),
    Rgb(0xd5, 0x5e, 0x00),
    Rgb(0x00, 0x9e, 0x73),
    Rgb(0xcc, 0x79, 0xa7),
    Rgb(0xe6, 0x9f, 0x00),
    Rgb(0x56, 0xb4, 0xe9),
    Rgb(0x40, 0x40, 0x40),
];

/// The colour of the `index`-th line of a chart, repeating after seven.
#[must_use]
pub fn line_color(index: usize) -> Rgb {
    LINES[index % LINES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Rgb) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
    }

    #[test]
    fn viridis_gets_lighter_everywhere() {
        let samples: Vec<f64> = (0..=100).map(|i| luminance(viridis(f64::from(i) / 100.0))).collect();
        assert!(samples.windows(2).all(|pair| pair[1] > pair[0]));
    }

    #[test]
    fn viridis_is_uniform_in_lightness() {
        // CIE lightness must rise at a nearly constant rate along the map.
        let lightness = |i: i32| 116.0 * luminance(viridis(f64::from(i) / 10.0)).cbrt() - 16.0;
        for i in 0..10 {
            let step = lightness(i + 1) - lightness(i);
            assert!((5.0..11.0).contains(&step), "step {i} is {step}");
        }
    }

    #[test]
    fn odd_positions_are_clamped() {
        assert_eq!(viridis(f64::NAN), viridis(0.0));
        assert_eq!(viridis(f64::NEG_INFINITY), viridis(0.0));
        assert_eq!(viridis(f64::INFINITY), viridis(1.0));
    }

    #[test]
    fn line_colors_differ_and_repeat() {
        for a in 0..7 {
            assert!((0..a).all(|b| line_color(a) != line_color(b)));
            assert_eq!(line_color(a), line_color(a + 7));
        }
    }
}

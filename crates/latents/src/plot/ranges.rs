//! Ranges of chart axes and clipping to the plotted area.

use super::canvas::Frame;
use super::{CurveOptions, Series};

/// How a value becomes a height on the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Axis {
    /// By itself.
    Linear,
    /// By its decimal logarithm.
    Log,
    /// Linear within this distance of 0, logarithmic beyond it on both sides.
    Symmetric(f64),
}

impl Axis {
    /// That of the options.
    pub(super) fn of(options: &CurveOptions) -> Axis {
        match (options.log_y, options.linear_within) {
            (false, _) => Axis::Linear,
            (true, None) => Axis::Log,
            (true, Some(linear)) => Axis::Symmetric(linear),
        }
    }

    /// The height of a value, NaN if it cannot be shown.
    pub(super) fn height(self, value: f64) -> f64 {
        match self {
            Axis::Linear => value,
            Axis::Log if value > 0.0 => value.log10(),
            Axis::Log => f64::NAN,
            // log10(1 + |v|/c) with its slope at 0: it joins the two parts smoothly.
            Axis::Symmetric(linear) => value.signum() * (value.abs() / linear).ln_1p() / std::f64::consts::LN_10,
        }
    }

    /// The value at a height.
    pub(super) fn value(self, height: f64) -> f64 {
        match self {
            Axis::Linear => height,
            Axis::Log => 10_f64.powf(height),
            Axis::Symmetric(linear) => height.signum() * (height.abs() * std::f64::consts::LN_10).exp_m1() * linear,
        }
    }
}

/// The horizontal and vertical ranges in axis values, finite and of positive length.
pub(super) fn ranges(series: &[Series<'_>], options: &CurveOptions) -> [[f64; 2]; 2] {
    let axis = Axis::of(options);
    let height = |v: f64| axis.height(v);
    let visible = |p: &&[f64; 2]| p[0].is_finite() && height(p[1]).is_finite();
    let points = || series.iter().flat_map(|s| s.points).filter(visible);
    let bands = series.iter().filter_map(|s| Some((s.points, s.band?)));
    let edges = bands.flat_map(|(points, band)| {
        let shown = points.iter().zip(band).filter(|(p, _)| visible(p));
        shown.flat_map(|(_, edges)| *edges)
    });
    let reference = options.reference.iter().map(|r| r.value);
    let heights = points().map(|p| p[1]).chain(edges).chain(reference);
    let x = extent(points().map(|p| p[0]));
    let y = match options.y_range {
        Some(range) => range.map(height),
        None => padded(extent(heights.map(height)), 0.04),
    };
    [padded(x, 0.0), y]
}

/// The smallest and largest finite value, none without one.
fn extent(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.filter(|v| v.is_finite()).fold(None, |range, v| {
        let [low, high] = range.unwrap_or([v, v]);
        Some([low.min(v), high.max(v)])
    })
}

/// A drawable range: widened by a share of its length, or about a single value, or a unit range.
fn padded(range: Option<[f64; 2]>, share: f64) -> [f64; 2] {
    // Halves keep the lengths of huge ranges finite.
    const LIMIT: f64 = f64::MAX / 8.0;
    let Some([low, high]) = range.map(|r| r.map(|v| v.clamp(-LIMIT, LIMIT))) else {
        return [0.0, 1.0];
    };
    let length = high - low;
    let scale = low.abs().max(high.abs());
    if length > scale * 1e-9 {
        [low - length * share, high + length * share]
    } else {
        // A constant: room on both sides so that the line runs through the middle.
        let room = if scale > 0.0 { scale * 0.1 } else { 1.0 };
        [low - room, high + room]
    }
}

/// The part of a segment inside a rectangle (Liang and Barsky), none if it misses it.
pub(super) fn clip(from: [f64; 2], to: [f64; 2], frame: Frame) -> Option<[[f64; 2]; 2]> {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (direction, room) in [
        (-dx, from[0] - frame.left),
        (dx, frame.right - from[0]),
        (-dy, from[1] - frame.top),
        (dy, frame.bottom - from[1]),
    ] {
        // Half a pixel of slack keeps points on the border whatever their rounding.
        let room = room + 0.5;
        if direction == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if direction < 0.0 {
            enter = enter.max(room / direction);
        } else {
            leave = leave.min(room / direction);
        }
    }
    let at = |t: f64| [from[0] + dx * t, from[1] + dy * t];
    (enter <= leave).then(|| [at(enter), at(leave)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { left: 10.0, top: 20.0, right: 110.0, bottom: 70.0 };

    #[test]
    fn ranges_are_always_drawable() {
        let values = [0.0, 1.0, -3.0, 1e-300, f64::MAX, f64::MIN, 1.0 + f64::EPSILON];
        for a in values {
            for b in values {
                let [low, high] = padded(extent([a, f64::NAN, b].into_iter()), 0.04);
                assert!(low < high && (high - low).is_finite(), "{a} {b}: {low} {high}");
            }
        }
        assert_eq!(padded(None, 0.04), [0.0, 1.0]);
        assert_eq!(padded(Some([2.0, 2.0]), 0.04), [1.8, 2.2]);
    }

    #[test]
    fn heights_come_back() {
        for axis in [Axis::Linear, Axis::Log, Axis::Symmetric(0.01)] {
            for value in [1e-5, 0.01, 0.3, 7.0, 1e4] {
                assert!((axis.value(axis.height(value)) / value - 1.0).abs() < 1e-9, "{axis:?} {value}");
            }
        }
        let axis = Axis::Symmetric(0.01);
        assert!(axis.height(-0.5) < axis.height(-1e-6) && axis.height(-1e-6) < 0.0 && axis.height(0.0) == 0.0);
        assert!(Axis::Log.height(-1.0).is_nan());
    }

    #[test]
    fn bands_and_reference_widen_the_range() {
        let points = [[0.0, 1.0], [4.0, 2.0], [9.0, f64::NAN]];
        let band = [[0.5, 1.5], [1.0, 7.0], [-9.0, 9.0]];
        let series = [Series::new("s", &points).with_band(&band)];
        let options = CurveOptions { log_y: true, ..CurveOptions::default() };
        let [x, y] = ranges(&series, &options);
        assert_eq!(x, [0.0, 4.0]);
        assert!(y[0] < 0.5_f64.log10() && y[1] > 7_f64.log10() && y[1] < 8_f64.log10());
    }

    #[test]
    fn clipping_keeps_the_part_inside() {
        let [from, to] = clip([-90.0, 45.0], [210.0, 45.0], FRAME).expect("crosses");
        assert!((from[0] - 9.5).abs() < 1e-9 && (to[0] - 110.5).abs() < 1e-9);
        let inside = [[20.0, 30.0], [90.0, 60.0]];
        assert_eq!(clip(inside[0], inside[1], FRAME), Some(inside));
        assert_eq!(clip([0.0, 0.0], [0.0, 90.0], FRAME), None);
        assert_eq!(clip([0.0, 30.0], [20.0, 0.0], FRAME), None);
        assert_eq!(clip([50.0, 5.0], [50.0, 5.0], FRAME), None);
    }
}

//! Positions and labels of axis ticks.

/// Ticks at round values (1, 2 or 5 times a power of ten) inside `[low, high]`, about `count` of
/// them; empty for a range that is not finite and increasing.
pub(super) fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let raw = span / count.max(1) as f64;
    let exponent = raw.log10().floor();
    let power = 10_f64.powf(exponent);
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.7).unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    let largest = low.abs().max(high.abs());
    // A span near the rounding of its ends has no distinct ticks.
    if !(step > largest * 1e-14 && last >= first) {
        return Vec::new();
    }
    (0..=(last - first) as usize)
        .map(|i| {
            let value = (first + i as f64) * step;
            Tick { value, label: format_tick(value, step, largest) }
        })
        .collect()
}

/// Ticks on a logarithmic axis over `[low, high]`, both positive: powers of ten, thinned to about
/// `count`, with 2 and 5 added on short ranges and round linear values on very short ones.
pub(super) fn log_ticks(low: f64, high: f64, count: usize) -> Vec<Tick> {
    if !(low > 0.0 && high > low && high.is_finite()) {
        return Vec::new();
    }
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (last - first).unsigned_abs() as usize;
    let factors: &[f64] = match high / low {
        ratio if ratio <= 200.0 => &[1.0, 2.0, 5.0],
        ratio if ratio <= 5e4 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let stride = decades.div_ceil(count.max(1)).max(1);
    let slack = 1e-9;
    let values: Vec<f64> = (first..=last)
        .step_by(stride)
        .flat_map(|exponent| factors.iter().map(move |f| power_of_ten(*f, exponent)))
        .filter(|value| (low * (1.0 - slack)..=high * (1.0 + slack)).contains(value))
        .collect();
    if values.len() < 3 {
        return linear_ticks(low, high, count);
    }
    let labels = format_magnitudes(&values);
    let pairs = values.into_iter().zip(labels);
    pairs.map(|(value, label)| Tick { value, label }).collect()
}

/// Ticks on a symmetric logarithmic axis over `[low, high]` that is linear within `±linear`: 0, and powers of ten on
/// either side, thinned to about `count`.
pub(super) fn symmetric_ticks(low: f64, high: f64, linear: f64, count: usize) -> Vec<Tick> {
    if !(high > low && (high - low).is_finite() && linear > 0.0) {
        return Vec::new();
    }
    // The logarithm of the quotient, which may itself be infinite; 0 on a side that is not shown.
    let side = |end: f64| (end.log10() - linear.log10()).max(0.0);
    let decades = side(high) + side(-low);
    let stride = (decades / count.max(1) as f64).ceil().max(1.0) as i32;
    // The nearest power of ten to 0 is at least that at which the axis leaves its linear part.
    let first = linear.log10().ceil() as i32;
    let powers: Vec<f64> = (0..=64).map(|i| power_of_ten(1.0, first + i * stride)).collect();
    let positive = powers.iter().copied().filter(|v| *v <= high && *v >= low);
    let negative = powers.iter().rev().map(|v| -v).filter(|v| *v >= low && *v <= high);
    let zero = (low <= 0.0 && high >= 0.0).then_some(0.0);
    let values: Vec<f64> = negative.chain(zero).chain(positive).collect();
    if values.len() < 3 {
        return linear_ticks(low, high, count);
    }
    let magnitudes: Vec<f64> = values.iter().map(|v| if *v == 0.0 { 1.0 } else { v.abs() }).collect();
    let labels = format_magnitudes(&magnitudes);
    let label = |value: f64, text: String| match value {
        0.0 => "0".to_owned(),
        v if v < 0.0 => format!("\u{2212}{text}"),
        _ => text,
    };
    values.into_iter().zip(labels).map(|(value, text)| Tick { value, label: label(value, text) }).collect()
}

/// Positions between the powers of ten inside `[low, high]` for small unlabelled marks; none on
/// ranges so long that the marks would merge.
pub(super) fn log_minor_positions(low: f64, high: f64) -> Vec<f64> {
    if !(low > 0.0 && high > low && high / low < 1e7) {
        return Vec::new();
    }
    let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
    exponents
        .flat_map(|exponent| (2..10).map(move |f| power_of_ten(f64::from(f), exponent)))
        .filter(|value| (low..=high).contains(value))
        .collect()
}

/// `factor * 10^exponent`, correctly rounded so that its label is short.
pub(super) fn power_of_ten(factor: f64, exponent: i32) -> f64 {
    let text = format!("{factor}e{exponent}");
    text.parse().unwrap_or_else(|_| factor * 10_f64.powi(exponent))
}

/// A labelled position on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

/// A tick label as exact as the step between ticks, in scientific notation on extreme axes.
fn format_tick(value: f64, step: f64, largest: f64) -> String {
    let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
    if value == 0.0 {
        "0".to_owned()
    } else if largest >= 1e6 || decimals > 5 {
        let digits = (largest / step).log10().ceil().clamp(0.0, 15.0);
        format_scientific(value, digits as usize)
    } else {
        format!("{value:.decimals$}").replace('-', "\u{2212}")
    }
}

/// Labels of positive values spread over magnitudes: plain decimals, or all in scientific notation
/// when the plain ones would get long.
pub(super) fn format_magnitudes(values: &[f64]) -> Vec<String> {
    let plain = values.iter().all(|v| (1e-3..1e5).contains(v));
    let label = |v: &f64| {
        if plain || *v == 1.0 {
            // Three significant digits, without the zeros they may end in.
            format!("{}", format!("{v:.2e}").parse().unwrap_or(*v))
        } else {
            format_scientific(*v, 2)
        }
    };
    values.iter().map(label).collect()
}

/// Any value as `m×10ⁿ` with at most `digits` decimals in `m`, `10ⁿ` if that is 1.
fn format_scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}").replace('-', "\u{2212}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let power = superscript(exponent);
    match mantissa {
        "1" => format!("10{power}"),
        "\u{2212}1" => format!("\u{2212}10{power}"),
        _ => format!("{mantissa}×10{power}"),
    }
}

/// Digits and minus signs raised.
fn superscript(text: &str) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    text.chars()
        .map(|c| match (c, c.to_digit(10)) {
            ('\u{2212}', _) => '⁻',
            (_, Some(digit)) => DIGITS[digit as usize],
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|t| t.label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&linear_ticks(-10.0, 10.0, 5)), ["−10", "−5", "0", "5", "10"]);
        assert_eq!(labels(&linear_ticks(0.0, 1.0, 5)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear_ticks(0.0, 4e9, 2)), ["0", "2×10⁹", "4×10⁹"]);
        assert_eq!(labels(&linear_ticks(1e6, 1e6 + 4.0, 2)), ["10⁶", "1.000002×10⁶", "1.000004×10⁶"]);
    }

    #[test]
    fn log_ticks_cover_decades() {
        assert_eq!(labels(&log_ticks(1e-5, 10.0, 7)), ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1", "10¹"]);
        assert_eq!(labels(&log_ticks(0.1, 1.0, 7)), ["0.1", "0.2", "0.5", "1"]);
        assert!(log_ticks(2.1, 2.3, 5).len() >= 3);
        assert!(log_ticks(1e-300, 1e300, 6).len() <= 8);
    }

    #[test]
    fn symmetric_ticks_are_on_both_sides() {
        assert_eq!(labels(&symmetric_ticks(-0.5, 2.0, 0.01, 8)), ["−0.1", "−0.01", "0", "0.01", "0.1", "1"]);
        assert_eq!(labels(&symmetric_ticks(0.001, 200.0, 0.1, 6)), ["0.1", "1", "10", "100"]);
        assert!(symmetric_ticks(-1e300, 1e300, 1e-9, 6).len() <= 9);
        assert!(symmetric_ticks(1.0, 1.0, 0.1, 6).is_empty());
    }

    #[test]
    fn ticks_of_random_ranges_are_inside_and_distinct() {
        let mut state = 1_u64;
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let low = (unit - 0.5) * 10_f64.powi((state >> 60) as i32 - 8);
            let high = low + unit * 10_f64.powi((state >> 56 & 15) as i32 - 6) + 1e-9;
            let ticks = linear_ticks(low, high, 5);
            assert!((2..=8).contains(&ticks.len()), "{low} {high} {ticks:?}");
            let slack = (high - low) * 1e-6;
            for pair in ticks.windows(2) {
                assert!(pair[0].value < pair[1].value);
                assert_ne!(pair[0].label, pair[1].label);
            }
            for tick in &ticks {
                assert!(tick.value >= low - slack && tick.value <= high + slack);
            }
        }
    }

    #[test]
    fn degenerate_ranges_have_no_ticks() {
        let bad = [f64::NAN, f64::INFINITY, 1.0];
        for (low, high) in bad.into_iter().flat_map(|a| bad.map(|b| (a, b))) {
            assert!(linear_ticks(low, high, 5).is_empty());
            assert!(log_ticks(low, high, 5).is_empty());
        }
        assert!(log_ticks(-1.0, 1.0, 5).is_empty());
        assert!(linear_ticks(1.0, 1.0 + f64::EPSILON, 5).len() <= 3);
    }
}

//! The pictures: the target and the model side by side, and the curve of the divergence.

use crate::failure::Failure;
use crate::progress::counted;
use latents::dist::Target;
use latents::evaluation::LogDensity;
use latents::model::{LatentModel, Vae};
use latents::plot::{
    Bounds, CurveOptions, DensityOptions, DensityPanel, Grid, PlotError, Series, draw_curves, draw_densities,
    smoothed_histogram,
};
use latents::train::Check;
use pullback::{DType, Error, Key, Keys, Rows, Tensor, jit, vmap};
use std::path::Path;
use std::sync::Arc;

/// Points along each side of a picture's lattice.
const SIDE: usize = 121;
/// Points of a curve, where the target has one coordinate.
const LINE: usize = 401;
/// Importance samples for each of them.
const SAMPLES: usize = 64;
/// Draws overlaid on each panel.
const SHOWN: usize = 400;
/// Draws in a histogram, where the density of the first two coordinates is not known.
const DRAWS: usize = 65_536;
/// Rows worked on at a time.
const ROWS: usize = 2048;

/// The target as a picture shows it, drawn once, and what the model's side is drawn by.
pub struct Pictures {
    target: Arc<dyn Target>,
    bounds: Bounds,
    shown: Shown,
    left_samples: Vec<[f64; 2]>,
    log_density: LogDensity<Vae>,
    draw: Draw,
    key: [u32; 2],
}

/// What there is to see of the target.
enum Shown {
    /// The density of its only coordinate.
    Line(Vec<[f64; 2]>),
    /// The log density of its two coordinates.
    Plane(Grid),
    /// A histogram of the first two of many coordinates, where it can be sampled.
    Cloud(Option<Grid>),
}

/// Draws of a model, compiled once.
type Draw = Box<dyn Fn(&Vae, Keys) -> Result<Tensor, Error>>;

impl Pictures {
    /// The target's side.
    ///
    /// # Errors
    /// A target that cannot be drawn.
    pub fn new(target: Arc<dyn Target>, key: Key) -> Result<Pictures, Failure> {
        let [(x0, x1), (y0, y1)] = target.bounds();
        let bounds = Bounds::new([x0, x1], [y0, y1])?;
        let words = key.into_tensor().to_vec::<u32>()?;
        let key = [words[0], words[1]];
        let drawn = target_draws(&target, Key::from_words(key).fold_in(0))?;
        let shown = match target.dim() {
            1 => {
                let width = (x1 - x0) / (LINE - 1) as f64;
                let logs = normalized(&*target, log_densities(&target, line(bounds, DType::F64))?, width.ln());
                Shown::Line(abscissae(bounds).zip(logs.into_iter().map(f64::exp)).map(|(x, p)| [x, p]).collect())
            }
            2 => {
                let area = (x1 - x0) * (y1 - y0) / ((SIDE - 1) * (SIDE - 1)) as f64;
                let logs = normalized(&*target, log_densities(&target, lattice(bounds, DType::F64))?, area.ln());
                Shown::Plane(Grid::new(bounds, SIDE, SIDE, logs)?)
            }
            _ if drawn.is_empty() => Shown::Cloud(None),
            _ => Shown::Cloud(Some(histogram(bounds, &drawn)?)),
        };
        let left_samples = drawn.into_iter().take(SHOWN).collect();
        let log_density = LogDensity::new(SAMPLES, ROWS / SAMPLES);
        let one = jit(|model: Vae, Rows(keys): Rows<Keys>| vmap(|key: Key| model.ancestral(key).1).call(keys));
        let draw = Box::new(move |model: &Vae, keys: Keys| one.call((model.clone(), Rows(keys))));
        Ok(Pictures { target, bounds, shown, left_samples, log_density, draw, key })
    }

    /// Both sides, the model being that after some steps.
    ///
    /// # Errors
    /// A model that cannot be evaluated, a file that cannot be written.
    pub fn densities(&self, path: &Path, model: &Vae, step: u32) -> Result<(), Failure> {
        let key = |purpose| Key::from_words(self.key).fold_in(purpose);
        let name = self.target.name();
        let model_title = format!("model after {}", counted(u64::from(step), "step"));
        let [x_label, y_label] = self.target.axes();
        let (left, right, drawn, how) = match &self.shown {
            Shown::Line(points) => {
                let logs = self.log_density.smooth_at(model, key(2), &line(self.bounds, DType::F32))?;
                let found: Vec<[f64; 2]> =
                    abscissae(self.bounds).zip(logs).map(|(x, log_p)| [x, log_p.exp()]).collect();
                let target = format!("target: {name}");
                let series = [Series::new(&target, points), Series::new(&model_title, &found)];
                let options = CurveOptions {
                    title: "Density".to_owned(),
                    x_label,
                    y_label: "density".to_owned(),
                    ..CurveOptions::default()
                };
                return Ok(draw_curves(path, &series, &options)?);
            }
            Shown::Plane(left) => {
                let drawn = draws(key(1), SHOWN, |keys| (self.draw)(model, keys))?;
                let rows = lattice(self.bounds, DType::F32);
                let right = Grid::new(self.bounds, SIDE, SIDE, self.log_density.smooth_at(model, key(2), &rows)?)?;
                (Some(left), right, drawn, String::new())
            }
            Shown::Cloud(left) => {
                let drawn = draws(key(1), DRAWS, |keys| (self.draw)(model, keys))?;
                let how = format!(", first two of {} coordinates", self.target.dim());
                (left.as_ref(), histogram(self.bounds, &drawn)?, drawn, how)
            }
        };
        let left_title = format!("target: {name}{how}");
        // Where the target has no side of its own, the model's says what is seen.
        let right_title = if left.is_some() { model_title } else { format!("{model_title}{how}") };
        let samples = &drawn[..drawn.len().min(SHOWN)];
        let left = left.map(|log_density| {
            let samples = &self.left_samples;
            DensityPanel { title: &left_title, log_density, samples }
        });
        let right = DensityPanel { title: &right_title, log_density: &right, samples };
        let panels: Vec<DensityPanel<'_>> = left.into_iter().chain([right]).collect();
        Ok(draw_densities(path, &panels, &DensityOptions { x_label, y_label, ..DensityOptions::default() })?)
    }
}

/// The first two coordinates of draws of the target; none where it has no sampler, or one coordinate.
fn target_draws(target: &Arc<dyn Target>, key: Key) -> Result<Vec<[f64; 2]>, Failure> {
    let wanted = match target.dim() {
        1 => return Ok(Vec::new()),
        2 => SHOWN,
        _ => DRAWS,
    };
    if target.sample(Key::new(0), DType::F32).is_none() {
        return Ok(Vec::new());
    }
    let one = jit(|Rows(keys): Rows<Keys>| {
        let missing = || Tensor::full(f64::NAN, DType::F32, [target.dim()]);
        vmap(|key: Key| target.sample(key, DType::F32).unwrap_or_else(missing)).call(keys)
    });
    Ok(draws(key, wanted, |keys| one.call(Rows(keys)))?)
}

fn log_densities(target: &Arc<dyn Target>, rows: Tensor) -> Result<Vec<f64>, Failure> {
    let density = jit(|Rows(x): Rows<Tensor>| vmap(|x: Tensor| target.log_density(&x)).call(x));
    Ok(density.call(Rows(rows))?.to_vec::<f64>()?)
}

/// Log densities less the log normaliser: the known one, else that of what is seen, by cells of that log size.
fn normalized(target: &dyn Target, logs: Vec<f64>, log_cell: f64) -> Vec<f64> {
    let log_normalizer = target.log_normalizer().unwrap_or_else(|| {
        let finite = || logs.iter().copied().filter(|l| l.is_finite());
        let top = finite().fold(f64::NEG_INFINITY, f64::max);
        let found = top + finite().map(|l| (l - top).exp()).sum::<f64>().ln() + log_cell;
        if found.is_finite() { found } else { 0.0 }
    });
    logs.into_iter().map(|l| l - log_normalizer).collect()
}

fn lattice(bounds: Bounds, dtype: DType) -> Tensor {
    let points: Vec<f64> = bounds.lattice(SIDE, SIDE).concat();
    Tensor::new(points, &[SIDE * SIDE, 2]).cast(dtype)
}

/// The places along the first coordinate.
fn abscissae(bounds: Bounds) -> impl Iterator<Item = f64> {
    let points = bounds.lattice(LINE, 2);
    points.into_iter().take(LINE).map(|p| p[0])
}

fn line(bounds: Bounds, dtype: DType) -> Tensor {
    Tensor::new(abscissae(bounds).collect::<Vec<f64>>(), &[LINE, 1]).cast(dtype)
}

fn histogram(bounds: Bounds, points: &[[f64; 2]]) -> Result<Grid, PlotError> {
    smoothed_histogram(bounds, SIDE, SIDE, points, 1.2)
}

/// The first two coordinates of `n` draws, made some at a time.
fn draws(key: Key, n: usize, draw: impl Fn(Keys) -> Result<Tensor, Error>) -> Result<Vec<[f64; 2]>, Error> {
    let words = key.into_tensor();
    let mut points = Vec::with_capacity(n);
    for (part, first) in (0..n).step_by(ROWS).enumerate() {
        let keys = Key::from_tensor(words.clone()).fold_in(part as u32).split_n(ROWS.min(n - first));
        let rows = draw(keys)?;
        let dim = rows.shape().known().and_then(|s| s.get(1).copied()).unwrap_or(2).max(1);
        let values = rows.cast(DType::F64).to_vec::<f64>()?;
        points.extend(values.chunks(dim).map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)]));
    }
    Ok(points)
}

/// The curve of the loss and of both sides of the divergence.
///
/// # Errors
/// A file that cannot be written.
pub fn curve(path: &Path, checks: &[Check], log_normalizer: Option<f64>) -> Result<(), Failure> {
    let of =
        |f: &dyn Fn(&Check) -> f64| -> Vec<[f64; 2]> { checks.iter().map(|c| [f64::from(c.step), f(c)]).collect() };
    let shift = log_normalizer.unwrap_or(0.0);
    let (loss, lower, upper) = (of(&|c| c.loss + shift), of(&|c| c.lower), of(&|c| c.upper));
    // A divergence falls over orders of magnitude. Its estimates near 0 are negative now and then, and those by a lower
    // bound that is minimised go on falling: then the axis is linear about 0 and logarithmic on both sides of it.
    let log_y = log_normalizer.is_some();
    let figures = [&loss, &lower, &upper].into_iter().flatten().map(|p| p[1]);
    let least = figures.filter(|y| y.is_finite()).fold(f64::INFINITY, f64::min);
    let [low, high] = if log_y { visible_logs(&upper) } else { visible(&upper, &[&loss, &lower]) };
    let linear_within = (log_y && least <= 0.0).then_some(low.max(LINEAR));
    let y_range = if linear_within.is_some() { [(1.2 * least).clamp(-high, -low), high] } else { [low, high] };
    let options = CurveOptions {
        title: "Reverse KL over training".to_owned(),
        x_label: "step".to_owned(),
        y_label: if log_normalizer.is_some() { "nats".to_owned() } else { "nats, up to a constant".to_owned() },
        log_y,
        linear_within,
        y_range: Some(y_range),
        ..CurveOptions::default()
    };
    let series = [
        Series::new("training loss (mean since the last check)", &loss),
        Series::new("reverse KL, upper side", &upper),
        Series::new("reverse KL, lower side", &lower),
    ];
    Ok(draw_curves(path, &series, &options)?)
}

/// A logarithmic range that shows the course of the upper side: a breakdown of a million nats would flatten all else.
fn visible_logs(upper: &[[f64; 2]]) -> [f64; 2] {
    let positive = || upper.iter().map(|p| p[1]).filter(|y| y.is_finite() && *y > 0.0);
    let low = positive().fold(f64::INFINITY, f64::min).clamp(1e-4, 1.0);
    let high = positive().fold(0.0, f64::max).clamp(1e-2, 1e3);
    [low / 3.0, (high * 2.0).max(low)]
}

/// A linear range: all values within [`WINDOW`] nats of the best that the upper side reached.
fn visible(upper: &[[f64; 2]], others: &[&[[f64; 2]]]) -> [f64; 2] {
    let best = upper.iter().map(|p| p[1]).filter(|y| y.is_finite()).fold(f64::INFINITY, f64::min);
    let best = if best.is_finite() { best } else { 0.0 };
    let within = |y: &f64| (y - best).abs() <= WINDOW;
    let all = others.iter().chain(std::iter::once(&upper)).flat_map(|line| line.iter().map(|p| p[1])).filter(within);
    let [low, high] = all.fold([best, best], |[low, high], y| [y.min(low), y.max(high)]);
    let margin = (0.05 * (high - low)).max(best.abs() * 1e-6 + 1e-3);
    [low - margin, high + margin]
}

/// Below this many nats a divergence is lost in the error of its estimate.
const LINEAR: f64 = 3e-4;
/// What a linear axis shows about the best figure, in nats.
const WINDOW: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_can_be_drawn_whatever_the_figures() {
        let nan = f64::NAN;
        let all: [&[f64]; 7] = [
            &[],
            &[nan],
            &[0.0],
            &[3.0, 0.1, 1e-9],
            &[-1.0, -58.0, -2.0],
            &[1e300, -1e300, 0.0],
            &[f64::INFINITY, 1.0],
        ];
        for values in all {
            let line: Vec<[f64; 2]> = values.iter().enumerate().map(|(i, y)| [i as f64, *y]).collect();
            let [low, high] = visible(&line, &[&line]);
            assert!(low < high && (high - low).is_finite(), "{values:?}: {low} to {high}");
            let [low, high] = visible_logs(&line);
            assert!(0.0 < low && low < high && high.is_finite(), "{values:?}: {low} to {high}");
        }
        assert_eq!(abscissae(Bounds::new([-1.0, 3.0], [0.0, 1.0]).expect("bounds")).last(), Some(3.0));
    }
}

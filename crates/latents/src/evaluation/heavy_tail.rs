//! Whether a density falls fast enough far away to have a finite integral.

use crate::dist::Target;
use pullback::{DType, Error, Key, Tensor, vmap};

/// How far from the origin a density is tried: beyond any scale that a model begun near the origin could reach.
const RADII: [f64; 4] = [1e3, 1e5, 1e7, 1e9];
/// Parallel lines along each direction: a maximum that narrows on the way out, as a funnel's, falls on every one of them.
const LINES: usize = 8;
/// Directions that are tried at a time.
const CHUNK: usize = 64;
/// A log density that gains more than this with each factor e of the distance rises; a power of any use gains more.
const RISES: f64 = 0.1;
/// A mass that loses less than this with each factor e of the distance does not fall: the heaviest tails of any use do.
const FALLS: f64 = 0.02;

/// A direction in which a density does not fall so fast that its integral could be finite.
#[derive(Clone, Debug, PartialEq)]
pub struct HeavyTail {
    /// Whether its log density rises without bound; if not, it falls too slowly.
    pub rises: bool,
    /// The first and the last point of those that were tried in that direction, and their log densities.
    pub points: [(Vec<f64>, f64); 2],
}

impl HeavyTail {
    /// Looks for one along the axes and along some directions; the worst of them. It finds a mistake in a density that
    /// was written down, and does not prove that there is none.
    ///
    /// ```
    /// use latents::dist::target::{Expression, Sense};
    /// use latents::evaluation::HeavyTail;
    /// use pullback::Tensor;
    /// let direction = Tensor::from([[0.6f32, 0.8]]);
    /// let bowl = |sense| Expression::new("x,y", "x^2 + y^2", sense);
    /// assert!(HeavyTail::find(&bowl(Sense::LogDensity)?, &direction)?.is_some_and(|tail| tail.rises));
    /// assert!(HeavyTail::find(&bowl(Sense::Energy)?, &direction)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Shapes
    /// `directions: [n, dim]`, of any length but 0.
    ///
    /// # Errors
    /// The first fault of the target.
    pub fn find(target: &dyn Target, directions: &Tensor) -> Result<Option<HeavyTail>, Error> {
        let dim = target.dim();
        let given = directions.cast(DType::F64).to_vec::<f64>()?;
        let axes = (0..2 * dim).map(|i| {
            let mut axis = vec![0.0; dim];
            axis[i / 2] = if i % 2 == 0 { 1.0 } else { -1.0 };
            (axis, true)
        });
        let given = given.chunks_exact(dim).filter_map(|x| {
            let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
            (length.is_normal()).then(|| (x.iter().map(|x| x / length).collect(), false))
        });
        let rays: Vec<(Vec<f64>, bool)> = axes.chain(given).collect();
        let aside = Key::new(0).normal([LINES, dim], DType::F64).to_vec::<f64>()?;
        let mut flat = None;
        for rays in rays.chunks(CHUNK) {
            let mut points = Vec::with_capacity(rays.len() * RADII.len() * LINES * dim);
            for (ray, _) in rays {
                for radius in RADII {
                    let line = |aside: &[f64]| ray.iter().zip(aside).map(|(u, a)| radius * u + a).collect::<Vec<_>>();
                    points.extend(aside.chunks_exact(dim).flat_map(line));
                }
            }
            let n = points.len() / dim;
            let at = |x: Tensor| target.log_density(&x);
            let values = vmap(at).try_call(Tensor::new(points, &[n, dim]))?.to_vec::<f64>()?;
            for ((ray, is_axis), values) in rays.iter().zip(values.chunks_exact(RADII.len() * LINES)) {
                // A value that is no number says nothing.
                let values: Vec<f64> =
                    values.chunks_exact(LINES).map(|of| of.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect();
                let slopes: Vec<f64> =
                    values.windows(2).zip(RADII.windows(2)).map(|(v, r)| slope(v, (r[1] / r[0]).ln())).collect();
                let found = |rises| {
                    let last = RADII.len() - 1;
                    let point = |i: usize| (ray.iter().map(|u| RADII[i] * u).collect(), values[i]);
                    HeavyTail { rises, points: [point(0), point(last)] }
                };
                if slopes.iter().all(|&s| s > RISES) {
                    return Ok(Some(found(true)));
                }
                // A cone's mass grows with the power `dim` of the distance besides, but an axis may be all there is of
                // what falls slowly: there it is a tube, whose width does not grow.
                let widens = if *is_axis { 1.0 } else { dim as f64 };
                if flat.is_none() && slopes.iter().all(|&s| s + widens > -FALLS) {
                    flat = Some(found(false));
                }
            }
        }
        Ok(flat)
    }
}

/// The rise from one value to the next, with each factor e of the distance.
fn slope(values: &[f64], ln_ratio: f64) -> f64 {
    match (values[0], values[1]) {
        (_, f64::NEG_INFINITY) => f64::NEG_INFINITY,
        (_, f64::INFINITY) => f64::INFINITY,
        (near, far) => (far - near) / ln_ratio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::TARGETS;
    use crate::dist::target::{Expression, Sense};

    fn tail_of(target: &dyn Target) -> Option<HeavyTail> {
        let directions = Key::new(3).normal([50, target.dim()], DType::F32);
        HeavyTail::find(target, &directions).expect("tried")
    }

    fn written(variables: &str, energy: &str) -> Option<bool> {
        let target = Expression::new(variables, energy, Sense::Energy).expect("an expression");
        tail_of(&target).map(|tail| tail.rises)
    }

    #[test]
    fn densities_with_heavy_tails_and_narrow_maxima_raise_no_alarm() {
        for row in TARGETS {
            assert_eq!(tail_of(&*(row.new)()), None, "{}", row.name);
        }
        for (variables, energy) in [
            ("x", "log(1 + x^2)"),
            ("x,y", "log(1 + x^2) + y^2"),
            ("x,y", "log(1 + x^2) + log(1 + y^2)"),
            ("x,y", "(0.2 + 2)/2*log1p((x^2 + y^2)/0.2)"),
            ("x[10]", "5.5*log1p(sum(x^2))"),
            ("v,x[9]", "v^2/18 + sum(x^2)/(2*exp(v)) + 9*v/2"),
            // At the middle of its narrow part the density rises without bound.
            ("x,y", "x^2*exp(2*y) - y/2 + where(y > 0, 0, y^2)"),
            ("x,y", "(x^2 - 1)^2 + y^2/2"),
            ("x,y", "abs(x) + sqrt(1 + y^2)"),
            ("x", "(x - 20000)^2/1e6"),
            ("x", "-logaddexp(-(x - 2)^2/2, -(x + 2)^2/2)"),
        ] {
            assert_eq!(written(variables, energy), None, "{energy}");
        }
    }

    #[test]
    fn what_has_no_finite_integral_is_found() {
        for (variables, energy, rises) in [
            ("x,y", "-x^2 - y^2", true),
            ("x,y", "x^2 - y", true),
            ("x,y", "x^2 + y^2 - 3*x*y", true),
            ("x", "-exp(x)", true),
            ("x", "-log1p(x^2)", true),
            ("x", "tanh(x^2)", false),
            ("x,y", "log(1 + x^2 + y^2)/2", false),
            ("x", "-log(max(exp(-x^2), 1e-9))", false),
            // At the edge: the mass in each shell stays the same.
            ("x", "log1p(x^2)/2", false),
            ("x,y", "log1p(x^2 + y^2)", false),
            // It rises, but slower than any power.
            ("x", "-log(log(10 + x^2))", false),
        ] {
            assert_eq!(written(variables, energy), Some(rises), "{energy}");
        }
    }
}

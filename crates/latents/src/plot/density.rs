//! Densities of the plane as filled contours, side by side with one colour scale.

use std::path::Path;

use super::canvas::{Canvas, Frame, INK};
use super::text::Anchor;
use super::ticks::{format_magnitudes, linear_ticks};
use super::{Bounds, Grid, Levels, PlotError, Rgb, contour_lines, filled_contours, save, viridis};

/// One panel of [`draw_densities`].
#[derive(Clone, Copy, Debug)]
pub struct DensityPanel<'a> {
    /// The heading, cut with an ellipsis if it is wider than the panel.
    pub title: &'a str,
    /// Natural logarithms of the density; minus infinity is density zero, and cells with a NaN or
    /// plus infinity at a corner stay grey.
    pub log_density: &'a Grid,
    /// Points drawn as translucent dots; those outside the bounds or not finite are left out.
    pub samples: &'a [[f64; 2]],
}

/// How [`draw_densities`] looks; [`Default`] gives Neal's funnel its usual picture.
#[derive(Clone, Debug)]
pub struct DensityOptions {
    /// The densities separating the colours, by default four decades below the peak.
    pub levels: Levels,
    /// The label of the horizontal axes, by default `x₀`.
    pub x_label: String,
    /// The label of the vertical axes, by default `x₁`.
    pub y_label: String,
    /// The label of the colour bar, by default `density`.
    pub bar_label: String,
    /// Width and height of one panel with its axes in logical pixels, at least 240 by 200.
    pub panel_size: (u32, u32),
    /// Picture pixels per logical pixel, by default 1; use 2 for print or dense screens.
    pub pixel_ratio: u32,
}

impl Default for DensityOptions {
    fn default() -> Self {
        Self {
            levels: Levels::Auto { decades: 4 },
            x_label: "x₀".to_owned(),
            y_label: "x₁".to_owned(),
            bar_label: "density".to_owned(),
            panel_size: (560, 520),
            pixel_ratio: 1,
        }
    }
}

const TICK_SIZE: f64 = 13.0;
const LABEL_SIZE: f64 = 15.0;
const TITLE_SIZE: f64 = 17.0;
/// Space around the plotted area of a panel.
const MARGIN: Frame = Frame { left: 72.0, top: 44.0, right: 16.0, bottom: 60.0 };
const BAR_WIDTH: f64 = 20.0;
/// The colour of cells without a value.
const MISSING: Rgb = Rgb(0xd8, 0xd8, 0xd8);

/// Draws the panels side by side with shared colours and writes the PNG to `path` atomically.
///
/// # Errors
///
/// [`PlotError::Output`] for the causes of [`render_densities`], [`PlotError::File`] when writing
/// fails.
pub fn draw_densities(
    path: impl AsRef<Path>,
    panels: &[DensityPanel<'_>],
    options: &DensityOptions,
) -> Result<(), PlotError> {
    save(path.as_ref(), render_densities(panels, options))
}

/// Draws the panels side by side with shared colours and returns the PNG file's bytes.
///
/// # Errors
///
/// [`PlotError::Input`] when there is no panel, when the grids cover different bounds, when explicit
/// levels are not positive, finite and strictly increasing, or when the picture size is unusable.
///
/// ```
/// use latents::plot::{Bounds, DensityOptions, DensityPanel, Grid, render_densities};
/// let bounds = Bounds::new([-3.0, 3.0], [-3.0, 3.0])?;
/// let normal = Grid::from_fn(bounds, 50, 50, |x, y| -(x * x + y * y) / 2.0 - 1.838)?;
/// let panel = DensityPanel { title: "normal", log_density: &normal, samples: &[[0.1, 0.2]] };
/// let png = render_densities(&[panel], &DensityOptions::default())?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn render_densities(panels: &[DensityPanel<'_>], options: &DensityOptions) -> Result<Vec<u8>, PlotError> {
    let bounds = common_bounds(panels)?;
    let levels = options.levels.resolve(panels.iter().map(|p| p.log_density))?;
    let (width, height) = options.panel_size;
    if width < 240 || height < 200 {
        return Err(PlotError::Input(format!("a panel of {width} by {height} pixels is below 240 by 200")));
    }
    let labels = format_magnitudes(&levels);
    let face = super::text::Typeface::bundled()?;
    let widths = labels.iter().map(|l| face.width(l, TICK_SIZE));
    let label_width = widths.fold(0.0, f64::max).min(160.0);
    // Bar, tick, labels, bar label and outer margin.
    let bar_space = BAR_WIDTH + 10.0 + label_width + 14.0 + LABEL_SIZE + 12.0;
    let total = u32::try_from(panels.len())
        .ok()
        .and_then(|count| count.checked_mul(width))
        .and_then(|panels| panels.checked_add(bar_space.ceil() as u32))
        .ok_or_else(|| PlotError::Input(format!("{} panels are too many", panels.len())))?;
    let mut canvas = Canvas::new(total, height, options.pixel_ratio)?;
    for (index, panel) in panels.iter().enumerate() {
        let left = index as f64 * f64::from(width);
        let plot = PanelArea {
            frame: Frame {
                left: left + MARGIN.left,
                top: MARGIN.top,
                right: left + f64::from(width) - MARGIN.right,
                bottom: f64::from(height) - MARGIN.bottom,
            },
            bounds,
        };
        plot.draw_field(&mut canvas, panel.log_density, &levels)?;
        plot.draw_samples(&mut canvas, panel.samples)?;
        plot.draw_axes(&mut canvas, panel.title, options)?;
    }
    let left = panels.len() as f64 * f64::from(width);
    let bar = Frame { left, top: MARGIN.top, right: left + BAR_WIDTH, bottom: f64::from(height) - MARGIN.bottom };
    draw_bar(&mut canvas, bar, &labels, label_width, &options.bar_label)?;
    canvas.finish()
}

/// The bounds shared by all panels.
fn common_bounds(panels: &[DensityPanel<'_>]) -> Result<Bounds, PlotError> {
    let Some(first) = panels.first() else {
        return Err(PlotError::Input("there is no panel".to_owned()));
    };
    let bounds = first.log_density.bounds();
    match panels.iter().find(|p| p.log_density.bounds() != bounds) {
        None => Ok(bounds),
        Some(other) => {
            Err(PlotError::Input(format!("panels {:?} and {:?} cover different bounds", first.title, other.title)))
        }
    }
}

/// The colour of band `band` of `levels + 1`, band 0 being below the lowest level.
fn band_color(band: usize, levels: usize) -> Rgb {
    // The lightest colours are left out so that white samples stay visible on the peak.
    viridis(0.95 * band as f64 / levels as f64)
}

/// The plotted area of a panel and the data rectangle it shows.
struct PanelArea {
    frame: Frame,
    bounds: Bounds,
}

impl PanelArea {
    fn pixel(&self, point: [f64; 2]) -> [f64; 2] {
        let share = |value: f64, [low, high]: [f64; 2]| (value - low) / (high - low);
        let (across, up) = (share(point[0], self.bounds.x()), share(point[1], self.bounds.y()));
        [
            self.frame.left + across * (self.frame.right - self.frame.left),
            self.frame.bottom + up * (self.frame.top - self.frame.bottom),
        ]
    }

    fn draw_field(&self, canvas: &mut Canvas, log_density: &Grid, levels: &[f64]) -> Result<(), PlotError> {
        let logs: Vec<f64> = levels.iter().map(|level| level.ln()).collect();
        // Density zero is put far below the lowest level so that contours can interpolate to it.
        let floor = logs.first().copied().unwrap_or(0.0) - 30.0;
        let field = log_density.map(|v| if v == f64::NEG_INFINITY { floor } else { v });
        canvas.rectangle(self.frame, MISSING, 1.0)?;
        let mut outcome = Ok(());
        let mut corners = Vec::with_capacity(8);
        let mut empty = true;
        filled_contours(&field, &logs, |band, polygon| {
            empty = false;
            if outcome.is_ok() {
                corners.clear();
                corners.extend(polygon.iter().map(|p| self.pixel(*p)));
                outcome = canvas.polygon(&corners, band_color(band, levels.len()));
            }
        });
        if empty {
            let middle_x = (self.frame.left + self.frame.right) / 2.0;
            let middle_y = (self.frame.top + self.frame.bottom) / 2.0;
            let at = (middle_x, middle_y);
            canvas.label("no finite density", at, TICK_SIZE, Anchor::Middle);
        }
        for (below, log) in logs.iter().enumerate() {
            let fill = band_color(below, levels.len()).mix(band_color(below + 1, levels.len()), 0.5);
            let line = fill.mix(Rgb::WHITE, 0.3);
            contour_lines(&field, *log, |ends| {
                if outcome.is_ok() {
                    outcome = canvas.segment(ends.map(|p| self.pixel(p)), 0.8, line);
                }
            });
        }
        outcome
    }

    fn draw_samples(&self, canvas: &mut Canvas, samples: &[[f64; 2]]) -> Result<(), PlotError> {
        let shown = samples.iter().filter(|s| self.bounds.contains(**s));
        // Fainter dots for more samples keep the field visible underneath.
        let alpha = (17.0 / (samples.len().max(1) as f64).sqrt()).clamp(0.08, 0.8);
        for sample in shown {
            canvas.disc(self.pixel(*sample), 1.3, Rgb::WHITE, alpha)?;
        }
        Ok(())
    }

    fn draw_axes(&self, canvas: &mut Canvas, title: &str, options: &DensityOptions) -> Result<(), PlotError> {
        let frame = self.frame;
        let (width, height) = (frame.right - frame.left, frame.bottom - frame.top);
        let (middle_x, middle_y) = (frame.left + width / 2.0, frame.top + height / 2.0);
        let ([x0, x1], [y0, y1]) = (self.bounds.x(), self.bounds.y());
        for tick in linear_ticks(x0, x1, (width / 75.0) as usize) {
            let [x, _] = self.pixel([tick.value, y0]);
            canvas.rule([x, frame.bottom], [x, frame.bottom + 5.0], INK)?;
            canvas.label(tick.label, (x, frame.bottom + 16.0), TICK_SIZE, Anchor::Middle);
        }
        for tick in linear_ticks(y0, y1, (height / 55.0) as usize) {
            let [_, y] = self.pixel([x0, tick.value]);
            canvas.rule([frame.left - 5.0, y], [frame.left, y], INK)?;
            canvas.label(tick.label, (frame.left - 9.0, y), TICK_SIZE, Anchor::End);
        }
        canvas.border(frame)?;
        let face = canvas.face();
        let title = face.fit(title, TITLE_SIZE, width);
        let x_label = face.fit(&options.x_label, LABEL_SIZE, width);
        let y_label = face.fit(&options.y_label, LABEL_SIZE, height);
        canvas.label(title, (middle_x, frame.top - 19.0), TITLE_SIZE, Anchor::Middle);
        canvas.label(x_label, (middle_x, frame.bottom + 40.0), LABEL_SIZE, Anchor::Middle);
        canvas.vertical_label(y_label, (frame.left - 52.0, middle_y), LABEL_SIZE);
        Ok(())
    }
}

/// Draws the colour bar: a block per band between levels, and points for the open bands beyond.
fn draw_bar(
    canvas: &mut Canvas,
    bar: Frame,
    labels: &[String],
    label_width: f64,
    title: &str,
) -> Result<(), PlotError> {
    let count = labels.len();
    let point = BAR_WIDTH * 0.8;
    let middle = (bar.left + bar.right) / 2.0;
    let (top, bottom) = (bar.top + point, bar.bottom - point);
    let level_y = |level: usize| {
        let steps = count.saturating_sub(1).max(1) as f64;
        let only = if count == 1 { 0.5 } else { 0.0 };
        bottom + (top - bottom) * (level as f64 / steps + only)
    };
    let outline = [
        [bar.left, bottom],
        [middle, bar.bottom],
        [bar.right, bottom],
        [bar.right, top],
        [middle, bar.top],
        [bar.left, top],
        [bar.left, bottom],
    ];
    canvas.polygon(&outline[..3], band_color(0, count))?;
    canvas.polygon(&outline[3..6], band_color(count, count))?;
    for band in 0..=count {
        let below = if band == 0 { bottom } else { level_y(band - 1) };
        let above = if band == count { top } else { level_y(band) };
        let block = Frame { left: bar.left, top: above, right: bar.right, bottom: below };
        canvas.rectangle(block, band_color(band, count), 1.0)?;
    }
    canvas.stroke(&outline, 1.0, INK)?;
    // Labels of many levels are thinned so that they do not touch.
    let spacing = (bottom - top) / count.max(1) as f64;
    let stride = (TICK_SIZE * 1.3 / spacing).ceil().max(1.0) as usize;
    for (level, label) in labels.iter().enumerate() {
        let y = level_y(level);
        canvas.rule([bar.right, y], [bar.right + 4.0, y], INK)?;
        if level % stride == 0 {
            let text = canvas.face().fit(label, TICK_SIZE, label_width + 1.0);
            canvas.label(text, (bar.right + 8.0, y), TICK_SIZE, Anchor::Start);
        }
    }
    let title = canvas.face().fit(title, LABEL_SIZE, bar.bottom - bar.top);
    let x = bar.right + 8.0 + label_width + 8.0 + LABEL_SIZE / 2.0;
    canvas.vertical_label(title, (x, (bar.top + bar.bottom) / 2.0), LABEL_SIZE);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::canvas::decode;
    use super::*;

    fn bounds() -> Bounds {
        Bounds::new([-2.0, 2.0], [-1.0, 1.0]).expect("bounds")
    }

    fn normal() -> Grid {
        Grid::from_fn(bounds(), 30, 30, |x, y| -(x * x + y * y)).expect("grid")
    }

    fn panel<'a>(log_density: &'a Grid, samples: &'a [[f64; 2]]) -> DensityPanel<'a> {
        DensityPanel { title: "title", log_density, samples }
    }

    fn small() -> DensityOptions {
        DensityOptions { panel_size: (260, 220), ..DensityOptions::default() }
    }

    #[test]
    fn odd_fields_and_samples_are_drawn() {
        let fields: [fn(f64, f64) -> f64; 9] = [
            |_, _| f64::NAN,
            |_, _| f64::NEG_INFINITY,
            |_, _| f64::INFINITY,
            |_, _| 0.0,
            |_, _| 1e300,
            |_, _| -1e300,
            |x, _| if x < 0.0 { f64::NEG_INFINITY } else { -x },
            |x, y| if x < y { f64::NAN } else { -x },
            |x, y| 700.0 * (x * y),
        ];
        let samples = [[0.0, 0.0], [f64::NAN, 0.0], [f64::INFINITY, f64::NEG_INFINITY], [1e300, 0.0], [2.0, 1.0]];
        for field in fields {
            let grid = Grid::from_fn(bounds(), 12, 9, field).expect("grid");
            let both = [panel(&grid, &samples), panel(&grid, &[])];
            render_densities(&both, &small()).expect("picture");
        }
    }

    #[test]
    fn panels_share_colours() {
        // The same field in both panels must give the same pixels, whatever the other panel shows.
        let (grid, spike) = (normal(), Grid::from_fn(bounds(), 30, 30, |x, _| 9.0 - x * x));
        let spike = spike.expect("grid");
        let cut = |panels: &[DensityPanel<'_>], index: usize| {
            let png = render_densities(panels, &small()).expect("picture");
            let (width, pixels) = decode(&png);
            let rows = pixels.chunks(width * 3).flat_map(move |row| {
                // Without the last columns, which the outline of the bar touches.
                let panel = &row[index * 260 * 3..(index * 260 + 255) * 3];
                panel.to_vec()
            });
            rows.collect::<Vec<u8>>()
        };
        let first = cut(&[panel(&grid, &[])], 0);
        let pair = [panel(&grid, &[]), panel(&grid, &[])];
        assert!(first == cut(&pair, 1));
        assert!(first == cut(&[panel(&grid, &[]), panel(&spike, &[])], 0));
    }

    #[test]
    fn peak_and_tail_have_the_end_colours() {
        let grid = Grid::from_fn(bounds(), 60, 60, |x, _| -20.0 * (x + 2.0)).expect("grid");
        let options = DensityOptions { levels: Levels::Density(vec![0.01, 0.1]), ..small() };
        let png = render_densities(&[panel(&grid, &[])], &options).expect("picture");
        let (width, pixels) = decode(&png);
        let at = |x: usize| {
            let start = (100 * width + x) * 3;
            Rgb(pixels[start], pixels[start + 1], pixels[start + 2])
        };
        assert_eq!(at(MARGIN.left as usize + 3), band_color(2, 2));
        assert_eq!(at(200), band_color(0, 2));
    }

    #[test]
    fn bad_input_is_refused() {
        let grid = normal();
        let other = Bounds::new([0.0, 1.0], [0.0, 1.0]).expect("bounds");
        let other = Grid::from_fn(other, 3, 3, |_, _| 0.0).expect("grid");
        let refused = |panels: &[DensityPanel<'_>], options: &DensityOptions| {
            matches!(render_densities(panels, options), Err(PlotError::Input(_)))
        };
        assert!(refused(&[], &small()));
        assert!(refused(&[panel(&grid, &[]), panel(&other, &[])], &small()));
        for levels in [vec![], vec![0.0], vec![2.0, 1.0], vec![f64::NAN], vec![1.0, 1.0]] {
            let levels = Levels::Density(levels);
            assert!(refused(&[panel(&grid, &[])], &DensityOptions { levels, ..small() }));
        }
        for panel_size in [(0, 0), (u32::MAX, 300), (300, u32::MAX)] {
            let options = DensityOptions { panel_size, ..small() };
            assert!(refused(&[panel(&grid, &[])], &options));
        }
    }

    #[test]
    fn one_and_many_levels_have_a_bar() {
        let grid = normal();
        let many = (1..=256).map(f64::from).collect();
        for levels in [vec![0.5], vec![0.1, 0.5], many] {
            let levels = Levels::Density(levels);
            let options = DensityOptions { levels, ..small() };
            render_densities(&[panel(&grid, &[])], &options).expect("picture");
        }
    }

    #[test]
    fn errors_of_drawing_carry_the_path() {
        let nothing = draw_densities("never.png", &[], &small()).unwrap_err();
        assert!(matches!(&nothing, PlotError::Output { .. }));
        assert!(nothing.to_string().contains("never.png"));
        let grid = normal();
        let nowhere = draw_densities("/no/such/never.png", &[panel(&grid, &[])], &small());
        assert!(matches!(nowhere, Err(PlotError::File { action: "write", .. })));
    }
}

//! Pictures of a fitted model beside the data.

use crate::data::{Column, Table};
use crate::diagnostics::ActiveUnits;
use crate::evaluation::LogDensity;
use crate::plot::{
    Bounds, DensityOptions, DensityPanel, Grid, PlotError, Rgb, ScatterCell, line_color, render_densities,
    render_scatter, render_tiles, smoothed_histogram, usual_range,
};
use crate::run::{FitError, Fitted};
use pullback::Key;

/// Dots of a set, at most.
const DOTS: usize = 40_000;
/// Lines of the density's grid, each way.
const LINES: usize = 120;
/// Importance samples at each of its points.
const SAMPLES: usize = 128;
/// Columns that are paired, at most.
const PAIRED: usize = 5;
/// Bins of a histogram.
const BINS: usize = 40;
/// Small pictures in a row, and rows of them of data and of samples each.
const TILES: (usize, usize) = (16, 4);

/// Data in orange, the model in blue.
fn colors() -> (Rgb, Rgb) {
    (line_color(1), line_color(0))
}

fn refused(why: &str) -> FitError {
    PlotError::Input(why.to_owned()).into()
}

fn points(table: &Table, i: usize, j: usize) -> Vec<[f64; 2]> {
    table.column(i).zip(table.column(j)).take(DOTS).map(|(x, y)| [x, y]).collect()
}

/// A picture that was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The name of its file, without what follows the dot.
    pub name: &'static str,
    /// What it shows.
    pub caption: String,
    /// The PNG.
    pub png: Vec<u8>,
}

impl Fitted {
    /// The density of a model of two columns beside the data's smoothed histogram; a PNG.
    ///
    /// # Errors
    /// Another number of columns; columns of another kind than real numbers.
    pub fn picture_density(&self, data: &Table) -> Result<Vec<u8>, FitError> {
        let [first, second] = self.columns() else {
            return Err(refused("a density is drawn of two columns"));
        };
        if self.header().preprocess.is_random() || self.columns().iter().any(|c| c.levels().is_some()) {
            return Err(refused("a density is drawn of two columns of real numbers"));
        }
        let bounds = Bounds::new(usual_range(data.column(0)), usual_range(data.column(1)))?;
        let lattice = bounds.lattice(LINES, LINES);
        let columns: Vec<Column> = self.columns().to_vec();
        let table = Table::new(columns, lattice.iter().flatten().copied().collect())?;
        let (x, log_jacobian) = self.view(&table, 0)?;
        let mut log_p = LogDensity::new(SAMPLES, 64).smooth_at(self.model(), Key::new(0), &x)?;
        log_p.iter_mut().zip(log_jacobian).for_each(|(l, j)| *l += j);
        let model = Grid::new(bounds, LINES, LINES, log_p)?;
        let all: Vec<[f64; 2]> = data.column(0).zip(data.column(1)).map(|(x, y)| [x, y]).collect();
        // Wider for fewer rows, as the rate of a kernel estimate of the plane has it.
        let width = 0.06 * LINES as f64 * (all.len().max(1) as f64 / 300.0).powf(-1.0 / 6.0);
        let histogram = smoothed_histogram(bounds, LINES, LINES, &all, width.max(0.8))?;
        let panels = [
            DensityPanel { title: "data, smoothed", log_density: &histogram, samples: &[] },
            DensityPanel { title: "model", log_density: &model, samples: &[] },
        ];
        let options =
            DensityOptions { x_label: first.name.clone(), y_label: second.name.clone(), ..DensityOptions::default() };
        Ok(render_densities(&panels, &options)?)
    }

    /// Rows beside as many samples, in the first two columns; a PNG.
    ///
    /// # Errors
    /// A model that does not sample.
    pub fn picture_samples(&self, data: &Table) -> Result<Vec<u8>, FitError> {
        if self.columns().len() == 1 {
            return self.picture_pairs(data);
        }
        let drawn = self.sample(data.rows().clamp(2000, DOTS), 0)?;
        let (of_data, of_model) = colors();
        let cell = |title: &str, table: &Table, color| ScatterCell {
            title: title.to_owned(),
            x_label: self.columns()[0].name.clone(),
            y_label: self.columns()[1].name.clone(),
            x: usual_range(data.column(0)),
            y: usual_range(data.column(1)),
            dots: vec![(points(table, 0, 1), color)],
            lines: Vec::new(),
        };
        Ok(render_scatter(&[cell("data", data, of_data), cell("samples", &drawn, of_model)], 2)?)
    }

    /// Every pair of the first columns, rows under samples, with their histograms on the diagonal; a PNG.
    ///
    /// # Errors
    /// A model that does not sample.
    pub fn picture_pairs(&self, data: &Table) -> Result<Vec<u8>, FitError> {
        let n = self.columns().len().min(PAIRED);
        let drawn = self.sample(data.rows().clamp(1, DOTS), 0)?;
        let (of_data, of_model) = colors();
        let ranges: Vec<[f64; 2]> = (0..n).map(|j| usual_range(data.column(j))).collect();
        let mut cells = Vec::with_capacity(n * n);
        for i in 0..n {
            for j in 0..n {
                let mut cell = ScatterCell {
                    x_label: if i + 1 == n { self.columns()[j].name.clone() } else { String::new() },
                    // The diagonal has an axis of its own: the first row's name stands one further.
                    y_label: match j {
                        j if j == i => "density".to_owned(),
                        j if j == usize::from(i == 0) => self.columns()[i].name.clone(),
                        _ => String::new(),
                    },
                    // In two charts where there are several: those are narrow.
                    title: match (i, j) {
                        (0, 0) if n == 1 => "data in orange, model in blue",
                        (0, 0) => "data in orange",
                        (0, 1) => "model in blue",
                        _ => "",
                    }
                    .to_owned(),
                    x: ranges[j],
                    y: ranges[i],
                    ..ScatterCell::default()
                };
                if i == j {
                    let lines = [histogram(data.column(i), ranges[i]), histogram(drawn.column(i), ranges[i])];
                    let peak = lines.iter().flatten().map(|p| p[1]).fold(0.0, f64::max);
                    cell.y = [0.0, if peak > 0.0 { 1.05 * peak } else { 1.0 }];
                    let [a, b] = lines;
                    cell.lines = vec![(a, of_data), (b, of_model)];
                } else {
                    cell.dots = vec![(points(data, j, i), of_data), (points(&drawn, j, i), of_model)];
                }
                cells.push(cell);
            }
        }
        Ok(render_scatter(&cells, n)?)
    }

    /// The posterior means of rows, in the two latent numbers that depend most on them; a PNG.
    ///
    /// # Errors
    /// As [`Fitted::encode`].
    pub fn picture_latent(&self, data: &Table) -> Result<Vec<u8>, FitError> {
        let few: Vec<usize> = (0..data.rows().min(DOTS)).collect();
        let encoded = self.encode(&data.select_rows(&few))?;
        let latent: usize = self.header().config.model.latent.iter().sum();
        let mut units = ActiveUnits::new(latent);
        (0..encoded.rows()).for_each(|i| units.push(&encoded.row(i)[..latent], &encoded.row(i)[latent..]));
        let first = units.finish().by_activity();
        let (of_data, _) = colors();
        let x = usual_range(encoded.column(first[0]));
        let most = if latent > 2 { format!(" of the most active of {latent} units") } else { String::new() };
        let mut cell = ScatterCell {
            title: format!("posterior means{most}"),
            x_label: unit_name(first[0]),
            x,
            y: [0.0, 1.0],
            ..ScatterCell::default()
        };
        if latent == 1 {
            cell.y_label = "density".to_owned();
            let line = histogram(encoded.column(0), x);
            cell.y = [0.0, 1.05 * line.iter().map(|p| p[1]).fold(f64::MIN_POSITIVE, f64::max)];
            cell.lines = vec![(line, of_data)];
        } else {
            cell.y_label = unit_name(first[1]);
            cell.y = usual_range(encoded.column(first[1]));
            cell.dots = vec![(points(&encoded, first[0], first[1]), of_data)];
        }
        Ok(render_scatter(&[cell], 1)?)
    }

    /// Rows and, under them, samples, each as a picture of the pixels that its columns are; a PNG.
    ///
    /// # Errors
    /// A number of columns that is no square.
    pub fn picture_tiles(&self, data: &Table) -> Result<Vec<u8>, FitError> {
        let d = self.columns().len();
        let width = side(d).ok_or_else(|| refused("rows are drawn as pictures where they have a square of pixels"))?;
        let (across, down) = TILES;
        let n = (across * down).min(data.rows());
        let shades = |table: &Table| (0..table.rows().min(n)).map(|i| table.row(i).to_vec()).collect::<Vec<_>>();
        let drawn = self.sample(n, 0)?;
        let rows = [shades(data), shades(&drawn)].concat();
        let binary = self.header().binariser.how() != crate::data::Binarise::None;
        let white = |table: &Table| table.values().iter().copied().fold(0.0, f64::max);
        let (of_data, of_model) = (white(data), if binary { 1.0 } else { white(data) });
        let scaled: Vec<Vec<f64>> = rows
            .into_iter()
            .enumerate()
            .map(|(i, row)| row.into_iter().map(|v| v / if i < n { of_data } else { of_model }).collect())
            .collect();
        let scale = (160 / width).clamp(1, 6);
        Ok(render_tiles(&scaled, width, 1.0, across, scale)?)
    }

    /// The pictures that suit the data, for a report.
    ///
    /// # Errors
    /// Where one cannot be drawn.
    pub fn pictures(&self, data: &Table) -> Result<Vec<Drawn>, FitError> {
        let d = self.columns().len();
        let numbers = self.columns().iter().all(|c| c.levels().is_none());
        let drawn = |name, caption: &str, png| Drawn { name, caption: caption.to_owned(), png };
        Ok(if d >= 16 && side(d).is_some() {
            vec![drawn("pictures", "Rows of the data, and under them as many samples.", self.picture_tiles(data)?)]
        } else if d == 2 && numbers && !self.header().preprocess.is_random() {
            let samples = drawn("samples", "Rows beside samples.", self.picture_samples(data)?);
            // The plane around the data may hold what the model's columns cannot: then there is no such picture.
            match self.picture_density(data) {
                Ok(png) => vec![drawn("density", "The density of the model beside the data.", png), samples],
                Err(FitError::Data(_) | FitError::Model(_)) => vec![samples],
                Err(e) => return Err(e),
            }
        } else {
            vec![drawn("pairs", "Pairs of columns: data in orange, samples in blue.", self.picture_pairs(data)?)]
        })
    }
}

/// What a latent number is called, by its place from 0: `z₁`, …
fn unit_name(place: usize) -> String {
    let digits = (place + 1).to_string();
    let below = digits.bytes().filter_map(|digit| char::from_u32(0x2080 + u32::from(digit - b'0')));
    "z".chars().chain(below).collect()
}

/// The side of a square of so many pixels.
fn side(pixels: usize) -> Option<usize> {
    (1..=pixels).take_while(|s| s * s <= pixels).find(|s| s * s == pixels)
}

/// The outline of a histogram that integrates to 1.
fn histogram(values: impl ExactSizeIterator<Item = f64>, [low, high]: [f64; 2]) -> Vec<[f64; 2]> {
    let n = values.len().max(1) as f64;
    let step = (high - low) / BINS as f64;
    let mut counts = [0.0; BINS];
    for value in values {
        let place = (value - low) / step;
        if (0.0..BINS as f64).contains(&place) {
            counts[place as usize] += 1.0 / (n * step);
        }
    }
    let edge = |i: usize| low + i as f64 * step;
    counts.iter().enumerate().flat_map(|(i, &c)| [[edge(i), c], [edge(i + 1), c]]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_latent_number_has_its_place_as_a_subscript() {
        assert_eq!((super::unit_name(0).as_str(), super::unit_name(19).as_str()), ("z₁", "z₂₀"));
    }
}

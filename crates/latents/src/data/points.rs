//! One picture as a density of points in the plane.

use crate::data::error::{DataError, Fault};
use crate::data::input::Input;
use crate::data::picture::Picture;
use crate::data::random_rows::RandomRows;
use crate::data::reader::{Cells, ReadOptions, Row, Source};
use pullback::Key;
use serde::{Deserialize, Serialize};

/// Points drawn at a time.
const BLOCK: usize = 4096;

/// Which pixels of a picture of points have ink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ink {
    /// The dark ones: the points are ink on paper.
    #[default]
    Dark,
    /// The bright ones: the points are stars in the sky.
    Bright,
}

/// Points drawn from a picture: a pixel with probability proportional to its ink, a place in it uniformly.
///
/// The density is constant within a pixel. A pixel is a square of side 1; `x` goes from 0 at the left to the picture's
/// width, `y` from 0 at the bottom to its height. Ink is `1 - brightness` or the brightness itself, with
/// `brightness = (0.2126 R + 0.7152 G + 0.0722 B) / white` of the stored values.
pub(super) struct Points {
    names: Vec<String>,
    width: usize,
    height: usize,
    /// The ink of each pixel and all before it.
    sums: Vec<f64>,
    random: RandomRows,
    count: usize,
    at: usize,
    block: Vec<f64>,
    point: [f64; 2],
}

impl Points {
    pub fn new(mut input: Input, count: usize, options: &ReadOptions) -> Result<Points, DataError> {
        let &ReadOptions { ink, seed, contrast, .. } = options;
        let picture = Picture::decode(input.rest()?)?;
        let level = |pixel: &[f64]| match pixel {
            [r, g, b] => 0.2126 * r + 0.7152 * g + 0.0722 * b,
            _ => pixel[0],
        };
        let mut inks: Vec<f64> = picture
            .values
            .chunks_exact(picture.channels)
            .map(|pixel| (level(pixel) / picture.white).clamp(0.0, 1.0))
            .map(|brightness| if ink == Ink::Dark { 1.0 - brightness } else { brightness })
            .collect();
        if let Some(power) = contrast {
            if !(power.is_finite() && power > 0.0) {
                return Err(Fault::Option(format!("contrast {power}: it is a power, above 0")).into());
            }
            let (least, most) = inks.iter().fold((1.0f64, 0.0f64), |(low, high), &x| (low.min(x), high.max(x)));
            if most > least {
                inks.iter_mut().for_each(|x| *x = ((*x - least) / (most - least)).powf(power));
            }
        }
        let mut total = 0.0;
        let sums: Vec<f64> = inks
            .into_iter()
            .map(|ink| {
                total += ink;
                total
            })
            .collect();
        // White is 1 only up to rounding in the sum of the three channels.
        if total <= 1e-9 * sums.len() as f64 {
            return Err(Fault::NoInk(if ink == Ink::Dark { "dark" } else { "bright" }).into());
        }
        let random = RandomRows::new(Key::new(seed)).map_err(Fault::Tensor)?;
        let names = vec!["x".to_owned(), "y".to_owned()];
        let (width, height) = (picture.width, picture.height);
        Ok(Points { names, width, height, sums, random, count, at: 0, block: Vec::new(), point: [0.0; 2] })
    }
}

impl Source for Points {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        true
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        if self.at == self.count {
            return Ok(None);
        }
        let i = self.at % BLOCK;
        if i == 0 {
            let rows = BLOCK.min(self.count - self.at);
            self.block = self.random.uniform(self.at as u64, rows, 3).map_err(Fault::Tensor)?;
        }
        let [which, right, up] = [0, 1, 2].map(|k| self.block[3 * i + k]);
        let last = self.sums.len() - 1;
        let aim = which * self.sums[last];
        let pixel = self.sums.partition_point(|&sum| sum <= aim).min(last);
        let from_top = pixel / self.width;
        self.point = [(pixel % self.width) as f64 + right, (self.height - 1 - from_top) as f64 + up];
        self.at += 1;
        Ok(Some(Row { line: None, cells: Cells::Numbers(&self.point) }))
    }
}

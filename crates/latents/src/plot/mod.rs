//! Pictures of latent-variable models: densities with samples, training curves, and an HTML report.
//!
//! Every picture is an anti-aliased PNG drawn with a bundled font, so the output does not depend on
//! the fonts of the machine. Files are written atomically: a viewer that polls a picture during
//! training sees the old one or the new one, never half of it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

use crate::atomic::write_atomically;

mod canvas;
mod chart;
mod colormap;
mod contour;
mod curves;
mod density;
mod grid;
mod legend;
mod levels;
mod ranges;
mod report;
mod scatter;
mod smooth;
mod text;
mod ticks;
mod tiles;

pub use colormap::{Rgb, line_color, viridis};
pub use contour::{contour_lines, filled_contours};
pub use curves::{CurveOptions, ReferenceLine, Series, draw_curves, render_curves};
pub use density::{DensityOptions, DensityPanel, draw_densities, render_densities};
pub use grid::{Bounds, Grid};
pub use levels::{Levels, nice_density_levels};
pub use report::{Picture, Report};
pub use scatter::{ScatterCell, render_scatter, usual_range};
pub use smooth::smoothed_histogram;
pub use tiles::render_tiles;

/// Why a picture or a report could not be made.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum PlotError {
    /// The input cannot be drawn; the text says which part and why.
    #[error("nothing can be drawn: {0}")]
    Input(String),
    /// The rasteriser or the PNG encoder failed.
    #[error("rendering failed")]
    Render {
        /// The error of the failing library.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted: `"read"` or `"write"`.
        action: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        cause: io::Error,
    },
    /// The picture or report meant for `path` could not be made.
    #[error("cannot make {}", path.display())]
    Output {
        /// The file that was to be written.
        path: PathBuf,
        /// What went wrong before writing.
        #[source]
        cause: Box<PlotError>,
    },
}

impl PlotError {
    /// Wraps a failure of the rasteriser or the encoder.
    fn render(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Render { cause: Box::new(cause) }
    }
}

/// Writes a finished output to `path`, naming the path in any error.
fn save(path: &Path, bytes: Result<Vec<u8>, PlotError>) -> Result<(), PlotError> {
    let bytes = bytes.map_err(|cause| PlotError::Output { path: path.to_owned(), cause: Box::new(cause) })?;
    write_atomically(path, &bytes).map_err(|cause| PlotError::File { action: "write", path: path.to_owned(), cause })
}

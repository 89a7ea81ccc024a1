//! Rows of pixels as small pictures in a lattice.

use super::PlotError;

/// Pixels of the lattice beyond which it is refused.
const MOST: usize = 32_000_000;

/// Draws rows of grey pixels, each a picture of that width, in a lattice with `across` pictures to a row; 0 is black and
/// `white` is white. Every pixel is `scale` pixels wide. Returns the PNG file's bytes.
///
/// # Errors
/// [`PlotError::Input`] where there is no row, or a row is no whole number of lines.
///
/// ```
/// use latents::plot::render_tiles;
/// let rows = [vec![0.0, 1.0, 1.0, 0.0], vec![0.5; 4]];
/// assert!(render_tiles(&rows, 2, 1.0, 8, 3)?.starts_with(b"\x89PNG"));
/// assert!(render_tiles(&rows, 3, 1.0, 8, 3).is_err());
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
pub fn render_tiles(
    rows: &[Vec<f64>],
    width: usize,
    white: f64,
    across: usize,
    scale: usize,
) -> Result<Vec<u8>, PlotError> {
    let (Some(first), true) = (rows.first(), width > 0 && scale > 0 && across > 0) else {
        return Err(PlotError::Input("there is no picture".to_owned()));
    };
    let height = first.len() / width;
    if height == 0 || rows.iter().any(|row| row.len() != width * height) {
        return Err(PlotError::Input(format!("rows of {} pixels are no pictures of width {width}", first.len())));
    }
    let across = across.min(rows.len());
    let down = rows.len().div_ceil(across);
    // A line of grey between the pictures.
    let (tile_x, tile_y) = (width * scale + 1, height * scale + 1);
    let (total_x, total_y) = (across * tile_x + 1, down * tile_y + 1);
    if total_x.saturating_mul(total_y) > MOST {
        return Err(PlotError::Input(format!("a picture of {total_x} by {total_y} pixels is too large")));
    }
    let mut grey = vec![0x80u8; total_x * total_y];
    for (i, row) in rows.iter().enumerate() {
        let (left, top) = ((i % across) * tile_x + 1, (i / across) * tile_y + 1);
        for y in 0..height * scale {
            for x in 0..width * scale {
                let value = row[y / scale * width + x / scale] / white;
                // NaN is cast to 0.
                grey[(top + y) * total_x + left + x] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
    }
    let mut bytes = Vec::new();
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut bytes, size(total_x), size(total_y));
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().map_err(PlotError::render)?;
    writer.write_image_data(&grey).map_err(PlotError::render)?;
    writer.finish().map_err(PlotError::render)?;
    Ok(bytes)
}

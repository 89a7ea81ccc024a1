//! Log-weights of many rows, any number for each, by one compiled program.

use crate::estimator::{Sumo, log_weights};
use crate::model::LatentModel;
use pullback::{DType, Error, Key, Rows, Tensor, jit, map_leaves, vmap};
use std::sync::Arc;

/// Samples that share a key and, in the program, one evaluation of the proposal.
pub(crate) const SEGMENT: u32 = 512;

/// So many log-weights of one row. A row's segments are numbered, and have keys of their own: whatever is computed
/// together, the numbers are the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// The row's place in the tensor of rows.
    pub(crate) at: usize,
    /// The row's number in the whole data.
    pub(crate) row: u64,
    /// The number of the segment.
    pub(crate) number: u32,
    /// How many log-weights.
    pub(crate) count: u32,
}

#[derive(pullback::Tree)]
struct Batch {
    low: Tensor,
    high: Tensor,
    segment: Tensor,
    count: Tensor,
    x: Tensor,
}

type Run<M> = Box<dyn Fn(M, Tensor, Batch) -> Result<Tensor, Error> + Send + Sync>;

/// The program.
pub(crate) struct Sampler<M> {
    run: Run<M>,
    compiles: Box<dyn Fn() -> u64 + Send + Sync>,
    chunk: usize,
}

/// The key of a row: two words, for there may be more rows than one counts.
fn row_key(base: &Tensor, high: &Tensor, low: &Tensor) -> Key {
    Key::from_tensor(base.clone()).fold_in_of(high).fold_in_of(low)
}

fn words(row: u64) -> (u32, u32) {
    ((row >> 32) as u32, row as u32)
}

impl<M: LatentModel + 'static> Sampler<M> {
    /// With at most so many samples at a time, or one segment.
    pub(crate) fn new(chunk: usize) -> Sampler<M> {
        let compiled = Arc::new(jit(|model: M, base: Tensor, Rows(batch): Rows<Batch>| {
            let one = |low: Tensor, high: Tensor, segment: Tensor, count: Tensor, x: Tensor| {
                let key = row_key(&base, &high, &low).fold_in_of(&segment);
                log_weights(key.split_rows(&count), &x, &model)
            };
            vmap(one).call((batch.low, batch.high, batch.segment, batch.count, batch.x))
        }));
        let counted = compiled.clone();
        Sampler {
            run: Box::new(move |model, base, batch| compiled.call((model, base, Rows(batch)))),
            compiles: Box::new(move || counted.compiles()),
            chunk,
        }
    }

    /// How many programs it has been compiled to.
    pub(crate) fn compiles(&self) -> u64 {
        (self.compiles)()
    }

    /// Draws all segments in order, and hands out the log-weights of each.
    pub(crate) fn draw(
        &self,
        model: &M,
        base: Key,
        rows: &Tensor,
        segments: impl Iterator<Item = Segment>,
        mut take: impl FnMut(Segment, &[f64]),
    ) -> Result<(), Error> {
        let base = base.into_tensor();
        let mut waiting: Vec<Segment> = Vec::new();
        let mut samples = 0;
        let mut flush = |waiting: &mut Vec<Segment>| -> Result<(), Error> {
            if waiting.is_empty() {
                return Ok(());
            }
            let column = |f: fn(&Segment) -> u32| Tensor::from(waiting.iter().map(f).collect::<Vec<u32>>());
            let batch = Batch {
                low: column(|s| words(s.row).1),
                high: column(|s| words(s.row).0),
                segment: column(|s| s.number),
                count: Tensor::from(waiting.iter().map(|s| s.count as i32).collect::<Vec<i32>>()),
                x: rows.take(&Tensor::from(waiting.iter().map(|s| s.at as i32).collect::<Vec<i32>>())),
            };
            let values = (self.run)(map_leaves(model, |leaf| leaf.tensor), base.clone(), batch)?.cast(DType::F64);
            let mut rest = values.as_slice::<f64>()?;
            for segment in waiting.drain(..) {
                let (here, later) = rest.split_at(segment.count as usize);
                take(segment, here);
                rest = later;
            }
            Ok(())
        };
        for segment in segments {
            if samples > 0 && samples + segment.count as usize > self.chunk {
                flush(&mut waiting)?;
                samples = 0;
            }
            samples += segment.count as usize;
            waiting.push(segment);
        }
        flush(&mut waiting)
    }
}

/// How many samples SUMO draws: for each of the rows `first…`, one after the other, of its copies `from..to`.
pub(crate) fn stopping(sumo: &Sumo, base: Key, rows: &[(u64, std::ops::Range<u32>)]) -> Result<Vec<Vec<u32>>, Error> {
    let base = base.into_tensor();
    let all = || rows.iter().flat_map(|(row, copies)| copies.clone().map(move |c| (words(*row), c)));
    if all().next().is_none() {
        return Ok(vec![Vec::new(); rows.len()]);
    }
    let column = |f: fn(((u32, u32), u32)) -> u32| Tensor::from(all().map(f).collect::<Vec<u32>>());
    let one = |high: Tensor, low: Tensor, copy: Tensor| sumo.count(row_key(&base, &high, &low).fold_in_of(&copy));
    let counts = vmap(one).try_call((column(|(w, _)| w.0), column(|(w, _)| w.1), column(|(_, c)| c)))?;
    let mut counts = counts.to_vec::<i32>()?.into_iter().map(i32::unsigned_abs);
    Ok(rows.iter().map(|(_, copies)| counts.by_ref().take(copies.len()).collect()).collect())
}

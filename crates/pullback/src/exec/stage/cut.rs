//! Into what the rows of a stage are cut: waves, blocks, parts of long rows.
//!
//! Rows are cut evenly, by whole blocks; of examples with ragged rows come together as many as have about so many rows.
//! What sums see follows from the numbers of rows and the instruction set alone.

use super::{EXTENTS, Stage};
use crate::exec::isa::Isa;
use crate::exec::operand::RaggedBlock;
use crate::exec::pool::WORTH;
use std::ops::Range;

/// Elementary operations for which a further wave pays, which goes through the folds once more.
const WAVE_WORTH: usize = 2_000_000;

/// Bytes of a block's own buffers: they and the weights share the second cache.
const BLOCK_BYTES: usize = 512 << 10;

/// Fewest rows of a block for the largest weight, where weights take more than [`BLOCK_BYTES`]: a block goes through all of them. Where so
/// many rows take more than that too, as those of a deep network do, a block has what [`DEEP_BLOCK_BYTES`] hold of them.
const BLOCK_ROWS: usize = 32;

/// Most bytes of a block's own buffers for the sake of its weights.
const DEEP_BLOCK_BYTES: usize = 2 << 20;

/// From so many bytes on a second cache is large. Machines that have one, servers of Intel above all, have a slow third cache: a core reads
/// weights out of it at some 20 GB/s, so that a block of 512 KB is through with them before the next have come.
const LARGE_CACHE: usize = 2 << 20;

/// Bytes of a block's own buffers and of what it keeps where second caches are large and weights do not lie there as well: about what a wave
/// keeps, and its buffers. As it was measured.
const LARGE_BLOCK_BYTES: usize = (2 << 20) + (256 << 10);

/// More threads have blocks of [`BLOCK_BYTES`] in any case, to take over from each other, and share out the packing of all but
/// [`SMALL_WEIGHTS`].
const FEW_THREADS: usize = 2;

/// Bytes of weights that a thread has packed as soon as it would hear that another has.
const SMALL_WEIGHTS: usize = 64 << 10;

/// Bytes of what is kept for the folds of a wave: the second caches of two cores with vectors of 512 bits hold it.
const WAVE_BYTES: usize = 2 << 20;

/// The same where examples have their own numbers of rows: a wave of few is cut into blocks of unlike size.
const RAGGED_WAVE_BYTES: usize = 5 << 20;

const _: () = assert!(DEEP_BLOCK_BYTES <= WAVE_BYTES, "a wave has a block at the least");

/// A wave that lies in the third cache is to be so many times what folds make, late ones too, as it was measured. Waves lie
/// there with vectors of 256 bits, where second caches are smaller, and where folds make more than a wave in second caches holds.
const WAVE_FOR_MADE: usize = 4;

/// Most bytes of what is kept for the folds of a wave; so much where rows are long.
const LONG_WAVE_BYTES: usize = 16 << 20;

/// Most bytes of a block's own buffers for one example with its ragged rows; where one takes more, rows are cut.
const LONG_EXAMPLE_BYTES: usize = 16 << 20;

/// Elementary operations of a stage for each of its steps, at the least, for a further thread: going through a step takes some 0.3 us
/// whatever its rows are, and what another thread has written must be fetched.
const STEP_WORTH: usize = 2_000;

/// How many blocks there are to be for each thread, if need be of several waves, where they are not large.
const BLOCKS_A_THREAD: usize = 2;

/// How the rows are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub waves: usize,
    /// Rows that come together in a wave: each has a whole number of times so many, the last the rest as well.
    pub grain: usize,
    /// Waves whose blocks run at once, so that there are enough for all threads; so many are kept, but where two threads go
    /// by halves: these keep one wave, and go ahead of each other.
    pub together: usize,
    /// Of each wave.
    pub blocks: usize,
    /// How much of the second axis of a row is in a block at the most, where rows are cut along it, each by itself.
    pub inner: Option<usize>,
    /// Parts of each wave that small folds are made of.
    pub parts: usize,
    /// Whether weights are packed once for all blocks; if not, each block packs those that it goes through.
    pub packs: bool,
}

impl Cut {
    /// All rows at once.
    const WHOLE: Cut = Cut { waves: 1, grain: 1, together: 1, blocks: 1, inner: None, parts: 1, packs: true };

    /// Whether all rows go through every step at once.
    pub(super) fn is_whole(self) -> bool {
        self.waves * self.blocks * self.parts == 1 && self.inner.is_none()
    }

    /// Into how many blocks so much of a second axis is cut; 0 where none is.
    pub(super) fn inner_blocks(self, long: usize) -> usize {
        self.inner.map_or(0, |n| long.div_ceil(n).next_multiple_of(4).min(long).max(1))
    }
}

/// The rows that what is kept of a wave begins with, as [`Block::wave`](crate::exec::operand::Block::wave).
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub own: usize,
    pub ragged: usize,
}

/// The rows of a stage, as far as they are known when it runs.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// The number of rows of each extent.
    pub all: &'a [usize],
    /// The stage's own.
    extent: usize,
    /// The extent of ragged rows, with the first of each example's and their number.
    ragged: Option<(usize, &'a [usize])>,
    /// Whether pieces have as many rows of the stage's own each, however many ragged rows these have.
    evenly: bool,
    /// As [`Cut::grain`].
    grain: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(stage: &Stage, all: &'a [usize], starts: &'a [Vec<usize>]) -> Rows<'a> {
        let ragged = stage.ragged.map(|extent| (extent, &starts[extent][..]));
        Rows { all, extent: stage.extent, ragged, evenly: false, grain: 1 }
    }

    /// The same, to be cut so: where rows are cut along their second axis, each is a block.
    pub(super) fn for_cut(self, cut: Cut) -> Rows<'a> {
        Rows { evenly: cut.inner.is_some(), grain: cut.grain, ..self }
    }

    /// All of the stage's own.
    pub(super) fn whole(&self) -> Range<usize> {
        0..self.all[self.extent]
    }

    /// Where piece `k` of so many pieces of some rows begins.
    pub(super) fn at(&self, of: &Range<usize>, k: usize, pieces: usize) -> usize {
        let Some((_, starts)) = self.ragged.filter(|_| !self.evenly) else { return of.start + of.len() * k / pieces };
        if k == 0 || k == pieces {
            return if k == 0 { of.start } else { of.end };
        }
        // An example is as much work as its rows, and one more.
        let before = |example: usize| starts[example] + example;
        let (first, end) = (before(of.start), before(of.end));
        let aim = first + (end - first) * k / pieces;
        let (mut next, mut past) = (of.start, of.end);
        while next < past {
            let middle = next.midpoint(past);
            if before(middle) < aim { next = middle + 1 } else { past = middle }
        }
        let nearer = next > of.start && aim - before(next - 1) < before(next) - aim;
        if nearer { next - 1 } else { next }
    }

    /// Piece `k` of so many pieces of some rows.
    pub(super) fn piece(&self, of: &Range<usize>, k: usize, pieces: usize) -> Range<usize> {
        self.at(of, k, pieces)..self.at(of, k + 1, pieces)
    }

    /// Where wave `k` of so many begins: each is a whole number of grains, so that its blocks are alike.
    fn wave_at(&self, k: usize, waves: usize) -> usize {
        let whole = self.whole();
        if self.ragged.is_some() && !self.evenly {
            return self.at(&whole, k, waves);
        }
        // The last wave, which has the rest as well, has no more grains than another.
        if k == waves { whole.end } else { (self.grains() * k).div_ceil(waves) * self.grain }
    }

    /// How many grains there are, the last with what is left.
    fn grains(&self) -> usize {
        (self.whole().len() / self.grain).max(1)
    }

    /// Wave `k` of so many.
    pub(super) fn wave(&self, k: usize, waves: usize) -> Range<usize> {
        self.wave_at(k, waves)..self.wave_at(k + 1, waves)
    }

    /// The numbers of rows of each extent with these of the stage's own.
    pub(super) fn of(&self, some: &Range<usize>) -> [usize; EXTENTS] {
        let mut rows = with(self.all, self.extent, some.len());
        if let Some((extent, starts)) = self.ragged {
            rows[extent] = starts[some.end] - starts[some.start];
        }
        rows
    }

    /// The ragged rows of a block that begins with a row, of a wave of which this is kept.
    pub(super) fn ragged(&self, first: usize, kept: Kept) -> Option<RaggedBlock> {
        self.ragged.map(|(extent, starts)| RaggedBlock { extent, first: starts[first], wave: kept.ragged })
    }

    /// What is kept from a row on, after room for so many pieces before it, each of so many rows of each extent.
    pub(super) fn kept_from(&self, first: usize, before: usize, rows: &[usize; EXTENTS]) -> Kept {
        let ragged = self.ragged.map(|(extent, starts)| starts[first].wrapping_sub(before * rows[extent]));
        Kept { own: first.wrapping_sub(before * rows[self.extent]), ragged: ragged.unwrap_or(0) }
    }

    /// So many times these numbers of the stage's own rows and of ragged ones.
    pub(super) fn times(&self, n: usize, rows: &[usize; EXTENTS]) -> [usize; EXTENTS] {
        let mut all = *rows;
        [Some(self.extent), self.ragged.map(|(extent, _)| extent)].into_iter().flatten().for_each(|e| all[e] *= n);
        all
    }

    /// The numbers of rows of each extent with so many of the stage's own, each with as many ragged rows as the average.
    fn average(&self, n: usize) -> [usize; EXTENTS] {
        let mut rows = with(self.all, self.extent, n);
        if let Some((extent, _)) = self.ragged {
            rows[extent] = (self.all[extent] * n).div_ceil(self.whole().len().max(1));
        }
        rows
    }

    /// The same with one of the stage's own that has most ragged rows.
    fn longest(&self) -> [usize; EXTENTS] {
        let mut rows = with(self.all, self.extent, 1);
        if let Some((extent, starts)) = self.ragged {
            rows[extent] = starts.windows(2).map(|s| s[1] - s[0]).max().unwrap_or(0);
        }
        rows
    }

    /// The least and the most rows of each extent that some pieces have.
    fn least_and_most(&self, pieces: impl Iterator<Item = Range<usize>>) -> [[usize; EXTENTS]; 2] {
        let mut all = pieces.map(|piece| self.of(&piece));
        let mut found = [all.next().unwrap_or([0; EXTENTS]); 2];
        for rows in all {
            for (i, n) in rows.into_iter().enumerate() {
                found[0][i] = found[0][i].min(n);
                found[1][i] = found[1][i].max(n);
            }
        }
        found
    }

    /// The most rows of the stage's own that a wave of so many has.
    fn most_of_wave(&self, waves: usize) -> usize {
        let (all, grains) = (self.whole().len(), self.grains());
        let last = all - (grains - grains / waves) * self.grain;
        (grains.div_ceil(waves) * self.grain).max(last).min(all)
    }

    /// The least and the most rows of each extent in each of so many waves, cut further into so many pieces.
    pub(super) fn in_pieces(&self, waves: usize, pieces: usize) -> [[usize; EXTENTS]; 2] {
        if self.ragged.is_none() {
            let least = (self.grains() / waves * self.grain).min(self.whole().len()) / pieces;
            let most = self.most_of_wave(waves).div_ceil(pieces);
            return [least, most].map(|n| with(self.all, self.extent, n));
        }
        let waves = (0..waves).map(|k| self.wave(k, waves));
        self.least_and_most(waves.flat_map(|wave| (0..pieces).map(move |k| self.piece(&wave, k, pieces))))
    }

    /// The most rows of each extent in so many of these waves that follow each other.
    pub(super) fn most_together(&self, waves: usize, together: usize) -> [usize; EXTENTS] {
        if self.ragged.is_none() {
            let most = (self.most_of_wave(waves) * together).min(self.whole().len());
            return with(self.all, self.extent, most);
        }
        let groups = (0..waves).step_by(together);
        let group = |k: usize| self.wave_at(k, waves)..self.wave_at((k + together).min(waves), waves);
        self.least_and_most(groups.map(group))[1]
    }
}

impl Stage {
    /// Bytes that a wave may keep.
    fn wave_bytes(&self, rows: &[usize], isa: Isa) -> usize {
        let least = if self.ragged.is_some() { RAGGED_WAVE_BYTES } else { WAVE_BYTES };
        let made: usize =
            self.folds.iter().flat_map(|f| &f.step.writes).map(|t| t.size.get(rows) * t.dtype.size()).sum();
        // Measured with vectors of 512 bits and of 256; with NEON nobody has.
        if isa != Isa::Avx2 && made <= least {
            return least;
        }
        (WAVE_FOR_MADE * made).clamp(least, LONG_WAVE_BYTES)
    }

    /// Bytes of a block's own buffers for so many rows of each extent; of those for parts of rows alone, or of all.
    fn block_bytes(&self, rows: &[usize], inner: bool) -> usize {
        self.bytes[usize::from(inner)].get(rows)
    }

    /// Bytes of the weights that a block goes through.
    fn weights_bytes(&self, rows: Rows<'_>) -> usize {
        self.weights.iter().map(|w| w.bytes.get(rows.all)).sum()
    }

    /// Rows of its own that a block is to have for the weights that it goes through.
    fn rows_for_weights(&self, rows: Rows<'_>) -> usize {
        let sizes = self.weights.iter().map(|w| (w.bytes.get(rows.all), w.rows.get(rows.all)));
        match sizes.max() {
            Some((_, multiplied)) if multiplied > 0 && self.weights_bytes(rows) > BLOCK_BYTES => {
                (BLOCK_ROWS * rows.whole().len()).div_ceil(multiplied)
            }
            _ => 0,
        }
    }

    /// Whether blocks are to be large, so that weights are gone through less often.
    fn has_large_blocks(&self, rows: Rows<'_>, threads: usize, isa: Isa, second_cache: usize) -> bool {
        may_follow_caches(threads, isa, second_cache) && self.weights_bytes(rows) > second_cache - BLOCK_BYTES
    }

    /// Whether threads that have a block each share out the packing of weights; if not, every one packs all for itself: where third
    /// caches are slow, what is packed for all passes through them, or memory, once more, and so it does on one thread.
    fn shares_packing(&self, rows: Rows<'_>, threads: usize, isa: Isa, second_cache: usize) -> bool {
        self.weights_bytes(rows) > SMALL_WEIGHTS && !may_follow_caches(threads, isa, second_cache)
    }

    /// Into what its rows are cut where second caches hold so many bytes.
    pub(super) fn cut(&self, rows: Rows<'_>, threads: usize, isa: Isa, second_cache: usize) -> Cut {
        let all = rows.whole().len();
        let operations = self.operations(rows.all);
        let pays = operations / WORTH;
        if all == 0 || pays == 0 {
            return Cut::WHOLE;
        }
        let row = self.block_bytes(rows.all, false).div_ceil(all).max(1);
        let kept: usize = self.waves.iter().map(|(_, c, dtype)| c.get(rows.all) * dtype.size()).sum();
        let kept = kept.div_ceil(all);
        let is_long = || row > 2 * BLOCK_BYTES || self.block_bytes(&rows.longest(), false) > LONG_EXAMPLE_BYTES;
        if let Some(inner) = self.inner.filter(|_| is_long()) {
            let mut one = rows.longest();
            one[inner] = 1;
            let in_block = (BLOCK_BYTES / self.block_bytes(&one, true).max(1)).max(1);
            // What folds read of a long row is much; yet a fold of few rows goes through all that it makes.
            let rows = if self.waves.is_empty() { all } else { (LONG_WAVE_BYTES / kept.max(1)).clamp(1, all) };
            let waves = all.div_ceil(rows);
            let rows = all.div_ceil(waves);
            return Cut { waves, blocks: rows, inner: Some(in_block), ..Cut::WHOLE };
        }
        let held_by = |bytes: usize| (bytes / (row + kept)).clamp(1, all);
        let in_block = held_by(BLOCK_BYTES).max(held_by(DEEP_BLOCK_BYTES).min(self.rows_for_weights(rows)));
        // Whole blocks, as many for each of two or four threads; not fewer waves than there is work for.
        // A wave of one row would be one thread's.
        let long = (LONG_WAVE_BYTES / kept.max(1)).clamp(1, 4);
        let in_wave = (self.wave_bytes(rows.all, isa) / kept.max(1)).max(long) / in_block;
        let grain = in_block * if in_wave >= 4 { 4 } else { in_wave.min(2) };
        let in_wave = (in_wave * in_block / grain).max(1) * grain;
        let rows = Rows { grain, ..rows };
        let waves = all.div_ceil(in_wave).min(operations / WAVE_WORTH).clamp(1, rows.grains());
        let waves = if self.waves.is_empty() { 1 } else { waves };
        let in_wave = rows.most_of_wave(waves);
        let parts = self.parts_of(&rows.average(in_wave));
        // The same rows come out of every block, so that their number, and that of waves at once, may follow the machine. Large blocks
        // leave waves at once as they were: there are more small ones than threads.
        let blocks = in_wave.div_ceil(in_block);
        let together = waves.div_ceil(waves.div_ceil((BLOCKS_A_THREAD * threads / blocks).max(1)));
        let blocks = match blocks > threads && self.has_large_blocks(rows, threads, isa, second_cache) {
            true => in_wave.div_ceil(held_by(LARGE_BLOCK_BYTES).max(in_block)),
            false => blocks,
        };
        // What would be one block is cut for no more threads than each step has work for.
        let steps: usize = self.segments.iter().map(|s| s.steps.len()).sum();
        let used = match waves * blocks {
            1 => threads.min(operations / (STEP_WORTH * steps).max(1)).max(1),
            _ => threads,
        };
        let blocks = blocks.max((pays / waves).min(used / together)).next_multiple_of(used.div_ceil(together));
        let blocks = blocks.min(in_wave);
        let packs = waves * blocks > used || self.shares_packing(rows, used, isa, second_cache);
        Cut { waves, grain, together, blocks, inner: None, parts, packs }
    }
}

/// Whether second caches are large, for so few threads that blocks may follow from that.
fn may_follow_caches(threads: usize, isa: Isa, second_cache: usize) -> bool {
    // Without vectors of our own a product's rows may depend on how many there are.
    isa != Isa::Base && threads <= FEW_THREADS && second_cache >= LARGE_CACHE
}

/// The numbers of rows with another one for an extent.
pub(super) fn with(rows: &[usize], extent: usize, n: usize) -> [usize; EXTENTS] {
    let mut all = [0; EXTENTS];
    all[..rows.len()].copy_from_slice(rows);
    all[extent] = n;
    all
}

#[cfg(test)]
mod tests;

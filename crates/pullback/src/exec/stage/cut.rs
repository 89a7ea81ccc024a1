//! Into what the rows of a stage are cut: waves, blocks, parts of long rows.
//!
//! Rows are cut evenly, by whole blocks; of examples with ragged rows come together as many as have about so many rows.
//! What sums see follows from the numbers of rows and the instruction set alone.

use super::{EXTENTS, Local, Stage};
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

/// Bytes that are a large second cache, as servers of Intel have one, whose third cache is slow: one core reads weights out of it at 10 to
/// 20 GB/s. There a block is as large as [`LARGE_BLOCK_BYTES`] and its wave allow, so that weights of more than [`BLOCK_BYTES`] are gone through less often.
const LARGE_CACHE: usize = 2 << 20;

/// Bytes of such a block's own buffers and of what it keeps.
const LARGE_BLOCK_BYTES: usize = 9 << 18;

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

/// How many blocks there are to be for each thread, if need be of several waves.
const BLOCKS_A_THREAD: usize = 2;

/// How the rows are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub waves: usize,
    /// Rows that come together in a wave: each has a whole number of times so many, the last the rest as well.
    pub grain: usize,
    /// Waves whose blocks run at once, so that there are enough for all threads; so many are kept.
    pub together: usize,
    /// Of each wave.
    pub blocks: usize,
    /// How much of the second axis of a row is in a block at the most, where rows are cut along it, each by itself.
    pub inner: Option<usize>,
    /// Parts of each wave that small folds are made of.
    pub parts: usize,
}

impl Cut {
    /// All rows at once.
    const WHOLE: Cut = Cut { waves: 1, grain: 1, together: 1, blocks: 1, inner: None, parts: 1 };

    /// Whether all rows go through every step at once.
    pub(super) fn is_whole(self) -> bool {
        self.waves * self.blocks * self.parts == 1 && self.inner.is_none()
    }

    /// Into how many blocks so much of a second axis is cut; 0 where none is.
    pub(super) fn inner_blocks(self, long: usize) -> usize {
        self.inner.map_or(0, |n| long.div_ceil(n).next_multiple_of(4).min(long).max(1))
    }
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

    /// The ragged rows of a block that begins with a row, of a wave that begins with another.
    pub(super) fn ragged(&self, first: usize, wave: usize) -> Option<RaggedBlock> {
        self.ragged.map(|(extent, starts)| RaggedBlock { extent, first: starts[first], wave: starts[wave] })
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
        let of = |l: &Local| l.sizes.iter().map(|c| c.get(rows)).max().unwrap_or(0) * l.dtype.size();
        self.locals.iter().filter(|l| !l.parts && (l.inner || !inner)).map(of).sum()
    }

    /// Whether its weights are more than the second cache holds beside a block, which goes through all of them.
    fn weighs(&self, rows: Rows<'_>) -> bool {
        self.weights.iter().map(|w| w.bytes.get(rows.all)).sum::<usize>() > BLOCK_BYTES
    }

    /// Rows of its own that a block is to have for the weights that it goes through.
    fn rows_for_weights(&self, rows: Rows<'_>) -> usize {
        let sizes = self.weights.iter().map(|w| (w.bytes.get(rows.all), w.rows.get(rows.all)));
        match sizes.max() {
            Some((_, multiplied)) if multiplied > 0 && self.weighs(rows) => {
                (BLOCK_ROWS * rows.whole().len()).div_ceil(multiplied)
            }
            _ => 0,
        }
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
        let mut one = rows.longest();
        let long = row > 2 * BLOCK_BYTES || self.block_bytes(&one, false) > LONG_EXAMPLE_BYTES;
        if let Some(inner) = self.inner.filter(|_| long) {
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
        // The same rows come out of every block, so that their number, and that of waves at once, may follow the machine.
        let blocks = in_wave.div_ceil(in_block);
        let together = waves.div_ceil(waves.div_ceil((BLOCKS_A_THREAD * threads / blocks).max(1)));
        // Without vectors of our own that cannot be said of rows.
        let large = isa != Isa::Base && second_cache >= LARGE_CACHE && self.weighs(rows);
        let most = if large { held_by(LARGE_BLOCK_BYTES).max(in_block) } else { in_block };
        let blocks = in_wave.div_ceil(most).max(blocks.min(threads));
        let blocks = blocks.max((pays / waves).min(threads / together)).next_multiple_of(threads.div_ceil(together));
        Cut { waves, grain, together, blocks: blocks.min(in_wave), inner: None, parts }
    }
}

/// The numbers of rows with another one for an extent.
pub(super) fn with(rows: &[usize], extent: usize, n: usize) -> [usize; EXTENTS] {
    let mut all = [0; EXTENTS];
    all[..rows.len()].copy_from_slice(rows);
    all[extent] = n;
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::extent::Count;
    use crate::exec::plan::plan;
    use crate::exec::schedule::Run;
    use crate::exec::step::Weight;
    use crate::{DType, Key, Rows as RowsOf, Tensor, grad, jit, vmap};

    /// The stage of a gradient of so many layers of so many numbers for each row, or for some rows of each example, and the numbers
    /// of rows of all extents for so many of its own.
    fn stage_of(layers: usize, width: usize, samples: Option<usize>, n: usize) -> (Stage, Vec<usize>) {
        let network = |ws: Vec<Tensor>, RowsOf(xs): RowsOf<Tensor>| {
            let loss = |ws: Vec<Tensor>| {
                let one = |x: Tensor| ws.iter().fold(x, |x, w| x.dot(w).tanh()).sum();
                vmap(one).call(xs.clone()).sum()
            };
            grad(loss).call(ws)
        };
        let normal = |shape: &[usize]| Key::new(0).normal(shape, DType::F32);
        let rows = [Some(2), samples, Some(width)].into_iter().flatten().collect::<Vec<_>>();
        let args = (vec![normal(&[width, width]); layers], RowsOf(normal(&rows)));
        let plan = plan(&jit(network).graph(args).expect("a network"));
        let mut all = plan.rows.lengths();
        let stage = plan.runs.into_iter().find_map(|run| if let Run::Stage(stage) = run { Some(stage) } else { None });
        let stage = stage.expect("its rows are a stage");
        all[stage.extent] = n;
        (stage, all)
    }

    /// How it is cut by two threads, and the rows of the smallest and of the largest block.
    fn cut_of((stage, all): &(Stage, Vec<usize>), isa: Isa) -> (Cut, [usize; 2]) {
        let rows = Rows::new(stage, all, &[]);
        let cut = stage.cut(rows, 2, isa, 1 << 20);
        let rows = rows.for_cut(cut);
        let blocks = (0..cut.waves).map(|k| rows.wave(k, cut.waves));
        let mut sizes: Vec<usize> = blocks
            .flat_map(|wave| (0..cut.blocks).map(move |k| rows.piece(&wave, k, cut.blocks).len()))
            .filter(|&n| n > 0)
            .collect();
        sizes.sort_unstable();
        (cut, [sizes[0], sizes[sizes.len() - 1]])
    }

    #[test]
    fn blocks_of_deep_networks_have_rows_for_their_weights() {
        // Forty weights of 64 KB, packed for both ways; a row takes a twelfth of a block's bytes.
        let (cut, [least, most]) = cut_of(&stage_of(40, 128, None, 2_000), Isa::Avx512);
        assert!(least >= 24 && most <= BLOCK_ROWS, "{cut:?}: {least} to {most}");
        // Four times as many layers: what the most bytes hold.
        let (cut, [_, most]) = cut_of(&stage_of(160, 128, None, 2_000), Isa::Avx512);
        assert!((9..14).contains(&most), "{cut:?}: {most}");
        let for_weights = |(stage, all): (Stage, Vec<usize>)| stage.rows_for_weights(Rows::new(&stage, &all, &[]));
        assert_eq!(for_weights(stage_of(40, 128, None, 2_000)), BLOCK_ROWS);
        // Examples of 20 rows each, and of more than a block is to have.
        assert_eq!(for_weights(stage_of(40, 128, Some(20), 200)), 2);
        assert_eq!(for_weights(stage_of(40, 128, Some(50), 200)), 1);
        // The largest weight decides, whatever goes through others.
        let (mut stage, all) = stage_of(40, 128, Some(50), 200);
        stage.weights.insert(0, Weight { bytes: Count::known(1 << 20), rows: Count::known(200) });
        assert_eq!(for_weights((stage, all)), BLOCK_ROWS);
        // Weights that the second cache holds beside a block.
        assert_eq!(for_weights(stage_of(100, 16, None, 20_000)), 0);
    }

    #[test]
    fn blocks_are_as_large_as_a_large_second_cache_and_waves_stay_as_they_are() {
        // Examples of 50 rows of four layers, whose weights take 1.3 MB for both ways.
        let (stage, all) = stage_of(4, 200, Some(50), 100);
        let rows = Rows::new(&stage, &all, &[]);
        let cut = |threads, isa, cache| stage.cut(rows, threads, isa, cache);
        for isa in [Isa::Avx512, Isa::Avx2, Isa::Neon] {
            let [small, large] = [1 << 20, 2 << 20].map(|cache| cut(1, isa, cache));
            assert!(2 * large.blocks <= small.blocks, "{isa:?}: {small:?} {large:?}");
            assert!(Cut { blocks: small.blocks, ..large } == small, "{isa:?}: {small:?} {large:?}");
            // One for each of two threads, and for more no fewer than there were.
            assert!(cut(2, isa, 2 << 20).blocks >= 2, "{isa:?}");
            assert_eq!(cut(8, isa, 2 << 20), cut(8, isa, 1 << 20), "{isa:?}");
        }
        assert_eq!(cut(8, Isa::Base, 2 << 20), cut(8, Isa::Base, 0));
        // Two layers' weights the second cache holds beside a block.
        let (stage, all) = stage_of(2, 128, Some(50), 100);
        let [small, large] =
            [1, 2].map(|megabytes| stage.cut(Rows::new(&stage, &all, &[]), 1, Isa::Avx512, megabytes << 20));
        assert!(small == large && small.blocks > 1, "{small:?} {large:?}");
    }

    #[test]
    fn waves_are_as_large_as_what_sums_make_where_second_caches_do_not_hold_them() {
        let rows_of = |cut: Cut, n: usize| n / cut.waves;
        // Forty sums of 64 KB each, of 41 KB a row: ten megabytes of them.
        let (cut, _) = cut_of(&stage_of(40, 128, None, 2_000), Isa::Avx512);
        assert!((180..=256).contains(&rows_of(cut, 2_000)), "{cut:?}");
        // Twenty are less than second caches hold: a wave of that, or with AVX2 of four times what they make.
        let some = stage_of(20, 128, None, 20_000);
        let [near, far] = [Isa::Avx512, Isa::Avx2].map(|isa| rows_of(cut_of(&some, isa).0, 20_000));
        assert!((60..=110).contains(&near) && (2 * near..=260).contains(&far), "{near} and {far}");
    }

    #[test]
    fn waves_are_whole_grains_and_no_piece_is_outside_of_what_is_said() {
        for (n, grain) in (1..90).flat_map(|n| [1, 3, 4, 8, 100].map(|grain| (n, grain))) {
            let rows = Rows { all: &[n], extent: 0, ragged: None, evenly: false, grain };
            for waves in 1..=rows.grains() {
                let all: Vec<Range<usize>> = (0..waves).map(|k| rows.wave(k, waves)).collect();
                assert!(all[0].start == 0 && all[waves - 1].end == n, "{n} by {grain}: {all:?}");
                assert!(all.windows(2).all(|w| w[0].end == w[1].start && w[0].len().is_multiple_of(grain)), "{all:?}");
                assert!(all.iter().all(|wave| wave.len() >= grain.min(n)), "{n} by {grain}: {all:?}");
                for pieces in 1..6 {
                    let [least, most] = rows.in_pieces(waves, pieces).map(|rows| rows[0]);
                    let mut cut = all.iter().flat_map(|wave| (0..pieces).map(|k| rows.piece(wave, k, pieces).len()));
                    assert!(cut.all(|n| (least..=most).contains(&n)), "{n} by {grain}, {waves} waves, {pieces} pieces");
                }
                for together in 1..4 {
                    let [most, ..] = rows.most_together(waves, together);
                    let held = |w: &[Range<usize>]| w[w.len() - 1].end - w[0].start <= most;
                    assert!(all.chunks(together).all(held), "{n} by {grain}, {waves} waves, {together} together");
                }
            }
        }
    }
}

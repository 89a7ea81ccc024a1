//! What blocks and waves hold, and that neither the machine's caches nor threads change what comes of them.

use super::*;
use crate::array::Array;
use crate::exec::Program;
use crate::exec::extent::Count;
use crate::exec::plan::plan;
use crate::exec::schedule::Run;
use crate::exec::step::Weight;
use crate::{DType, Key, Rows as RowsOf, Tensor, Tree, grad, jit, vmap, with_threads};
use std::collections::HashMap;
use std::sync::Arc;

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
    let stage = plan.runs.into_iter().find_map(|run| if let Run::Stage(stage) = run { Some(*stage) } else { None });
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
fn blocks_of_large_second_caches_go_through_much_and_waves_stay_as_they_are() {
    // Examples of 50 rows of eight layers, of 160 KB both ways.
    let (stage, all) = stage_of(8, 200, Some(50), 100);
    let rows = Rows::new(&stage, &all, &[]);
    let cut = |threads, isa, cache| stage.cut(rows, threads, isa, cache);
    for isa in [Isa::Avx512, Isa::Avx2, Isa::Neon] {
        let [small, large] = [1 << 20, 2 << 20].map(|cache| cut(1, isa, cache));
        assert!(2 * large.blocks <= small.blocks, "{isa:?}: {small:?} {large:?}");
        assert!(Cut { blocks: small.blocks, packs: true, ..large } == small, "{isa:?}: {small:?} {large:?}");
        let row = stage.block_bytes(rows.all, false) + stage.waves.iter().map(|w| w.1.get(rows.all) * 4).sum::<usize>();
        let most = rows.most_of_wave(large.waves).div_ceil(large.blocks) * row / 100;
        assert!((LARGE_BLOCK_BYTES / 2..=LARGE_BLOCK_BYTES).contains(&most), "{isa:?}: {most} bytes of {large:?}");
        // Both of two threads have one, and more have as many as they had.
        assert!(cut(2, isa, 2 << 20).blocks.is_multiple_of(2), "{isa:?}");
        for threads in [3, 4, 8] {
            assert_eq!(cut(threads, isa, 2 << 20), cut(threads, isa, 1 << 20), "{isa:?}");
        }
    }
    assert_eq!(cut(1, Isa::Base, 2 << 20), cut(1, Isa::Base, 0));
    // Half as many weights lie in the second cache beside a small block.
    let (stage, all) = stage_of(4, 200, Some(50), 100);
    let cut = |cache| stage.cut(Rows::new(&stage, &all, &[]), 1, Isa::Avx512, cache);
    assert!(cut(2 << 20) == cut(1 << 20) && cut(0).blocks > 1, "{:?}", cut(2 << 20));
}

#[test]
fn blocks_pack_weights_themselves_where_few_threads_have_one_each() {
    let packs = |(stage, all): &(Stage, Vec<usize>), threads, isa, cache| {
        let cut = stage.cut(Rows::new(stage, all, &[]), threads, isa, cache);
        (cut.waves * cut.blocks, cut.packs)
    };
    let few = stage_of(8, 200, None, 40);
    for (threads, blocks) in [(1, 1), (2, 2)] {
        assert_eq!(packs(&few, threads, Isa::Avx512, 2 << 20), (blocks, false));
        // Where second caches are smaller each thread packs a part, as with more threads.
        assert_eq!(packs(&few, threads, Isa::Avx512, 1 << 20), (blocks, true));
        assert_eq!(packs(&few, threads, Isa::Base, 2 << 20), (blocks, true));
    }
    assert!(packs(&few, 3, Isa::Avx512, 2 << 20).1);
    // Small weights all threads pack.
    assert_eq!(packs(&stage_of(4, 32, None, 1_000), 2, Isa::Avx2, 0), (2, false));
    // Several blocks for each thread go through weights that are packed once.
    let many = stage_of(8, 200, None, 20_000);
    for threads in [1, 2] {
        let (blocks, packs) = packs(&many, threads, Isa::Avx512, 2 << 20);
        assert!(blocks > threads && packs, "{blocks} blocks for {threads}");
    }
}

#[test]
fn two_threads_go_by_halves_where_all_sums_are_of_both() {
    let (stage, all) = stage_of(10, 200, None, 4_000);
    let (cut, _) = cut_of(&(stage.clone(), all.clone()), Isa::Avx512);
    let made_of: Vec<usize> = stage.folds.iter().map(|fold| stage.made_of(fold, &all, cut)).collect();
    assert!(cut.waves > 1 && stage.goes_by_halves(cut, &made_of), "{cut:?}, {made_of:?}");
    // One sum of all rows, or blocks that lie in both halves, and they go together.
    for k in 0..made_of.len() {
        let with = |parts: usize| [&made_of[..k], &[parts], &made_of[k + 1..]].concat();
        assert!(stage.goes_by_halves(cut, &with(4)) && !stage.goes_by_halves(cut, &with(1)), "{made_of:?}");
    }
    assert!(!stage.goes_by_halves(Cut { blocks: 3, ..cut }, &made_of));
    assert!(!stage.goes_by_halves(Cut { inner: Some(10), ..cut }, &made_of));
}

#[test]
fn a_second_thread_has_something_to_do_in_each_step() {
    let (stage, mut all) = stage_of(20, 16, None, 0);
    let steps: usize = stage.segments.iter().map(|s| s.steps.len()).sum();
    let mut blocks = HashMap::new();
    for n in 1..400 {
        all[stage.extent] = n;
        let operations = stage.operations(&all);
        let cut = stage.cut(Rows::new(&stage, &all, &[]), 2, Isa::Avx512, 1 << 20);
        let threads = (operations / (STEP_WORTH * steps)).clamp(1, 2);
        assert!(operations < WORTH || cut.blocks.is_multiple_of(threads), "{n} rows: {cut:?}");
        assert!(threads == 2 || cut.blocks == 1, "{n} rows: {cut:?}");
        *blocks.entry(cut.blocks).or_insert(0) += usize::from(operations >= WORTH);
    }
    assert!(blocks.len() == 2 && blocks.values().all(|&n| n > 5), "{blocks:?}");
}

/// Results for weights and for rows by second caches of 1 MB and of 2, on one thread and on two, and how many bytes buffers take.
fn by_caches<R: Tree>(
    f: impl Fn(Vec<Tensor>, RowsOf<Tensor>) -> R + 'static,
    ws: &[Tensor],
    xs: &Tensor,
) -> [Vec<usize>; 2] {
    let graph = jit(f).graph((ws.to_vec(), RowsOf(xs.clone()))).expect("a network");
    let value = |t: &Tensor| Arc::new(t.value().expect("a value").clone());
    let args: Vec<Arc<Array>> = ws.iter().chain([xs]).map(value).collect();
    let mut found = Vec::new();
    let bytes = [1, 2].map(|megabytes| {
        let of = |threads| {
            let mut program = Program::compile(graph.clone());
            program.second_cache = megabytes << 20;
            let results = with_threads(threads, || program.run(args.clone())).expect("results");
            found.push(results.iter().map(|t| t.to_vec::<f32>().expect("numbers")).collect::<Vec<_>>());
            program.bytes()
        };
        [1, 2].map(of).to_vec()
    });
    let bits = |all: &[Vec<f32>]| all.concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(found[1..].iter().all(|other| bits(other) == bits(&found[0])), "by caches and threads");
    bytes
}

#[test]
fn large_blocks_change_no_bit() {
    let normal = |seed, shape: &[usize]| Key::new(seed).normal(shape, DType::F32);
    let ws: Vec<Tensor> = (0..10).map(|k| &normal(k, &[200, 200]) * 0.08).collect();
    let one = |ws: &[Tensor], x: Tensor| ws.iter().fold(x, |x, w| x.dot(w).tanh());
    let cut_otherwise = |small: &[usize], large: &[usize]| small.iter().zip(large).all(|(small, large)| small != large);
    let gradient = move |ws: Vec<Tensor>, RowsOf(xs): RowsOf<Tensor>| {
        grad(move |ws: Vec<Tensor>| vmap(move |x: Tensor| one(&ws, x).sum()).call(xs.clone()).sum()).call(ws)
    };
    // So short that waves of whole large blocks would be others.
    let [small, large] = by_caches(gradient, &ws, &normal(20, &[2_050, 200]));
    assert!(cut_otherwise(&small, &large), "{small:?} {large:?}");
    // Rows that meet nowhere: on one thread all go through every step at once.
    let forward = move |ws: Vec<Tensor>, RowsOf(xs): RowsOf<Tensor>| vmap(move |x: Tensor| one(&ws, x)).call(xs);
    let [small, large] = by_caches(forward, &[&ws[..], &ws[..]].concat(), &normal(21, &[700, 200]));
    assert!(cut_otherwise(&small, &large), "{small:?} {large:?}");
}

#[test]
fn weights_that_blocks_pack_themselves_change_no_bit() {
    let normal = |seed, shape: &[usize]| Key::new(seed).normal(shape, DType::F32);
    // Panels of one depth and of two; of few rows a product with whole vectors takes a way of its own.
    // More rows than read weights where they lie, and rows that are no whole vectors.
    for (width, rows) in [(200, 40), (600, 40), (208, 24), (200, 130), (203, 80)] {
        let ws: Vec<Tensor> = (0..6).map(|k| &normal(k, &[width, width]) * 0.05).collect();
        let gradient = |ws: Vec<Tensor>, RowsOf(xs): RowsOf<Tensor>| {
            let one = |ws: &[Tensor], x: Tensor| ws.iter().fold(x, |x, w| x.dot(w).tanh()).sum();
            grad(move |ws: Vec<Tensor>| vmap(move |x: Tensor| one(&ws, x)).call(xs.clone()).sum()).call(ws)
        };
        let [packed, by_blocks] = by_caches(gradient, &ws, &normal(20, &[rows, width]));
        // All weights once, and on the way back all but the first again.
        let bytes = 11 * width * width * size_of::<f32>();
        let saves = packed.iter().zip(&by_blocks).all(|(packed, by_blocks)| *packed >= by_blocks + bytes);
        assert!(saves, "{width}, {rows} rows: {packed:?} and {by_blocks:?} bytes for {bytes}");
    }
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

#[test]
fn buffers_have_room_whatever_was_called_before() {
    let normal = |seed, shape: &[usize]| Key::new(seed).normal(shape, DType::F32);
    let ws: Vec<Tensor> = (0..4).map(|k| &normal(k, &[64, 64]) * 0.1).collect();
    let gradient = |ws: Vec<Tensor>, RowsOf(xs): RowsOf<Tensor>| {
        let one = |ws: &[Tensor], x: Tensor| ws.iter().fold(x, |x, w| x.dot(w).tanh()).sum();
        grad(move |ws: Vec<Tensor>| vmap(move |x: Tensor| one(&ws, x)).call(xs.clone()).sum()).call(ws)
    };
    let graph = jit(gradient).graph((ws.clone(), RowsOf(normal(9, &[8, 64])))).expect("a network");
    let mut program = Program::compile(graph.clone());
    for (n, threads) in [(600, 1), (300, 2), (600, 2), (3_000, 1), (2_000, 4), (5, 2), (3_000, 4), (3_001, 3)] {
        let value = |t: &Tensor| Arc::new(t.value().expect("a value").clone());
        let args: Vec<Arc<Array>> = ws.iter().chain([&normal(n as u64, &[n, 64])]).map(value).collect();
        let [again, anew] = [&mut program, &mut Program::compile(graph.clone())].map(|program| {
            let results = with_threads(threads, || program.run(args.clone())).expect("results");
            results.iter().flat_map(|t| t.to_vec::<f32>().expect("numbers")).map(f32::to_bits).collect::<Vec<_>>()
        });
        assert!(again == anew, "{n} rows on {threads} threads");
    }
}

//! Products against plain loops, for every instruction set and several numbers of threads.

use super::*;

/// Numbers in (-1, 1), the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * n as f64) as usize
    }

    /// Strides for a matrix of this shape: by rows or columns, contiguous, with gaps, or with gaps in both.
    fn strides(&mut self, rows: usize, cols: usize) -> (usize, usize) {
        let (inner, gap) = ([1, 1, 1, 3][self.below(4)], [0, 0, 5][self.below(3)]);
        if self.below(2) == 0 { (cols * inner + gap, inner) } else { (inner, rows * inner + gap) }
    }
}

trait Real: Gemm + Into<f64> {
    const EPSILON: f64;
    fn from(x: f64) -> Self;
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn from(x: f64) -> f32 {
        x as f32
    }
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn from(x: f64) -> f64 {
        x
    }
}

/// Sums without a tail.
fn sums<T>(accumulate: bool) -> Ending<'static, T> {
    Ending { accumulate, tail: None }
}

/// One product, every instruction set, 1 to 3 threads: against plain loops, and bit against bit.
fn check<T: Real>(noise: &mut Noise, pools: &[Pool], (m, k, n): (usize, usize, usize), special: bool) {
    let strides = [noise.strides(m, n), noise.strides(m, k), noise.strides(k, n)];
    // Not an element more than needed, so that a sanitizer sees every step too far.
    let len = |rows: usize, cols: usize, (r, c): (usize, usize)| match rows.min(cols) {
        0 => 0,
        _ => (rows - 1) * r + (cols - 1) * c + 1,
    };
    let mut draw = |len: usize| -> Vec<T> {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0];
        let one = |_| {
            if special && noise.below(40) == 0 { odd[noise.below(4)] } else { noise.next() }
        };
        (0..len).map(one).map(Real::from).collect()
    };
    let (before, a, b) = (draw(len(m, n, strides[0])), draw(len(m, k, strides[1])), draw(len(k, n, strides[2])));
    for (isa, accumulate) in Isa::all().flat_map(|isa| [(isa, false), (isa, true)]) {
        let run = |pool: &Pool| {
            let mut c = before.clone();
            let ([cs, sa, sb], (av, bv)) = (strides, (&a, &b));
            let cv = ViewMut::new(&mut c, m, n, cs.0, cs.1);
            gemm_on(isa, pool, cv, View::new(av, m, k, sa.0, sa.1), View::new(bv, k, n, sb.0, sb.1), sums(accumulate));
            c
        };
        let got = run(&pools[0]);
        let bits = |c: &[T]| c.iter().map(|&x| Into::<f64>::into(x).to_bits()).collect::<Vec<_>>();
        for pool in &pools[1..] {
            assert_eq!(bits(&run(pool)), bits(&got), "{m}x{k}x{n} {isa:?}: {} threads", pool.threads());
        }
        let mut untouched = got.clone();
        let at = |x: &[T], (r, c): (usize, usize), i: usize, j: usize| -> f64 { x[i * r + j * c].into() };
        for i in 0..m {
            for j in 0..n {
                let old = if accumulate { at(&before, strides[0], i, j) } else { 0.0 };
                let (mut want, mut size) = (old, old.abs());
                for p in 0..k {
                    let product = at(&a, strides[1], i, p) * at(&b, strides[2], p, j);
                    (want, size) = (want + product, size + product.abs());
                }
                let found = at(&got, strides[0], i, j);
                let close = (found - want).abs() <= T::EPSILON * (k + 2) as f64 * size;
                assert!(
                    found == want || (found.is_nan() && want.is_nan()) || close,
                    "{m}x{k}x{n} {isa:?} {strides:?} accumulate {accumulate}: {found} for {want} at {i}, {j}"
                );
                untouched[i * strides[0].0 + j * strides[0].1] = before[i * strides[0].0 + j * strides[0].1];
            }
        }
        assert_eq!(bits(&untouched), bits(&before), "{m}x{k}x{n} {isa:?} wrote beside C");
    }
}

#[test]
fn products_are_right_and_independent_of_threads() {
    let (mut noise, pools) = (Noise(1), [1, 2, 3, 4, 6].map(Pool::new));
    for round in 0..if cfg!(debug_assertions) { 60 } else { 400 } {
        let mut size = || match noise.below(4) {
            0 => noise.below(5),
            1 => [8, 16, 32, 64, 128][noise.below(5)],
            _ => noise.below(90),
        };
        let shape = (size(), size(), size());
        check::<f32>(&mut noise, &pools, shape, round % 4 == 0);
        check::<f64>(&mut noise, &pools, shape, round % 4 == 0);
    }
    for shape in
        [(290, 8, 128), (290, 128, 2), (128, 290, 4), (8, 290, 128), (70, 20, 800), (520, 3, 600), (23, 300, 200)]
    {
        for _ in 0..4 {
            check::<f32>(&mut noise, &pools, shape, false);
            check::<f64>(&mut noise, &pools, shape, false);
        }
    }
}

/// Every number of columns of up to four vectors and a little: whole vectors, halves, and what is left.
#[test]
fn columns_of_every_number_are_right() {
    let (mut noise, pools) = (Noise(3), [1, 2].map(Pool::new));
    for n in 1..=67 {
        for m in [7, 23] {
            check::<f32>(&mut noise, &pools, (m, 37, n), false);
            check::<f64>(&mut noise, &pools, (m, 37, n), false);
        }
    }
}

/// Part of a product with contiguous rows, against the same rows of the whole.
fn check_rows<T: Real>(noise: &mut Noise, pool: &Pool, (k, n): (usize, usize), by_columns: bool) {
    const M: usize = 110;
    let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| Real::from(noise.next())).collect() };
    let (before, a, b) = (draw(M * n), draw(M * k), draw(k * n));
    let b = match by_columns {
        true => View::row_major(&b, n, k).t(),
        false => View::row_major(&b, k, n),
    };
    for isa in Isa::all().filter(|&isa| isa != Isa::Base) {
        let run = |rows: Range<usize>, accumulate| {
            let mut c = before[rows.start * n..rows.end * n].to_vec();
            let a = View::row_major(&a[rows.start * k..], rows.len(), k);
            gemm_on(isa, pool, ViewMut::row_major(&mut c, rows.len(), n), a, b, sums(accumulate));
            c
        };
        for accumulate in [false, true] {
            let whole = run(0..M, accumulate);
            let packing = Packed::new::<T>(isa, k, n);
            let mut packed = vec![T::default(); packing.len()];
            // SAFETY: one share, alone.
            unsafe { packing.pack(&b, (0, 1), &Shared::new(&mut packed), false) };
            let mut c = before.clone();
            let a = View::row_major(&a, M, k);
            packing.gemm(isa, pool, ViewMut::row_major(&mut c, M, n), a, (b, &packed), sums(accumulate));
            assert!(c == whole, "{isa:?} {k}x{n}: packed beforehand");
            for m in [1, 2, 3, 5, 8, 16, 17, 33, 100] {
                let part = run(7..7 + m, accumulate);
                let same = part == whole[7 * n..][..m * n];
                assert!(same, "{isa:?} {k}x{n}: {m} rows alone differ");
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let (mut noise, pool) = (Noise(2), Pool::new(2));
    for k in [1, 3, 17, 128, 520] {
        for n in [1, 2, 3, 5, 7, 8, 10, 16, 20, 32, 64, 100, 200] {
            for by_columns in [false, true] {
                check_rows::<f32>(&mut noise, &pool, (k, n), by_columns);
                check_rows::<f64>(&mut noise, &pool, (k, n), by_columns);
            }
        }
    }
}

/// Of every instruction set, whether the machine has it or not: a row has one chain over K, or one for each depth of a panel,
/// whatever the number of rows.
#[test]
fn the_way_does_not_change_the_chains_of_a_row() {
    for isa in [Isa::Avx512, Isa::Avx2, Isa::Neon] {
        for (k, n) in (1..1200).flat_map(|k| (1..40).map(move |n| (k, n))) {
            let by_depth = |m: usize, element: usize| {
                let way = match element {
                    4 => Way::of::<f32>(isa, (m, k, n), (k, 1), 1),
                    _ => Way::of::<f64>(isa, (m, k, n), (k, 1), 1),
                };
                way == Way::Packed && k > panels::DEPTH
            };
            for element in [4, 8] {
                let same = [2, 3, 17, 100].iter().all(|&m| by_depth(m, element) == by_depth(1, element));
                assert!(same, "{isa:?} {k}x{n}, {element} bytes");
            }
        }
    }
}

#[test]
fn empty_sizes() {
    let pool = Pool::new(2);
    let mut c = [1.0f32, 2.0];
    gemm(&pool, ViewMut::row_major(&mut c, 1, 2), View::row_major(&[], 1, 0), View::row_major(&[], 0, 2), sums(true));
    assert_eq!(c, [1.0, 2.0]);
    gemm(&pool, ViewMut::row_major(&mut c, 1, 2), View::row_major(&[], 1, 0), View::row_major(&[], 0, 2), sums(false));
    assert_eq!(c, [0.0, 0.0]);
    gemm(&pool, ViewMut::row_major(&mut [], 0, 2), View::row_major(&[], 0, 1), View::row_major(&c, 1, 2), sums(false));
}

#[test]
#[should_panic(expected = "gemm: shapes do not fit: [2, 2] = [2, 3] · [2, 2]")]
fn shapes_that_do_not_fit() {
    let (a, b, mut c) = ([0.0; 6], [0.0; 4], [0.0; 4]);
    gemm(
        &Pool::new(1),
        ViewMut::row_major(&mut c, 2, 2),
        View::row_major(&a, 2, 3),
        View::row_major(&b, 2, 2),
        sums(false),
    );
}

#[test]
fn a_tail_is_done_to_every_element_once() {
    let mut noise = Noise(7);
    let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| noise.next()).collect() };
    let pools = [Pool::new(1), Pool::new(3)];
    // Wide in place and turned, packed, narrow, few rows, more rows than a part has, several depths.
    for (m, k, n) in [
        (61, 4, 128),
        (61, 40, 128),
        (67, 40, 128),
        (130, 600, 70),
        (24, 8, 32),
        (25, 8, 32),
        (50, 30, 37),
        (40, 20, 3),
        (1, 5, 8),
        (30, 7, 1),
        (7, 600, 70),
    ] {
        let (a, b, row, whole) = (draw(m * k), draw(k * n), draw(n), draw(m * n));
        for isa in Isa::all() {
            let mut plain = vec![0.5; m * n];
            let views = || (View::row_major(&a, m, k), View::row_major(&b, k, n));
            gemm_on(isa, &pools[0], ViewMut::row_major(&mut plain, m, n), views().0, views().1, sums(true));
            for (tail, operand, repeats) in
                [(Tail::TanhSum, &row, true), (Tail::TanhSum, &whole, false), (Tail::TanhSlope, &whole, false)]
            {
                let with = || Ending { accumulate: true, tail: Some(With { tail, operand, repeats }) };
                let want: Vec<f64> = (0..m * n)
                    .map(|i| {
                        let (c, x) = (plain[i], operand[if repeats { i % n } else { i }]);
                        if tail == Tail::TanhSum { (c + x).tanh() } else { c * (1.0 - x * x) }
                    })
                    .collect();
                let is_right = |c: &[f64]| c.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-14 * (1.0 + b.abs()));
                for pool in &pools {
                    let mut c = vec![0.5; m * n];
                    gemm_on(isa, pool, ViewMut::row_major(&mut c, m, n), views().0, views().1, with());
                    assert!(is_right(&c), "{isa:?} {tail:?} [{m}, {k}] · [{k}, {n}]");
                    let packing = Packed::new::<f64>(isa, k, n);
                    let mut packed = vec![0.0; packing.len()];
                    for share in 0..3 {
                        // SAFETY: one share after the other.
                        unsafe { packing.pack(&views().1, (share, 3), &Shared::new(&mut packed), share > 0) };
                    }
                    let mut c = vec![0.5; m * n];
                    let (to, right) = (ViewMut::row_major(&mut c, m, n), (views().1, &packed[..]));
                    packing.gemm(isa, pool, to, views().0, right, with());
                    assert!(is_right(&c), "packed {isa:?} {tail:?} [{m}, {k}] · [{k}, {n}]");
                }
            }
        }
    }
}

#[test]
fn shares_are_the_product_to_the_bit() {
    let mut with_shares = 0;
    for (m, k, n) in [(200, 130, 784), (50, 20, 200), (16, 513, 96), (7, 40, 33), (16, 512, 96), (40, 3, 5), (3, 0, 40)]
    {
        let numbers = |n: usize, by: f32| (0..n).map(|i| (i as f32 * by).sin()).collect::<Vec<f32>>();
        let (a, b) = (numbers(m * k, 0.7), numbers(k * n, 0.3));
        // As a sum over rows has it: the columns of A one after the other.
        let (a, b) = (View::new(&a, m, k, 1, m), View::new(&b, k, n, n, 1));
        for (isa, accumulate) in Isa::all().flat_map(|isa| [(isa, false), (isa, true)]) {
            if !has_shares::<f32>(isa, (m, k, n), (1, m)) {
                continue;
            }
            with_shares += 1;
            let mut want = vec![0.5; m * n];
            let ending = Ending { accumulate, tail: None };
            gemm_on(isa, crate::exec::threads::single(), ViewMut::row_major(&mut want, m, n), a, b, ending);
            for of in [1, 2, 3, 8] {
                let mut c = vec![0.5; m * n];
                for share in (0..of).rev() {
                    // SAFETY: one share after the other.
                    unsafe { gemm_share(isa, (share, of), &Shared::new(&mut c), a, b, accumulate) };
                }
                assert!(c == want, "{isa:?} [{m}, {k}] · [{k}, {n}] in {of} shares");
            }
        }
    }
    assert!(with_shares > 0 || Isa::best() == Isa::Base);
}

#[test]
fn strips_give_what_rows_give() {
    fn one<T: Real>(noise: &mut Noise, (m, k, n): (usize, usize, usize)) {
        let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| Real::from(noise.next())).collect() };
        let (a, b, before) = (draw(m * k), draw(k * n), draw(m * n));
        let turned: Vec<T> = (0..m * k).map(|i| a[i % k * m + i / k]).collect();
        let across: Vec<T> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
        for (isa, accumulate) in Isa::all().filter(|&i| i != Isa::Base).flat_map(|isa| [(isa, false), (isa, true)]) {
            for threads in [1, 3, 4] {
                let pool = Pool::new(threads);
                let run = |a: View<'_, T>, b: View<'_, T>| {
                    let mut c = before.clone();
                    gemm_on(isa, &pool, ViewMut::row_major(&mut c, m, n), a, b, sums(accumulate));
                    c.into_iter().map(|x| Into::<f64>::into(x).to_bits()).collect::<Vec<_>>()
                };
                let (columns, rows) = (View::new(&a, m, k, 1, m), View::row_major(&turned, m, k));
                let (b, across) = (View::row_major(&b, k, n), View::row_major(&across, n, k).t());
                let want = run(rows, b);
                assert!(run(columns, b) == want, "{isa:?} [{m}, {k}] · [{k}, {n}], {threads} threads");
                assert!(run(columns, across) == want, "{isa:?} [{m}, {k}] · [{k}, {n}]ᵀ, {threads} threads");
            }
        }
    }
    let mut noise = Noise(11);
    for m in [1, 5, 11, 17, 48, 49, 55, 59, 103] {
        for (k, n) in [(17, 130), (512, 128), (513, 257), (1030, 127), (1030, 130)] {
            one::<f32>(&mut noise, (m, k, n));
        }
        one::<f64>(&mut noise, (m, 513, 130));
    }
    // Several groups of panels, and more rows than are packed.
    for sizes in [(60, 1030, 1600), (60, 1030, 1602), (7, 600, 3000), (7, 600, 3002), (280, 513, 130)] {
        one::<f32>(&mut noise, sizes);
    }
}

/// Dots read columns where they lie if these begin lines of the cache, and copied otherwise: every distance of columns.
#[test]
fn dots_of_columns_in_place_and_copied_are_alike() {
    fn one<T: Real>(noise: &mut Noise, (m, k, n): (usize, usize, usize), gap: usize, skip: usize) {
        let (line, distance) = (LINE / size_of::<T>(), k.next_multiple_of(LINE / size_of::<T>()) + gap);
        let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| Real::from(noise.next())).collect() };
        let (a, b) = (draw(m * k), draw(n * distance + 2 * line));
        let b = &b[b.as_ptr().align_offset(LINE) + skip..];
        let plain: Vec<T> = (0..k * n).map(|i| b[i % n * distance + i / n]).collect();
        for isa in Isa::all() {
            let run = |b: View<'_, T>| {
                let mut c = vec![T::default(); m * n];
                let a = View::row_major(&a, m, k);
                gemm_on(isa, &Pool::new(1), ViewMut::row_major(&mut c, m, n), a, b, sums(false));
                c
            };
            let in_place = run(View::new(b, k, n, 1, distance));
            assert!(in_place == run(View::row_major(&plain, k, n)), "{isa:?} [{m}, {k}] · [{k}, {n}], {gap}, {skip}");
        }
    }
    let mut noise = Noise(13);
    for (k, n) in [(128, 8), (128, 2), (50, 4), (50, 1), (4, 3), (21, 7)] {
        for (gap, skip) in [(0, 0), (64, 0), (5, 0), (0, 1), (5, 3)] {
            one::<f32>(&mut noise, (37, k, n), gap, skip);
            one::<f64>(&mut noise, (37, k, n), gap, skip);
        }
    }
}

#[test]
fn scratch_memory_begins_a_line() {
    for len in [1, 7, 1000, 3, 100_000] {
        with_scratch(len, |all: &mut [f32]| assert!(all.len() == len && all.as_ptr().addr().is_multiple_of(LINE)));
        with_scratch(len, |all: &mut [f64]| assert!(all.len() == len && all.as_ptr().addr().is_multiple_of(LINE)));
    }
}

#[test]
fn one_number_may_be_every_row_of_the_right_operand() {
    let (a, mut c) = ([1.0f32; 40], [0.0f32; 3]);
    let b = View::new(&[1.0, 2.0, 3.0], 40, 3, 0, 1);
    gemm(&Pool::new(1), ViewMut::row_major(&mut c, 1, 3), View::row_major(&a, 1, 40), b, sums(false));
    assert_eq!(c, [40.0, 80.0, 120.0]);
}

#[test]
fn few_columns_that_were_computed_turned_are_the_same_in_rows_with_gaps() {
    fn one<T: Real>(noise: &mut Noise, (m, k, n): (usize, usize, usize)) {
        let mut draw = |n: usize| -> Vec<T> { (0..n).map(|_| T::from(noise.next())).collect() };
        let (a, b, before) = (draw(k * m), draw(k * n), draw(m * n));
        let views = || (View::new(&a, m, k, 1, m), View::row_major(&b, k, n));
        for (isa, accumulate) in Isa::all().flat_map(|isa| [false, true].map(|accumulate| (isa, accumulate))) {
            let (mut whole, mut gaps) = (before.clone(), vec![T::from(7.0); m * (n + 1)]);
            gaps.chunks_mut(n + 1).zip(before.chunks(n)).for_each(|(to, from)| to[..n].copy_from_slice(from));
            let pool = Pool::new(1);
            gemm_on(isa, &pool, ViewMut::row_major(&mut whole, m, n), views().0, views().1, sums(accumulate));
            gemm_on(isa, &pool, ViewMut::new(&mut gaps, m, n, n + 1, 1), views().0, views().1, sums(accumulate));
            for (row, (whole, gaps)) in whole.chunks(n).zip(gaps.chunks(n + 1)).enumerate() {
                assert!(whole == &gaps[..n], "{isa:?}, {m} x {k} x {n}, row {row}");
                assert!(gaps[n] == T::from(7.0), "{isa:?}: written between rows");
            }
        }
    }
    let mut noise = Noise(11);
    for (m, n) in [(128, 2), (128, 4), (40, 4), (128, 8), (17, 8), (128, 3)] {
        one::<f32>(&mut noise, (m, 250, n));
        one::<f64>(&mut noise, (m, 250, n));
    }
}

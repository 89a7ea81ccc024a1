//! How a right operand is cut, packed, or read where it lies.

use super::*;

#[test]
fn rows_pass_by_in_equal_parts_of_whole_tiles() {
    for (start, n) in [0, 33].into_iter().flat_map(|start| (1..300).map(move |n| (start, n))) {
        let rows = start..start + n;
        let parts: Vec<Range<usize>> = near(&rows).collect();
        assert!(parts[0].start == start && parts[parts.len() - 1].end == rows.end, "{rows:?} {parts:?}");
        assert!(parts.windows(2).all(|p| p[0].end == p[1].start && p[0].len().is_multiple_of(ROWS)), "{parts:?}");
        let tiles: Vec<usize> = parts.iter().map(|p| p.len().div_ceil(ROWS)).collect();
        let (least, most) = (*tiles.iter().min().unwrap(), *tiles.iter().max().unwrap());
        assert!(most <= least + 1 && most < 2 * NEAR_TILES - NEAR_TILES / 2, "{rows:?} {tiles:?}");
        assert_eq!(tiles.iter().sum::<usize>(), n.div_ceil(ROWS));
    }
    assert_eq!(near(&(5..5)).map(|part| part.len()).sum::<usize>(), 0);
}

#[test]
fn panels_are_no_wider_than_a_register_tile() {
    for (isa, most) in [(Isa::Avx512, 4), (Isa::Avx2, 2), (Isa::Neon, 3)] {
        for n in 1..300 {
            let (single, double) = (Panels::new::<f32>(isa, 20, n), Panels::new::<f64>(isa, 20, n));
            for panels in [single, double] {
                let widths: Vec<usize> = (0..panels.count()).map(|panel| panels.across(panel).len()).collect();
                assert!(widths.iter().all(|width| (1..=most).contains(width)), "{isa:?} {n} {widths:?}");
                assert_eq!(widths.iter().sum::<usize>() * panels.lanes, n.next_multiple_of(panels.lanes));
            }
        }
    }
}

#[test]
fn nothing_is_read_beyond_a_right_operand_that_is_read_in_place() {
    let (data, mut in_place) = (vec![0.0f32; 40 * 300], 0);
    for (isa, n) in [Isa::Avx512, Isa::Avx2, Isa::Neon].into_iter().flat_map(|isa| (1..300).map(move |n| (isa, n))) {
        let panels = Panels::new::<f32>(isa, 40, n);
        let (rows, columns) = (View::row_major(&data[..40 * n], 40, n), View::row_major(&data[..40 * n], n, 40).t());
        assert!(!panels.reads_in_place(&columns, 4) && !panels.reads_in_place(&rows, FEW_ROWS + 1));
        if panels.reads_in_place(&rows, FEW_ROWS) {
            in_place += 1;
            // Of a panel's last vector the tile loads all, or with 512 bits half.
            let beyond = panels.vectors * panels.lanes - n;
            assert!(beyond == 0 || (isa == Isa::Avx512 && beyond == panels.lanes / 2), "{isa:?} {n}");
        }
    }
    assert_eq!(in_place, 299 / 8 + 299 / 8 + 299 / 4);
    // Rows half a page apart, and those beside them.
    let panels = Panels::new::<f32>(Isa::Avx512, 20, 496);
    let lies = |stride| panels.reads_in_place(&View::new(&data, 20, 496, stride, 1), 4);
    assert!(!lies(512) && lies(496) && lies(528));
}

#[test]
fn groups_are_equal_and_go_over_every_panel_of_every_depth() {
    let panels = Panels::new::<f32>(Isa::Avx2, 1000, 784);
    let groups: Vec<_> = panels.groups(3..49, true).collect();
    // Eight groups of five or six panels, at two depths.
    assert_eq!(groups.len(), 16);
    assert_eq!((groups[0].clone(), groups[7].clone()), ((0..512, 3..8), (0..512, 43..49)));
    assert_eq!(groups[8], (512..1000, 3..8));
    assert!(groups.iter().all(|(_, group)| (5..7).contains(&group.len())));
    assert_eq!(panels.groups(0..49, false).count(), 2 * 5);
}

#[test]
fn shares_are_as_many_as_threads_and_as_equal_as_can_be() {
    let shares = |m, n, threads| Panels::new::<f32>(Isa::Avx512, 100, n).shares(m, threads);
    assert_eq!(shares(784, 200, 1), (1, 1));
    // Rows: four panels of three and four vectors are not two equal halves.
    assert_eq!(shares(784, 200, 2), (2, 1));
    assert_eq!(shares(200, 784, 2), (2, 1));
    // Few rows: packing all panels twice would take longer.
    assert_eq!(shares(12, 768, 2), (1, 2));
    assert_eq!(shares(48, 768, 8), (2, 4));
    // A single panel.
    assert_eq!(shares(100, 50, 6), (6, 1));
}

//! Chains over rows so wide that a tile is one of them, or a part of one: operands are read where they lie.

use pullback::{Error, Rows, Tensor, jit, vmap};

fn numbers(n: usize, scale: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.37).sin() * scale).collect()
}

#[test]
fn numbers_of_a_row_and_of_a_column() -> Result<(), Error> {
    let chain = jit(|Rows((x, n)): Rows<(Tensor, Tensor)>, column: Tensor| {
        Rows(vmap(|x: Tensor, n: Tensor| (&x + 1.0) * n + &column).call((x, n)))
    });
    for columns in [1, 7, 16, 513, 784, 2048, 2100] {
        for rows in [1, 2, 5] {
            let (x, n, column) = (numbers(rows * columns, 2.0), numbers(rows, 3.0), numbers(columns, 5.0));
            let table = Tensor::from(x.clone()).reshape([rows, columns]);
            let Rows(y) = chain.call((Rows((table, Tensor::from(n.clone()))), Tensor::from(column.clone())))?;
            let wanted = (0..rows * columns).map(|i| (x[i] + 1.0) * n[i / columns] + column[i % columns]);
            assert!(y.to_vec::<f32>()?.into_iter().eq(wanted), "{rows} rows of {columns}");
        }
    }
    Ok(())
}

#[test]
fn rows_by_number_and_along_a_second_axis() -> Result<(), Error> {
    const SAMPLES: usize = 3;
    let ragged = jit(|Rows((x, counts)): Rows<(Tensor, Tensor)>| {
        let one = |x: Tensor, count: Tensor| {
            let of_each = |k: Tensor| &x * 2.0 + k.cast(pullback::DType::F32);
            vmap(of_each).call(count.rows()).reduce_sum(&[0])
        };
        Rows(vmap(one).call((x, counts)))
    });
    let sampled = jit(|Rows(x): Rows<Tensor>, offsets: Tensor| {
        Rows(vmap(|x: Tensor| vmap(|offset: Tensor| &x * 2.0 + offset).call(offsets.clone())).call(x))
    });
    for columns in [7, 784, 2048] {
        let (x, counts) = (numbers(2 * columns, 2.0), vec![2, 1]);
        let table = Tensor::from(x.clone()).reshape([2, columns]);
        let Rows(y) = ragged.call(Rows((table.clone(), Tensor::from(counts.clone()))))?;
        let wanted =
            (0..2 * columns).map(|i| (0..counts[i / columns]).fold(0.0, |sum, k| sum + (x[i] * 2.0 + k as f32)));
        assert!(y.to_vec::<f32>()?.into_iter().eq(wanted), "ragged rows of {columns}");
        let offsets = numbers(SAMPLES, 1.0);
        let Rows(y) = sampled.call((Rows(table), Tensor::from(offsets.clone())))?;
        let row = SAMPLES * columns;
        let wanted = (0..2 * row).map(|i| x[i / row * columns + i % columns] * 2.0 + offsets[i % row / columns]);
        assert!(y.to_vec::<f32>()?.into_iter().eq(wanted), "samples of rows of {columns}");
    }
    Ok(())
}

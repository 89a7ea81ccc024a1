//! Operands of a chain that lie along some of its axes only, against the plain interpreter: to the bit.

use pullback::{DType, Dim, Error, Key, Rows, Tensor, jit, vmap};

/// Numbers along those of three axes that the bits of `along` name.
fn operand(along: usize, shape: [usize; 3]) -> Tensor {
    let shape: [usize; 3] = std::array::from_fn(|axis| if along >> axis & 1 == 1 { shape[axis] } else { 1 });
    Key::new(along as u64).normal(shape, DType::F32)
}

fn chain(x: &[Tensor], masks: &[Tensor]) -> Tensor {
    let positive = x[7].gt(&x[2]);
    let all = x[1..].iter().fold(x[0].clone(), |y, x| y * 0.5 + x * (x - 0.25));
    let all = positive.select(&all, &(&x[5] - &x[3])) + x[6].gt(0.0).select(&x[1], &x[4]);
    masks.iter().fold(all, |y, mask| mask.select(&(&y * 0.75), &(&y + 0.5)))
}

#[test]
fn along_any_axes() -> Result<(), Error> {
    let shapes =
        [[5, 100, 32], [3, 50, 50], [7, 3, 5], [2, 7, 32], [4, 48, 16], [3, 2, 784], [2, 3, 1500], [60, 1, 10]];
    for shape in shapes {
        let x: Vec<Tensor> = (0..8).map(|along| operand(along, shape)).collect();
        let masks: Vec<Tensor> = (8..16).map(|along| operand(along, shape).gt(0.0)).collect();
        let got = jit(|(x, masks): (Vec<Tensor>, Vec<Tensor>)| chain(&x, &masks)).call((x.clone(), masks.clone()))?;
        assert_eq!(got.to_vec::<f32>()?, chain(&x, &masks).to_vec::<f32>()?, "{shape:?}");
    }
    Ok(())
}

#[test]
fn rows_by_number_beside_other_axes() -> Result<(), Error> {
    for (inner, columns) in [(100, 32), (7, 5), (3, 784)] {
        let counts = Tensor::from(vec![3, 0, 1, 9]);
        let table = Key::new(3).normal([4, columns], DType::F32);
        let others = Key::new(4).normal([inner, columns], DType::F32);
        // Each row of an example with each of the others.
        let of_all = jit(move |Rows((x, counts)): Rows<(Tensor, Tensor)>, others: Tensor| {
            let one = |x: Tensor, count: Tensor| {
                let row = |k: Tensor| {
                    let other = |o: Tensor| (&x * &o + k.cast(DType::F32)).tanh() * &x;
                    vmap(other).call(others.clone())
                };
                vmap(row).call(count.rows()).reduce_sum(&[0])
            };
            Rows(vmap(one).call((x, counts)))
        });
        let Rows(got) = of_all.call((Rows((table.clone(), counts)), others.clone()))?;
        let (got, table, others) = (got.to_vec::<f32>()?, table.to_vec::<f32>()?, others.to_vec::<f32>()?);
        for (i, &y) in got.iter().enumerate() {
            let (example, x) = (i / (inner * columns), table[i / (inner * columns) * columns + i % columns]);
            let want: f32 =
                (0..[3, 0, 1, 9][example]).map(|k| (x * others[i % (inner * columns)] + k as f32).tanh() * x).sum();
            assert!((y - want).abs() < 1e-5, "{inner} by {columns}, {i}: {y} for {want}");
        }
    }
    Ok(())
}

/// As many axes as one likes, of which no two can be joined.
#[test]
fn kernels_of_many_axes() -> Result<(), Error> {
    for rank in [3, 8, 9, 10, 12] {
        let some: Vec<Dim> = (0..rank).map(|axis| Dim::Known(if axis % 2 == 0 { 2 } else { 1 })).collect();
        let f = |x: Tensor, y: Tensor| (x + y) * 0.5 + 1.0;
        let (x, y) = (Key::new(0).normal(vec![Dim::Known(2); rank], DType::F32), Key::new(1).normal(some, DType::F32));
        let got = jit(f).call((x.clone(), y.clone()))?;
        assert_eq!(got.to_vec::<f32>()?, f(x, y).to_vec::<f32>()?, "rank {rank}");
    }
    Ok(())
}

/// Values that are results and are read again, numbers that are written more than once and differ in their sign alone, one
/// operand twice: in whole tiles, in such as end within a vector, and in several.
#[test]
fn what_a_chain_makes_is_read_where_it_lies() -> Result<(), Error> {
    let f = |x: Tensor, y: Tensor, s: Tensor| {
        let a = &x * &x + &s;
        let b = &a / &y - &a * 0.25;
        let positive = b.gt(&a);
        let c = positive.select(&(&b * 0.25), &(&a * 0.0)) + (&b * -0.0).maximum(&x);
        let d = (&c + &b).maximum(&s) * &c;
        let zeros = (&a * 0.0, &a * -0.0);
        (a, b, positive, [-&c, d, c, zeros.0, zeros.1])
    };
    for n in [1, 7, 16, 33, 1023, 1024, 1025, 2500, 70_000] {
        let draw = |k: u64, n: usize| Key::new(k).normal([n], DType::F32);
        let (x, y, s) = (draw(1, n), draw(2, n), draw(3, 1));
        let got = jit(|(x, y, s): (Tensor, Tensor, Tensor)| f(x, y, s)).call((x.clone(), y.clone(), s.clone()))?;
        let want = f(x, y, s);
        let bits =
            |t: &Tensor| -> Result<Vec<u32>, Error> { Ok(t.to_vec::<f32>()?.iter().map(|x| x.to_bits()).collect()) };
        assert_eq!(got.2.to_vec::<bool>()?, want.2.to_vec::<bool>()?, "{n} numbers");
        let numbers = |(a, b, _, rest): (Tensor, Tensor, Tensor, [Tensor; 5])| [vec![a, b], rest.to_vec()].concat();
        for (k, (got, want)) in numbers(got).iter().zip(&numbers(want)).enumerate() {
            assert_eq!(bits(got)?, bits(want)?, "result {k} of {n} numbers");
        }
    }
    Ok(())
}

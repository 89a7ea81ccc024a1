use pullback::*;
#[test]
fn chain() {
    let w = Tensor::from([[0.1f64, 0.2], [0.3, -0.4], [0.5, 0.6]]);
    let f = |w: Tensor, x: Tensor| x.dot(&w).tanh().logsumexp(0);
    let xs = Tensor::from([[1.0f64, 2.0, 3.0], [0.5, -1.0, 2.0]]);
    let loss = |w: Tensor| vmap(|x: Tensor| f(w.clone(), x)).call(xs.clone()).mean();
    let g = grad(loss).call(w.clone());
    println!("{g}");
    let w2: Vec<f64> = w.to_vec().unwrap();
    for i in 0..6 {
        let mut p = w2.clone();
        p[i] += 1e-6;
        let mut m = w2.clone();
        m[i] -= 1e-6;
        let d = (loss(Tensor::new(p, &[3, 2])).item::<f64>().unwrap()
            - loss(Tensor::new(m, &[3, 2])).item::<f64>().unwrap())
            / 2e-6;
        assert!((d - g.to_vec::<f64>().unwrap()[i]).abs() < 1e-8);
    }
    // per-example gradients averaged equal gradient of the mean
    let per = vmap(|x: Tensor| grad(|w: Tensor| f(w, x.clone())).call(w.clone())).call(xs.clone());
    let m = per.reduce_mean(&[0]);
    println!("{m}");
}
#[test]
fn ragged() {
    let w = Tensor::from([0.3f64, -0.7]);
    let one = |w: &Tensor, key: Key, x: Tensor, count: Tensor| {
        let lw = vmap(|key: Key| {
            let z = key.normal([2], DType::F64);
            ((&x + &z) * w).sum().tanh() * (&x).sum()
        })
        .call(key.split_rows(&count));
        let l = lw.logcumsumexp(0);
        let k = count.rows();
        (l * (k + 1).cast(DType::F64).sin()).sum() + lw.take(&(&count - 1)) + lw.mean()
    };
    let xs = Tensor::from([[1.0f64, 2.0], [0.5, -1.0], [0.1, 0.2]]);
    let counts = Tensor::from([1, 4, 2]);
    let f = |w: Tensor| {
        vmap(|key: Key, x: Tensor, c: Tensor| one(&w, key, x, c)).call((
            Key::new(3).split_n(3),
            xs.clone(),
            counts.clone(),
        ))
    };
    let all = f(w.clone());
    let keys = Key::new(3).split_n(3).into_tensor();
    let kw = keys.to_vec::<u32>().unwrap();
    for i in 0..3 {
        let x = Tensor::from(xs.to_vec::<f64>().unwrap()[2 * i..2 * i + 2].to_vec());
        let c = Tensor::scalar(counts.to_vec::<i32>().unwrap()[i]);
        let y = one(&w, Key::from_words([kw[2 * i], kw[2 * i + 1]]), x, c);
        println!("{y} {}", all.to_vec::<f64>().unwrap()[i]);
        assert!((y.item::<f64>().unwrap() - all.to_vec::<f64>().unwrap()[i]).abs() < 1e-12);
    }
    let g = grad(|w: Tensor| f(w).sum()).call(w.clone());
    let per = vmap(|key: Key, x: Tensor, c: Tensor| {
        grad(move |w: Tensor| {
            let k = Key::from_tensor(unsafe_words(&key));
            one(&w, k, x.clone(), c.clone())
        })
        .call(w.clone())
    })
    .call((Key::new(3).split_n(3), xs.clone(), counts.clone()));
    println!("{g}\n{per}");
    let s = per.reduce_sum(&[0]);
    for i in 0..2 {
        assert!((s.to_vec::<f64>().unwrap()[i] - g.to_vec::<f64>().unwrap()[i]).abs() < 1e-12);
        let mut p = w.to_vec::<f64>().unwrap();
        p[i] += 1e-6;
        let mut m = w.to_vec::<f64>().unwrap();
        m[i] -= 1e-6;
        let d =
            (f(Tensor::from(p)).sum().item::<f64>().unwrap() - f(Tensor::from(m)).sum().item::<f64>().unwrap()) / 2e-6;
        assert!((d - g.to_vec::<f64>().unwrap()[i]).abs() < 1e-7);
    }
}
fn unsafe_words(k: &Key) -> Tensor {
    leaves(k)[0].tensor.clone()
}
#[test]
fn jitted() {
    let w = Tensor::from([0.3f64, -0.7]);
    let one = |w: &Tensor, key: Key, x: Tensor, count: Tensor| {
        let lw = vmap(|key: Key| {
            let z = key.normal([2], DType::F64);
            ((&x + &z) * w).sum().tanh() * (&x).sum()
        })
        .call(key.split_rows(&count));
        let l = lw.logcumsumexp(0);
        let k = count.rows();
        (l * (k + 1).cast(DType::F64).sin()).sum() + lw.take(&(&count - 1)) + lw.mean() + lw.logsumexp(0)
    };
    let f = move |w: Tensor, Rows(xs): Rows<Tensor>, Rows(counts): Rows<Tensor>| {
        let v = value_and_grad(|w: Tensor| {
            vmap(|key: Key, x: Tensor, c: Tensor| one(&w, key, x, c))
                .call((Key::new(3).split_like(&xs), xs.clone(), counts.clone()))
                .sum()
        });
        v.call(w)
    };
    let j = jit(f.clone());
    for (xs, c) in [
        (Tensor::from([[1.0f64, 2.0], [0.5, -1.0], [0.1, 0.2]]), Tensor::from([1, 4, 2])),
        (Tensor::from([[1.0f64, 2.0], [0.1, 0.2]]), Tensor::from([7, 300])),
    ] {
        let (a, ga) = f(w.clone(), Rows(xs.clone()), Rows(c.clone()));
        let (b, gb) = j.call((w.clone(), Rows(xs), Rows(c))).unwrap();
        println!("{a} {b} {ga} {gb}");
        assert!((a.item::<f64>().unwrap() - b.item::<f64>().unwrap()).abs() < 1e-11);
        for (x, y) in ga.to_vec::<f64>().unwrap().iter().zip(gb.to_vec::<f64>().unwrap()) {
            assert!((x - y).abs() < 1e-11);
        }
    }
    assert_eq!(j.compiles(), 1);
}

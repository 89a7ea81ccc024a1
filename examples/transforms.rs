//! A tour of the transforms: `grad`, `vmap`, `jit`, in any order.
//!
//! `cargo run --release -p latents --example transforms`

use latents::nn::{Activation, Init, Mlp};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Error, Key, Rows, Tensor, grad, hessian, jit, jvp, value_and_grad, vmap};

fn main() -> Result<(), Error> {
    // A function of one number, and its derivatives: functions again.
    let f = |x: Tensor| (&x * &x).sin();
    let slope = grad(f);
    let bend = grad(|x: Tensor| grad(f).call(x));
    for x in [0.0f64, 1.0, 2.0] {
        let at = || Tensor::scalar(x);
        let values = [f(at()).item::<f64>()?, slope.call(at()).item()?, bend.call(at()).item()?];
        println!("x = {x}: f {:+.4}  f' {:+.4}  f'' {:+.4}", values[0], values[1], values[2]);
    }

    // Forward mode, and a whole matrix of second derivatives.
    let g = |x: Tensor| (&x * &x * &x).sum();
    let (y, y_dot) = jvp(g).call(Tensor::from([1.0f64, 2.0]), Tensor::from([1.0f64, 0.0]));
    println!("g {} and along the first axis {}", y.item::<f64>()?, y_dot.item::<f64>()?);
    println!("hessian {:?}", hessian(g, Tensor::from([1.0f64, 2.0])).to_vec::<f64>()?);

    // A network of one example; vmap makes it one of many. Gradients of each example apart:
    let net = Mlp::new(Key::new(0), &[1, 16, 1], Activation::Tanh, Init::GlorotNormal, DType::F32);
    let loss = |net: &Mlp, x: &Tensor, y: &Tensor| (net.at(x) - y).square().sum();
    let xs = Tensor::new((0..32).map(|i| i as f32 / 16.0 - 1.0).collect(), &[32, 1]);
    let ys = (&xs * 3.0).sin();
    let norm_of_one = |x: Tensor, y: Tensor| {
        let g = grad(|net: Mlp| loss(&net, &x, &y)).call(net.clone());
        latents::optim::global_norm(&g)
    };
    let norms = vmap(norm_of_one).call((xs.clone(), ys.clone())).to_vec::<f32>()?;
    println!(
        "gradient norms of 32 examples: from {:.3} to {:.3}",
        min(&norms),
        -min(&norms.iter().map(|x| -x).collect::<Vec<_>>())
    );

    // One training step, compiled once for every number of rows.
    let adam = Adam::new(Schedule::Cosine { peak: 0.02, steps: 500 });
    let step = jit(|net: Mlp, state, Rows(xs): Rows<Tensor>, Rows(ys): Rows<Tensor>| {
        let mean = |net: Mlp| vmap(|x: Tensor, y: Tensor| loss(&net, &x, &y)).call((xs.clone(), ys.clone())).mean();
        let (value, gradient) = value_and_grad(mean).call(net.clone());
        let (net, state) = adam.update(&net, &gradient, &state);
        (value, net, state)
    });
    let mut state = adam.init(&net);
    let mut net = net;
    for i in 0..500 {
        // Any 8 to 32 rows.
        let n = 8 + i % 25;
        let value;
        (value, net, state) = step.call((net, state, Rows(xs.slice(0, 0, n)), Rows(ys.slice(0, 0, n))))?;
        if i % 125 == 0 || i == 499 {
            println!("step {i:>3}, {n:>2} rows: loss {:.5}", value.item::<f32>()?);
        }
    }
    println!("compiles: {}", step.compiles());

    // A mistake names the operation, both shapes and the line.
    let wrong = Tensor::from([[1.0f32, 2.0, 3.0]]).dot(&Tensor::from([[1.0f32, 2.0]]));
    println!("{}", wrong.to_vec::<f32>().unwrap_err());
    Ok(())
}

fn min(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::INFINITY, f32::min)
}

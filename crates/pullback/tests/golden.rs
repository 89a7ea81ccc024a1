//! Printed graphs of a small network: what a reader sees, and what a transform makes of it.
//!
//! The graph after each pass of the optimiser belongs here too.

use pullback::testing::graph;
use pullback::{DType, Graph, Rows, Tensor, Tree, grad, vmap};

#[derive(Tree)]
struct Dense {
    w: Tensor,
    b: Tensor,
}

#[derive(Tree)]
struct Net {
    hidden: Dense,
    out: Dense,
}

fn net() -> Net {
    let dense = |i, o| Dense { w: Tensor::full(0.1, DType::F32, [i, o]), b: Tensor::full(0.0, DType::F32, [o]) };
    Net { hidden: dense(3, 4), out: dense(4, 1) }
}

/// The squared error of one example.
fn error(net: &Net, x: &Tensor, y: &Tensor) -> Tensor {
    let h = (x.dot(&net.hidden.w) + &net.hidden.b).tanh();
    (h.dot(&net.out.w) + &net.out.b - y).square().sum()
}

fn loss(net: &Net, xs: &Tensor, ys: &Tensor) -> Tensor {
    vmap(|x: Tensor, y: Tensor| error(net, &x, &y)).call((xs.clone(), ys.clone())).mean()
}

fn data() -> Rows<(Tensor, Tensor)> {
    Rows((Tensor::full(1.0, DType::F32, [8, 3]), Tensor::full(1.0, DType::F32, [8])))
}

fn traced() -> Graph {
    graph(|net: Net, Rows((xs, ys)): Rows<(Tensor, Tensor)>| loss(&net, &xs, &ys), (net(), data())).unwrap()
}

fn differentiated() -> Graph {
    let step = |net: Net, Rows((xs, ys)): Rows<(Tensor, Tensor)>| grad(|net: Net| loss(&net, &xs, &ys)).call(net);
    graph(step, (net(), data())).unwrap()
}

#[test]
fn a_network() {
    insta::assert_snapshot!(traced(), @"");
}

#[test]
fn its_gradient() {
    insta::assert_snapshot!(differentiated(), @"");
}

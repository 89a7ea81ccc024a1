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
    insta::assert_snapshot!(traced(), @r"
    { a:f32[3,4], b:f32[4], c:f32[4,1], d:f32[1], e:f32[rows,3], f:f32[rows] ->
      g:f32[rows,4] = dot[contract=[1]×[0]] e a
      h:f32[rows,4] = broadcast[axes=[1]] b
      i:f32[rows,4] = add g h
      j:f32[rows,4] = tanh i
      k:f32[rows,1] = dot[contract=[1]×[0]] j c
      l:f32[rows,1] = broadcast[axes=[1]] d
      m:f32[rows,1] = add k l
      n:f32[rows,1] = broadcast[axes=[0]] f
      o:f32[rows,1] = sub m n
      p:f32[rows,1] = mul o o
      q:f32[rows] = reduce_sum[axes=[1]] p
      r:f32[] = size[rows]
      s:f32[] = reduce_sum[axes=[0]] q
      t:f32[] = div s r
      return t }
    ");
}

#[test]
fn its_gradient() {
    insta::assert_snapshot!(differentiated(), @r"
    { a:f32[3,4], b:f32[4], c:f32[4,1], d:f32[1], e:f32[rows,3], f:f32[rows], g:f32[], h:f32[] ->
      i:f32[rows,1] = broadcast[axes=[0]] f
      j:f32[] = size[rows]
      k:f32[rows,4] = dot[contract=[1]×[0]] e a
      l:f32[rows,4] = broadcast[axes=[1]] b
      m:f32[rows,4] = add k l
      n:f32[rows,4] = tanh m
      o:f32[rows,4] = mul n n
      p:f32[rows,4] = broadcast g
      q:f32[rows,4] = sub p o
      r:f32[rows,1] = dot[contract=[1]×[0]] n c
      s:f32[rows,1] = broadcast[axes=[1]] d
      t:f32[rows,1] = add r s
      u:f32[rows,1] = sub t i
      v:f32[rows,1] = mul u u
      w:f32[rows] = reduce_sum[axes=[1]] v
      x:f32[] = reduce_sum[axes=[0]] w
      y:f32[] = div x j
      z:f32[] = div h j
      aa:f32[rows] = broadcast z
      ab:f32[rows,1] = broadcast[axes=[0]] aa
      ac:f32[rows,1] = mul u ab
      ad:f32[rows,1] = mul ab u
      ae:f32[rows,1] = add ac ad
      af:f32[1] = reduce_sum[axes=[0]] ae
      ag:f32[1,4] = dot[contract=[0]×[0]] ae n
      ah:f32[4,1] = transpose[order=[1, 0]] ag
      ai:f32[rows,4] = dot[contract=[1]×[1]] ae c
      aj:f32[rows,4] = mul ai q
      ak:f32[4] = reduce_sum[axes=[0]] aj
      al:f32[4,3] = dot[contract=[0]×[0]] aj e
      am:f32[3,4] = transpose[order=[1, 0]] al
      return am, ak, ah, af }
    ");
}

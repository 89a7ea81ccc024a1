//! Narrow products that share an operand, or that are added up, as one product of what lies side by side.
//!
//! The heads of a network read one hidden layer: `h A` and `h B` are the columns of `h [A B]`. Backwards their
//! cotangents meet: `a Aᵀ + b Bᵀ = [a b] [A B]ᵀ`. A register tile is hardly filled by one of them alone, and a sum that
//! is written by one product and read again by the next costs more than either.

use crate::ir::{Eqn, Graph, Primitive, Type, Var};
use crate::lowering::{DotAxes, Lowering};
use crate::prim::{Concat, Dot, Slice};
use crate::shape::Shape;
use std::sync::Arc;

/// Columns of a product up to which it fills no tile by itself.
const NARROW: usize = 16;

/// Most columns that are laid side by side.
const MOST: usize = 64;

/// Products with a common left operand become one, and so do sums of products, where they are narrow.
pub(crate) fn side_by_side(graph: Graph) -> Graph {
    common_left(sums(graph))
}

/// A product of two matrices.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Product {
    /// The contracted axis of each.
    contract: [usize; 2],
    operands: [Var; 2],
}

impl Product {
    fn of(graph: &Graph, e: &Eqn) -> Option<Product> {
        let (Lowering::Dot(axes) | Lowering::DotAdd(axes)) = e.prim.lower() else { return None };
        let operands = [e.inputs[0], e.inputs[1]];
        let matrices = operands.iter().all(|&v| graph.ty(v).shape.rank() == 2);
        let ([left], [right], true) = (&axes.contract.0[..], &axes.contract.1[..], matrices) else { return None };
        let contract = [*left, *right];
        axes.batch.0.is_empty().then_some(Product { contract, operands })
    }

    fn dot(self) -> Arc<dyn Primitive> {
        let [left, right] = self.contract.map(|axis| vec![axis]);
        Arc::new(Dot { axes: DotAxes { contract: (left, right), batch: Default::default() } })
    }

    /// The known size of what is contracted.
    fn depth(self, graph: &Graph) -> Option<usize> {
        graph.ty(self.operands[0]).shape.dims()[self.contract[0]].known()
    }

    /// The known number of columns.
    fn columns(self, graph: &Graph) -> Option<usize> {
        graph.ty(self.operands[1]).shape.dims()[1 - self.contract[1]].known()
    }
}

/// The equation that lays some matrices end to end along an axis, on which their sizes add up to `size`.
fn concat(graph: &mut Graph, parts: Vec<Var>, axis: usize, size: usize, at: &Eqn) -> Eqn {
    let Type { dtype, shape } = graph.ty(parts[0]).clone();
    let mut dims = shape.dims().to_vec();
    dims[axis] = size.into();
    let output = graph.var(Type { dtype, shape: Shape(dims) });
    Eqn { prim: Arc::new(Concat { axis }), inputs: parts, output, at: at.at }
}

/// Two products in an order that what lies on the right gives, so that forwards and backwards the same weights lie side
/// by side in the same way, once.
fn in_order(a: Product, b: Product) -> (Product, Product) {
    if a.operands[1] <= b.operands[1] { (a, b) } else { (b, a) }
}

/// `a A + b B` becomes `[a b]` times `A` above `B`.
fn sums(mut graph: Graph) -> Graph {
    let uses = graph.uses();
    let mut eqns: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for e in std::mem::take(&mut graph.eqns) {
        let found = e.inputs.get(2).and_then(|&addend| {
            let alone = uses[addend.index()] == 1;
            let inner = eqns.iter().rfind(|e| alone && e.output == addend)?;
            let first = matches!(inner.prim.lower(), Lowering::Dot(_)).then(|| Product::of(&graph, inner))??;
            let second = Product::of(&graph, &e).filter(|p| p.contract == first.contract)?;
            let depth = first.depth(&graph)? + second.depth(&graph)?;
            // Far less to lay side by side than the sum itself is.
            let (left, right) = in_order(first, second);
            (depth <= NARROW && 4 * depth <= first.columns(&graph)?).then_some((left, right, depth))
        });
        let Some((first, second, depth)) = found else {
            eqns.push(e);
            continue;
        };
        let mut operand = |side: usize| {
            let parts = vec![first.operands[side], second.operands[side]];
            let e = concat(&mut graph, parts, first.contract[side], depth, &e);
            let output = e.output;
            eqns.push(e);
            output
        };
        let operands = [operand(0), operand(1)];
        let prim = Product { operands, ..first }.dot();
        eqns.push(Eqn { prim, inputs: operands.to_vec(), ..e });
    }
    graph.eqns = eqns;
    graph
}

/// Narrow products of one matrix with others.
struct Group {
    product: Product,
    /// What they define.
    members: Vec<Var>,
    columns: usize,
}

/// `h A` and `h B` become columns of `h [A B]`.
fn common_left(mut graph: Graph) -> Graph {
    let mut groups: Vec<Group> = Vec::new();
    for e in &graph.eqns {
        let product = Product::of(&graph, e).filter(|_| matches!(e.prim.lower(), Lowering::Dot(_)));
        let Some(product) = product else { continue };
        let Some(n) = product.columns(&graph).filter(|&n| n <= NARROW) else { continue };
        let like = |p: &Product| p.contract == product.contract && p.operands[0] == product.operands[0];
        match groups.iter_mut().rfind(|g| like(&g.product) && g.columns + n <= MOST) {
            Some(group) => {
                group.members.push(e.output);
                group.columns += n;
            }
            None => groups.push(Group { product, members: vec![e.output], columns: n }),
        }
    }
    // One after the other: what is joined defines its members earlier or later than before.
    groups.iter().filter(|g| g.members.len() > 1).for_each(|group| join(&mut graph, group));
    graph
}

/// Puts one product in the place of several, where the first or the last of them may stand.
fn join(graph: &mut Graph, Group { product, members, columns }: &Group) {
    let at: Vec<usize> = (0..graph.eqns.len()).filter(|&i| members.contains(&graph.eqns[i].output)).collect();
    let [first, .., last] = at[..] else { return };
    let mut parts: Vec<Eqn> = at.iter().map(|&i| graph.eqns[i].clone()).collect();
    // As in sums of products; see `in_order`.
    parts.sort_by_key(|e| e.inputs[1]);
    let defined = graph.definitions();
    let early = parts.iter().all(|e| defined.get(&e.inputs[1]).is_none_or(|&d| d < first));
    let reads = |e: &Eqn| e.inputs.iter().any(|v| members.contains(v));
    let late = !graph.eqns[first..=last].iter().any(reads);
    if !early && !late {
        return;
    }
    let (axis, rights) = (1 - product.contract[1], parts.iter().map(|e| e.inputs[1]).collect());
    let right = concat(graph, rights, axis, *columns, &parts[0]);
    let mut ty = graph.ty(parts[0].output).clone();
    ty.shape.0[1] = (*columns).into();
    let whole = graph.var(ty);
    let operands = [product.operands[0], right.output];
    let dot = Product { operands, ..*product }.dot();
    let mut joined = vec![right, Eqn { prim: dot, inputs: operands.to_vec(), output: whole, at: parts[0].at }];
    let mut start = 0;
    for e in parts {
        let end = start + graph.ty(e.output).shape.dims()[1].known().unwrap_or_default();
        joined.push(Eqn { prim: Arc::new(Slice { axis: 1, start, end }), inputs: vec![whole], ..e });
        start = end;
    }
    let place = if early { first } else { last };
    let old = std::mem::take(&mut graph.eqns);
    for (i, e) in old.into_iter().enumerate() {
        if i == place {
            graph.eqns.append(&mut joined);
        }
        if !at.contains(&i) {
            graph.eqns.push(e);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::{Eqn, Graph};
    use crate::lowering::Lowering;
    use crate::{DType, Key, Rows, Tensor, grad, jit};

    fn products(graph: &Graph) -> usize {
        let is = |e: &&Eqn| matches!(e.prim.lower(), Lowering::Dot(_) | Lowering::DotAdd(_));
        graph.eqns.iter().filter(is).count()
    }

    fn draws(seed: u64, shape: [usize; 2]) -> Tensor {
        Key::new(seed).normal(shape, DType::F64)
    }

    #[test]
    fn heads_are_one_product_forwards_and_backwards() {
        // Two heads of one layer, and what its first weights learn from them.
        let slope = |w: Tensor, x: Tensor, a: Tensor, b: Tensor| {
            let loss = move |w: Tensor| {
                let h = x.dot(&w).tanh();
                let second = h.dot(&b).cos();
                (h.dot(&a).sin() * second).sum()
            };
            grad(loss).call(w)
        };
        let step = jit(move |w: Tensor, Rows(x): Rows<Tensor>, a: Tensor, b: Tensor| slope(w, x, a, b));
        let turned = jit(move |w: Tensor, Rows(x): Rows<Tensor>, a: Tensor, b: Tensor| slope(w, x, b, a));
        for (heads, expected) in [(2, 4), (3, 4), (8, 4), (16, 5), (32, 6)] {
            let (w, x) = (draws(2, [3, 128]), draws(1, [7, 3]));
            let (a, b) = (draws(3, [128, heads]), draws(4, [128, heads]));
            let args = || (w.clone(), Rows(x.clone()), a.clone(), b.clone());
            for graph in [step.graph(args()).unwrap(), turned.graph(args()).unwrap()] {
                // x·w, the heads, their cotangents, and the gradient of w; what is wide is not laid side by side.
                assert_eq!(products(&graph), expected, "{heads}");
                // The weights side by side, and their cotangents: the weights no second time for the way back.
                let laid = graph.eqns.iter().filter(|e| matches!(e.prim.lower(), Lowering::Concat(_))).count();
                assert_eq!(laid, usize::from(heads <= 16) + usize::from(heads <= 8), "{heads}");
            }
            for (got, want) in [
                (step.call(args()).unwrap(), slope(w.clone(), x.clone(), a.clone(), b.clone())),
                (turned.call(args()).unwrap(), slope(w.clone(), x.clone(), b.clone(), a.clone())),
            ] {
                let (got, want) = (got.to_vec::<f64>().unwrap(), want.to_vec::<f64>().unwrap());
                assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())), "{heads}");
            }
        }
    }

    #[test]
    fn a_head_that_waits_for_the_other_stays_apart() {
        let f = |x: Tensor, a: Tensor| {
            let first = x.dot(&a);
            let second = x.dot(&(a + first.sum()));
            first.sin() * second.sin()
        };
        let (x, a) = (draws(1, [7, 5]), draws(2, [5, 2]));
        let step = jit(f);
        let got = step.call((x.clone(), a.clone())).unwrap().to_vec::<f64>().unwrap();
        let want = f(x, a).to_vec::<f64>().unwrap();
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    /// Joining the first pair moves what the second pair reads behind it.
    #[test]
    fn pairs_that_read_each_other_are_not_both_joined() {
        let f = |x: Tensor, y: Tensor, a: Tensor, b: Tensor| {
            let first = x.dot(&a);
            let other = y.dot(&b);
            let second = x.dot(&(&a + other.sum()));
            let last = y.dot(&first);
            (first.sum() + second.sin().sum()) * (other.cos().sum() + last.sum())
        };
        let (x, y) = (draws(1, [5, 5]), draws(2, [7, 5]));
        let (a, b) = (draws(3, [5, 2]), draws(4, [5, 2]));
        let want = f(x.clone(), y.clone(), a.clone(), b.clone()).to_vec::<f64>().unwrap()[0];
        let got = jit(f).call((x, y, a, b)).unwrap().to_vec::<f64>().unwrap()[0];
        assert!((got - want).abs() < 1e-10 * want.abs());
    }
}

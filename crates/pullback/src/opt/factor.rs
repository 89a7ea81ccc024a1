//! A cotangent that a number and a probability are multiplied by is multiplied once.

use crate::ir::{Eqn, Graph, Var};
use crate::lowering::{Lowering, PointOp};
use crate::prim::{Mul, Sub};
use std::collections::HashMap;
use std::sync::Arc;

/// `a·b - a·c`, and `a·b + (-a)·c`, become `a·(b - c)`, where one of `b` and `c` is a sigmoid or a tanh and nothing else
/// reads the products.
///
/// The slope of a log-probability by its logit is of that form, `g·x - g·sigmoid(l)`. Where `b` is near `c` their difference
/// is exact unless it is below the smallest normal number, which compiled functions make zero; and since one of them is at
/// most one, it is finite where both are. An infinite `a` gives infinity where the products' difference would not be a number.
pub(crate) fn factor(mut graph: Graph) -> Graph {
    let uses = graph.uses();
    let mut defined: HashMap<Var, Eqn> = HashMap::new();
    let mut eqns: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for mut e in std::mem::take(&mut graph.eqns) {
        if let Some((a, b, c)) = common_factor(&defined, &uses, &e) {
            let output = graph.var(graph.ty(e.output).clone());
            eqns.push(Eqn { prim: Arc::new(Sub), inputs: vec![b, c], output, at: e.at });
            (e.prim, e.inputs) = (Arc::new(Mul), vec![a, output]);
        }
        defined.insert(e.output, e.clone());
        eqns.push(e);
    }
    graph.eqns = eqns;
    graph
}

/// The factor `a` and what is multiplied by it, if an equation is `a·b - a·c`.
fn common_factor(defined: &HashMap<Var, Eqn>, uses: &[u32], e: &Eqn) -> Option<(Var, Var, Var)> {
    let made_by = |v: Var, op: PointOp| {
        let e = defined.get(&v)?;
        matches!(e.prim.lower(), Lowering::Pointwise(o) if o == op).then_some(&e.inputs)
    };
    let factors = |v: Var| match made_by(v, PointOp::Mul).filter(|_| uses[v.index()] == 1)?[..] {
        [a, b] => Some([(a, b), (b, a)]),
        _ => None,
    };
    let negated = |v: Var| made_by(v, PointOp::Neg).map(|inputs| inputs[0]);
    let &[x, y] = &e.inputs[..] else { return None };
    let pairs =
        |x, y| Some(factors(x)?.into_iter().flat_map(move |p| factors(y).into_iter().flatten().map(move |q| (p, q))));
    let bounded = |v: Var| made_by(v, PointOp::Sigmoid).or(made_by(v, PointOp::Tanh)).is_some();
    let found = match e.prim.lower() {
        Lowering::Pointwise(PointOp::Sub) => pairs(x, y)?.find(|((a, _), (d, _))| a == d),
        Lowering::Pointwise(PointOp::Add) => [(x, y), (y, x)]
            .into_iter()
            .find_map(|(x, y)| pairs(x, y)?.find(|((a, _), (d, _))| negated(*d) == Some(*a))),
        _ => None,
    };
    found.map(|((a, b), (_, c))| (a, b, c)).filter(|&(_, b, c)| bounded(b) || bounded(c))
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, jit};

    fn text(f: impl Fn(Tensor, Tensor, Tensor) -> Tensor + Clone) -> (String, f32) {
        let f = jit(move |x: (Tensor, Tensor, Tensor)| f(x.0, x.1, x.2));
        let x = || [3.0f32, 0.5, 0.25].map(|x| Tensor::from([x]));
        let [a, b, c] = x();
        let value = f.call((a, b, c)).and_then(|y| y.sum().item::<f32>());
        let [a, b, c] = x();
        (f.graph((a, b, c)).map(|g| g.to_string()).unwrap_or_default(), value.unwrap_or(f32::NAN))
    }

    #[test]
    fn a_common_factor_is_multiplied_once() {
        let want = 3.0 * (0.5 - 0.25f32.tanh());
        for (graph, value) in [
            text(|a, b, c| &a * &b - c.tanh() * &a),
            text(|a, b, c| &b * &a + c.tanh() * -&a),
            text(|a, b, c| -&a * c.tanh() + &a * &b),
        ] {
            assert_eq!(graph.matches("mul").count(), 1, "{graph}");
            assert!(!graph.contains("neg") && (value - want).abs() < 1e-6, "{value} {graph}");
        }
    }

    #[test]
    fn what_something_else_reads_or_has_no_bound_stays() {
        let (graph, _) = text(|a, b, c| {
            let (p, q) = (&a * &b, c.sigmoid() * &a);
            (&p - &q) * p * q
        });
        assert_eq!(graph.matches("mul").count(), 4, "{graph}");
        let (graph, _) = text(|a, b, c| &a * &b + c.tanh() * &a);
        assert_eq!(graph.matches("mul").count(), 2, "{graph}");
        let (graph, value) = text(|a, b, c| &a * &b - &c * &a);
        assert_eq!((graph.matches("mul").count(), value), (2, 0.75), "{graph}");
        // A mask and numbers that stand for nothing: their difference would be infinite.
        let f = jit(|(a, b, c): (Tensor, Tensor, Tensor)| &a * &b - &c * &a);
        let [a, b, c] = [0.0, 3e38, -3e38f32].map(|x| Tensor::from([x]));
        assert_eq!(f.call((a, b, c)).and_then(|y| y.to_vec::<f32>()).ok(), Some(vec![0.0]));
    }
}

//! Merges equations that compute the same.

use crate::ir::{Eqn, Graph, Var};
use crate::opt::Renaming;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The equations kept of one primitive's name and operands.
struct Alike {
    /// The place of the first.
    first: usize,
    /// The results of all by their primitives with all parameters, as text: empty while there is one.
    by_text: HashMap<String, Var>,
}

/// Of equations with the same primitive, parameters and operands the first is kept.
pub(crate) fn common_subexpressions(mut graph: Graph) -> Graph {
    let text = |e: &Eqn| format!("{:?}", e.prim);
    // Few equations share name and operands, and only these are written out.
    let mut seen: HashMap<(&'static str, Vec<Var>), Alike> = HashMap::with_capacity(graph.eqns.len());
    let mut names = Renaming::default();
    let mut kept: Vec<Eqn> = Vec::with_capacity(graph.eqns.len());
    for mut e in graph.eqns {
        names.apply(&mut e.inputs);
        match seen.entry((e.prim.name(), e.inputs.clone())) {
            Entry::Vacant(none) => {
                none.insert(Alike { first: kept.len(), by_text: HashMap::new() });
                kept.push(e);
            }
            Entry::Occupied(mut some) => {
                let Alike { first, by_text } = some.get_mut();
                if by_text.is_empty() {
                    by_text.insert(text(&kept[*first]), kept[*first].output);
                }
                match by_text.entry(text(&e)) {
                    Entry::Occupied(same) => names.set(e.output, *same.get()),
                    Entry::Vacant(none) => {
                        none.insert(e.output);
                        kept.push(e);
                    }
                }
            }
        }
    }
    graph.eqns = kept;
    names.apply(&mut graph.outputs);
    graph
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, jit};

    #[test]
    fn equations_of_the_same_operands_are_told_apart_by_name_and_parameters() {
        let f = jit(|x: Tensor| {
            let (first, last) = (|| x.slice(0, 0, 2), || x.slice(0, 1, 3));
            (first() + last(), first().sin() + first().cos(), last().sin() + first().sin())
        });
        let x = || Tensor::from([0.5f64, 1.0, 2.0]);
        let graph = f.graph(x()).unwrap();
        let count = |name: &str| graph.eqns.iter().filter(|e| e.prim.name() == name).count();
        assert_eq!((count("slice"), count("sin"), count("cos")), (2, 2, 1));
        let (a, b, c) = f.call(x()).unwrap();
        let want = |f: fn(f64, f64) -> f64| [f(0.5, 1.0), f(1.0, 2.0)];
        assert_eq!(a.to_vec::<f64>().unwrap(), want(|x, y| x + y));
        let near =
            |t: Tensor, want: [f64; 2]| t.to_vec::<f64>().unwrap().iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14);
        assert!(near(b, want(|x, _| x.sin() + x.cos())) && near(c, want(|x, y| y.sin() + x.sin())));
    }
}

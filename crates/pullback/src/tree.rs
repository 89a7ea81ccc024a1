//! Trees of tensors: what transforms take for parameters.

use crate::trace::Tensor;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A structure of tensors that transforms can take apart and put together again.
///
/// Derive it: each field is a [`Tree`] in turn. Tensors, [`Key`](crate::Key)s, tuples, `Vec`, `Option`, `Box` and
/// arrays of trees are trees; numbers, truth values and strings are trees without leaves, part of the structure.
///
/// ```
/// use pullback::{Tensor, Tree, leaves};
/// #[derive(Tree)]
/// struct Dense { w: Tensor, b: Tensor }
/// #[derive(Tree)]
/// struct Net { hidden: Vec<Dense>, scale: f64 }
///
/// let dense = || Dense { w: Tensor::from([[1.0f32]]), b: Tensor::from([0.0f32]) };
/// let net = Net { hidden: vec![dense(), dense()], scale: 2.0 };
/// let names: Vec<String> = leaves(&net).into_iter().map(|l| l.name).collect();
/// assert_eq!(names, ["hidden.0.w", "hidden.0.b", "hidden.1.w", "hidden.1.b"]);
/// ```
pub trait Tree: Sized {
    /// Rebuilds the structure with every leaf replaced by what the visitor makes of it.
    fn visit(&self, visitor: &mut Visitor<'_>) -> Self;
}

/// What a [`Tree`] is walked with.
pub struct Visitor<'a> {
    /// The name of the part that is visited; `None` where nobody asks for names.
    path: Option<String>,
    rows: bool,
    structure: DefaultHasher,
    leaf: &'a mut dyn FnMut(Part<'_>) -> Tensor,
}

/// A leaf where it stands in its tree.
struct Part<'a> {
    name: &'a str,
    tensor: &'a Tensor,
    rows: bool,
}

impl Part<'_> {
    fn leaf(&self) -> Leaf {
        Leaf { name: self.name.to_string(), tensor: self.tensor.clone(), rows: self.rows }
    }
}

/// One tensor of a tree.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its fields' names, joined by dots: `encoder.hidden.w`.
    pub name: String,
    /// The tensor.
    pub tensor: Tensor,
    /// Whether its first axis is one of rows; see [`Rows`](crate::Rows).
    pub rows: bool,
}

impl Visitor<'_> {
    /// Visits a part under a name.
    pub fn field<T: Tree>(&mut self, name: &str, part: &T) -> T {
        let Some(path) = &mut self.path else { return part.visit(self) };
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        let part = part.visit(self);
        if let Some(path) = &mut self.path {
            path.truncate(length);
        }
        part
    }

    /// Visits one of several parts that are known by their numbers.
    fn item<T: Tree>(&mut self, number: usize, part: &T) -> T {
        if self.path.is_none() { part.visit(self) } else { self.field(&number.to_string(), part) }
    }

    /// Visits a leaf.
    pub fn leaf(&mut self, tensor: &Tensor) -> Tensor {
        (self.leaf)(Part { name: self.path.as_deref().unwrap_or_default(), tensor, rows: self.rows })
    }

    /// Notes a part of the structure that is no tensor: a compiled function is compiled for it.
    pub fn fixed(&mut self, part: impl Hash) {
        part.hash(&mut self.structure);
    }

    /// Visits a part whose leaves have rows along their first axis.
    pub(crate) fn rows<T: Tree>(&mut self, part: &T) -> T {
        let before = std::mem::replace(&mut self.rows, true);
        let part = part.visit(self);
        self.rows = before;
        part
    }
}

/// The tree with every leaf replaced.
pub fn map_leaves<T: Tree>(tree: &T, mut f: impl FnMut(Leaf) -> Tensor) -> T {
    walk(tree, Some(String::new()), &mut |part| f(part.leaf())).0
}

fn walk<T: Tree>(tree: &T, path: Option<String>, leaf: &mut dyn FnMut(Part<'_>) -> Tensor) -> (T, u64) {
    let mut visitor = Visitor { path, rows: false, structure: DefaultHasher::new(), leaf };
    let tree = tree.visit(&mut visitor);
    (tree, visitor.structure.finish())
}

/// The leaves of a tree, in order.
pub fn leaves<T: Tree>(tree: &T) -> Vec<Leaf> {
    list(tree, Some(String::new())).0
}

/// The leaves of a tree without their names, and a number that tells structures apart.
pub(crate) fn structure<T: Tree>(tree: &T) -> (Vec<Leaf>, u64) {
    list(tree, None)
}

fn list<T: Tree>(tree: &T, path: Option<String>) -> (Vec<Leaf>, u64) {
    // Room for the state of a small model.
    let mut list = Vec::with_capacity(64);
    let (_, hash) = walk(tree, path, &mut |part| {
        list.push(part.leaf());
        part.tensor.clone()
    });
    (list, hash)
}

/// A tree of the structure of `template` with those leaves; where there are too few, the template's own remain.
pub fn unflatten<T: Tree>(template: &T, tensors: impl IntoIterator<Item = Tensor>) -> T {
    let mut tensors = tensors.into_iter();
    walk(template, None, &mut |part| tensors.next().unwrap_or_else(|| part.tensor.clone())).0
}

impl Tree for Tensor {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Tensor {
        visitor.leaf(self)
    }
}

impl Tree for () {
    fn visit(&self, _: &mut Visitor<'_>) {}
}

impl<T: Tree> Tree for Vec<T> {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Vec<T> {
        visitor.fixed(self.len());
        self.iter().enumerate().map(|(i, t)| visitor.item(i, t)).collect()
    }
}

impl<T: Tree, const N: usize> Tree for [T; N] {
    fn visit(&self, visitor: &mut Visitor<'_>) -> [T; N] {
        std::array::from_fn(|i| visitor.item(i, &self[i]))
    }
}

impl<T: Tree> Tree for Option<T> {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Option<T> {
        visitor.fixed(self.is_some());
        self.as_ref().map(|t| t.visit(visitor))
    }
}

impl<T: Tree> Tree for Box<T> {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Box<T> {
        Box::new((**self).visit(visitor))
    }
}

macro_rules! fixed {
    ($($t:ty => |$x:ident| $hash:expr),*) => {$(
        impl Tree for $t {
            fn visit(&self, visitor: &mut Visitor<'_>) -> $t {
                let $x = self;
                visitor.fixed($hash);
                self.clone()
            }
        }
    )*};
}
fixed!(
    bool => |x| x, i32 => |x| x, u32 => |x| x, u64 => |x| x, usize => |x| x, String => |x| x,
    &'static str => |x| x, f32 => |x| x.to_bits(), f64 => |x| x.to_bits()
);

macro_rules! tuple {
    ($($t:ident $i:tt),+) => {
        impl<$($t: Tree),+> Tree for ($($t,)+) {
            fn visit(&self, visitor: &mut Visitor<'_>) -> ($($t,)+) {
                ($(visitor.field(stringify!($i), &self.$i),)+)
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_tells_fixed_parts_apart() {
        let t = Tensor::scalar(1.0f32);
        let hash = |x: f64| structure(&(t.clone(), x)).1;
        assert_eq!(hash(1.0), hash(1.0));
        assert_ne!(hash(1.0), hash(2.0));
        assert_ne!(structure(&Some(t.clone())).1, structure(&None::<Tensor>).1);
    }
}

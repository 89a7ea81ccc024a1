//! Shapes whose leading sizes may be symbolic, and NumPy's broadcasting on them.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of a number of rows that is known only when a program runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RowId(pub(crate) u32);

impl RowId {
    /// A name that nothing else bears.
    pub(crate) fn fresh() -> RowId {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        RowId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One extent of a [`Shape`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dim {
    /// A size that is the same at every call.
    Known(usize),
    /// A number of rows, bound when the program runs.
    Rows(RowId),
}

impl Dim {
    /// A number of rows that nothing else names.
    pub(crate) fn fresh_rows() -> Dim {
        Dim::Rows(RowId::fresh())
    }

    /// The size, where it is known.
    pub fn known(self) -> Option<usize> {
        match self {
            Dim::Known(n) => Some(n),
            Dim::Rows(_) => None,
        }
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Dim {
        Dim::Known(n)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(n) => write!(f, "{n}"),
            Dim::Rows(_) => write!(f, "rows"),
        }
    }
}

/// The extents of a tensor, outermost first; row-major.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Shape(pub Vec<Dim>);

impl Shape {
    /// The shape of a scalar.
    pub fn scalar() -> Shape {
        Shape(Vec::new())
    }

    /// A shape of known sizes.
    pub fn of(sizes: &[usize]) -> Shape {
        Shape(sizes.iter().map(|&n| Dim::Known(n)).collect())
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The extents.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// Every size, if all are known.
    pub fn known(&self) -> Option<Vec<usize>> {
        self.0.iter().map(|d| d.known()).collect()
    }

    /// Whether the shape has that extent on some axis.
    pub(crate) fn mentions(&self, rows: RowId) -> bool {
        self.0.contains(&Dim::Rows(rows))
    }

    /// The axis that has that symbolic extent.
    pub(crate) fn axis_of(&self, rows: RowId) -> Option<usize> {
        self.0.iter().position(|&d| d == Dim::Rows(rows))
    }

    /// This shape with `dim` put before axis `at`.
    pub(crate) fn insert(&self, at: usize, dim: Dim) -> Shape {
        let mut dims = self.0.clone();
        dims.insert(at, dim);
        Shape(dims)
    }

    /// This shape without those axes.
    pub(crate) fn without(&self, axes: &[usize]) -> Shape {
        Shape(self.0.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, &d)| d).collect())
    }

    /// NumPy's broadcast of two shapes: sizes align at the right, 1 stretches; `None` where they clash.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let at = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(Dim::Known(1), |j| s.0[j]);
        (0..rank)
            .map(|i| match (at(self, i), at(other, i)) {
                (a, b) if a == b => Some(a),
                (Dim::Known(1), b) => Some(b),
                (a, Dim::Known(1)) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Shape)
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Shape {
        Shape::of(sizes)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Shape {
        Shape::of(&sizes)
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Shape {
        Shape(dims)
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

impl Shape {
    /// As [`Display`](fmt::Display), with names that hold across several shapes: `seen` are the extents named so far.
    pub(crate) fn named(&self, seen: &mut Vec<RowId>) -> String {
        let mut name = |dim: &Dim| match dim {
            Dim::Known(n) => n.to_string(),
            Dim::Rows(id) => {
                let n = seen.iter().position(|s| s == id).unwrap_or_else(|| {
                    seen.push(*id);
                    seen.len() - 1
                });
                format!("rows{}", "'".repeat(n))
            }
        };
        format!("[{}]", self.0.iter().map(&mut name).collect::<Vec<_>>().join(", "))
    }

    /// Two shapes as a message prints them, an extent under one name in both.
    pub(crate) fn pair(&self, other: &Shape) -> (String, String) {
        let mut seen = Vec::new();
        (self.named(&mut seen), other.named(&mut seen))
    }
}

impl fmt::Display for Shape {
    /// `[rows, 3]`; several symbolic extents in one shape are told apart by primes: `[rows, rows', 3]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named(&mut Vec::new()))
    }
}

/// What is known of the symbolic extents during one run.
#[derive(Clone, Debug, Default)]
pub struct Sizes(Vec<(RowId, usize)>);

impl Sizes {
    /// Records that `rows` is `n`; the earlier size where it was bound to another.
    pub fn bind(&mut self, rows: RowId, n: usize) -> Result<(), usize> {
        match self.0.iter().find(|(id, _)| *id == rows) {
            Some(&(_, m)) if m != n => Err(m),
            Some(_) => Ok(()),
            None => {
                self.0.push((rows, n));
                Ok(())
            }
        }
    }

    /// The size of one extent; `None` where it has not been bound.
    pub fn get(&self, dim: Dim) -> Option<usize> {
        match dim {
            Dim::Known(n) => Some(n),
            Dim::Rows(id) => self.0.iter().find(|(r, _)| *r == id).map(|&(_, n)| n),
        }
    }

    /// Every size of a shape. A verified graph binds its extents before their use.
    pub fn resolve(&self, shape: &Shape) -> Vec<usize> {
        shape.0.iter().map(|&d| self.get(d).expect("verify: an extent is bound before its use")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_is_numpys() {
        let b = |a: &[usize], b: &[usize]| Shape::of(a).broadcast(&Shape::of(b)).map(|s| s.known().unwrap());
        assert_eq!(b(&[3, 1], &[4]), Some(vec![3, 4]));
        assert_eq!(b(&[], &[2, 5]), Some(vec![2, 5]));
        assert_eq!(b(&[2], &[3]), None);
        let rows = RowId::fresh();
        let s = Shape(vec![Dim::Rows(rows), Dim::Known(3)]);
        assert_eq!(s.broadcast(&Shape::of(&[3])), Some(s.clone()));
        assert_eq!(s.broadcast(&Shape::of(&[7, 3])), None, "a symbolic size equals no known one");
    }
}

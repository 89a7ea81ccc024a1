//! The intermediate representation: typed equations in order, and what a primitive must answer.

use crate::array::{Array, DType};
use crate::error::ErrorKind;
use crate::lowering::Lowering;
use crate::shape::{Dim, RowId, Shape, Sizes};
use crate::trace::Tensor;
use std::collections::HashMap;
use std::fmt::{self, Debug, Write};
use std::panic::Location;
use std::sync::Arc;

/// The type of a variable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// Of its elements.
    pub dtype: DType,
    /// Its extents.
    pub shape: Shape,
}

impl Type {
    /// A type of those parts.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Type {
        Type { dtype, shape: shape.into() }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

/// A variable of a [`Graph`], by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Var(pub u32);

impl Var {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One equation: `output = prim(inputs)`.
#[derive(Clone, Debug)]
pub struct Eqn {
    /// The operation.
    pub prim: Arc<dyn Primitive>,
    /// Its operands.
    pub inputs: Vec<Var>,
    /// What it defines.
    pub output: Var,
    /// The user's line that asked for it.
    pub at: &'static Location<'static>,
}

/// A pure function: typed inputs, equations in order, outputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The type of each variable.
    pub types: Vec<Type>,
    /// The parameters.
    pub inputs: Vec<Var>,
    /// In order of evaluation.
    pub eqns: Vec<Eqn>,
    /// The results.
    pub outputs: Vec<Var>,
}

impl Graph {
    /// A new variable of that type.
    pub fn var(&mut self, ty: Type) -> Var {
        self.types.push(ty);
        Var(self.types.len() as u32 - 1)
    }

    /// A new parameter.
    pub fn input(&mut self, ty: Type) -> Var {
        let v = self.var(ty);
        self.inputs.push(v);
        v
    }

    /// The type of a variable.
    pub fn ty(&self, v: Var) -> &Type {
        &self.types[v.index()]
    }

    /// For each variable, the equation that defines it.
    pub(crate) fn definitions(&self) -> HashMap<Var, usize> {
        self.eqns.iter().enumerate().map(|(i, e)| (e.output, i)).collect()
    }

    /// How often each variable is read, results included.
    pub(crate) fn uses(&self) -> Vec<u32> {
        let mut n = vec![0; self.types.len()];
        self.eqns.iter().flat_map(|e| &e.inputs).chain(&self.outputs).for_each(|v| n[v.index()] += 1);
        n
    }
}

impl fmt::Display for Graph {
    /// One equation a line, variables lettered in order of appearance.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: HashMap<Var, String> = HashMap::new();
        let mut rows: Vec<RowId> = Vec::new();
        let mut name = |v: Var| -> String {
            let n = names.len();
            names.entry(v).or_insert_with(|| letters(n)).clone()
        };
        let mut ty = |t: &Type| -> String {
            let mut s = format!("{}[", t.dtype);
            for (i, d) in t.shape.dims().iter().enumerate() {
                let sep = if i > 0 { "," } else { "" };
                let text = match d {
                    Dim::Known(n) => n.to_string(),
                    Dim::Rows(id) => {
                        let n = rows.iter().position(|r| r == id).unwrap_or_else(|| {
                            rows.push(*id);
                            rows.len() - 1
                        });
                        if n == 0 { "rows".to_string() } else { format!("rows{n}") }
                    }
                };
                let _ = write!(s, "{sep}{text}");
            }
            s + "]"
        };
        let list: Vec<String> = self.inputs.iter().map(|&v| format!("{}:{}", name(v), ty(self.ty(v)))).collect();
        writeln!(f, "{{ {} ->", list.join(", "))?;
        for e in &self.eqns {
            let args: Vec<String> = e.inputs.iter().map(|&v| name(v)).collect();
            let params = e.prim.parameters();
            let args = args.join(" ");
            let gap = if args.is_empty() { "" } else { " " };
            writeln!(f, "  {}:{} = {}{params}{gap}{args}", name(e.output), ty(self.ty(e.output)), e.prim.name())?;
        }
        let list: Vec<String> = self.outputs.iter().map(|&v| name(v)).collect();
        write!(f, "  return {} }}", list.join(", "))
    }
}

/// `a … z, aa, ab, …`
fn letters(mut n: usize) -> String {
    let mut s = String::new();
    loop {
        s.insert(0, (b'a' + (n % 26) as u8) as char);
        if n < 26 {
            return s;
        }
        n = n / 26 - 1;
    }
}

/// A value under `vmap`.
#[derive(Clone, Debug)]
pub enum Batched {
    /// The same for every example.
    Shared(Tensor),
    /// Examples along axis 0.
    Stacked(Tensor),
    /// The examples' rows, one after the other, along the axis that was the ragged one.
    Folded(Tensor),
}

impl Batched {
    /// The tensor inside.
    pub fn tensor(&self) -> &Tensor {
        match self {
            Batched::Shared(t) | Batched::Stacked(t) | Batched::Folded(t) => t,
        }
    }
}

/// What `vmap` knows of a ragged axis whose lengths differ from example to example.
#[derive(Clone, Debug)]
pub struct Fold {
    /// The extent's name in the function of one example.
    pub rows: RowId,
    /// The number of rows of all examples together.
    pub total: Dim,
    /// The number of examples.
    pub examples: Dim,
    /// For each row the example it belongs to, ascending; i32\[total\].
    pub ids: Tensor,
    /// How many rows each example has; i32\[examples\].
    pub counts: Tensor,
    /// For each row its place within its example; i32\[total\].
    pub positions: Tensor,
    /// For each operand of the equation at hand the axis along which the rows lie.
    pub axes: Vec<Option<usize>>,
}

/// An operand of a linear equation.
#[derive(Clone, Debug)]
pub enum Operand {
    /// The equation is linear in it; its type.
    Linear(Type),
    /// Held fixed.
    Fixed(Tensor),
}

impl Operand {
    /// The type of the operand.
    pub fn ty(&self) -> Type {
        match self {
            Operand::Linear(t) => t.clone(),
            Operand::Fixed(t) => t.ty(),
        }
    }

    /// The fixed tensor, if it is one.
    pub fn fixed(&self) -> Option<&Tensor> {
        match self {
            Operand::Fixed(t) => Some(t),
            Operand::Linear(_) => None,
        }
    }
}

/// A map over extents, applied to a primitive's parameters.
pub type MapDims<'a> = &'a mut dyn FnMut(Dim) -> Dim;

/// An operation with all its rules. No rule has a default: a refusal is an explicit answer.
pub trait Primitive: Debug + Send + Sync + 'static {
    /// As graphs and errors print it.
    fn name(&self) -> &'static str;

    /// Its parameters as graphs print them: `[axes=0]`; empty where there are none.
    fn parameters(&self) -> String;

    /// The type of the result, or why there is none.
    fn infer(&self, inputs: &[&Type]) -> Result<Type, ErrorKind>;

    /// The value by plain loops: the specification of every other way to run it.
    fn eval(&self, inputs: &[&Array], sizes: &Sizes) -> Array;

    /// The tangent of the result, where some operand has one; `None` is zero.
    fn jvp(&self, inputs: &[Tensor], output: &Tensor, tangents: &[Option<Tensor>]) -> Option<Tensor>;

    /// The cotangent of each linear operand, for an equation that is linear in them.
    fn transpose(&self, inputs: &[Operand], cotangent: &Tensor) -> Vec<Option<Tensor>>;

    /// The same over a stack of `n` examples, where some operand is stacked along axis 0; so is the result.
    fn batch(&self, inputs: &[Batched], n: Dim) -> Tensor;

    /// The same over examples whose ragged axes are laid end to end.
    fn fold(&self, fold: &Fold, inputs: &[Batched]) -> Batched;

    /// Itself with the extents among its parameters replaced; `None` where it has no such parameter.
    fn map_dims(&self, map: MapDims<'_>) -> Option<Arc<dyn Primitive>>;

    /// How the executor may run it.
    fn lower(&self) -> Lowering;
}

//! The compiled form: a stack machine whose values are traced tensors.
//!
//! A flat list, not a tree: a sum of a thousand terms needs no deep recursion to run, to copy or to drop.

use pullback::Tensor;

/// One instruction; the operands are on the stack, the last on top.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    /// Puts a number there.
    Number(f64),
    /// Puts a coordinate of `x` there.
    Coordinate(usize),
    /// Puts so many coordinates from the first on there.
    Coordinates(usize, usize),
    /// Replaces the top.
    Each(fn(&Tensor) -> Tensor),
    /// Replaces the two on top.
    Pair(fn(&Tensor, &Tensor) -> Tensor),
    /// Replaces the top by its sum.
    Sum,
    /// Replaces condition, value if it holds, value if not.
    Where,
}

/// A checked list of instructions that leaves one number on the stack.
#[derive(Clone, Debug)]
pub(super) struct Program(pub(super) Vec<Instruction>);

impl Program {
    /// The number at `x: [dim]`; traced where `x` is.
    #[track_caller]
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let mut stack: Vec<Tensor> = Vec::new();
        // The parser leaves as many operands as an instruction takes.
        let pop = |stack: &mut Vec<Tensor>| stack.pop().unwrap_or_else(|| x.clone());
        for instruction in &self.0 {
            let value = match *instruction {
                Instruction::Number(value) => Tensor::full(value, x.dtype(), [0usize; 0]),
                Instruction::Coordinate(i) => x.slice(0, i, i + 1).sum(),
                Instruction::Coordinates(start, n) => x.slice(0, start, start + n),
                Instruction::Each(f) => f(&pop(&mut stack)),
                Instruction::Sum => pop(&mut stack).sum(),
                Instruction::Pair(f) => {
                    let (b, a) = (pop(&mut stack), pop(&mut stack));
                    f(&a, &b)
                }
                Instruction::Where => {
                    let (b, a, c) = (pop(&mut stack), pop(&mut stack), pop(&mut stack));
                    c.select(&a, &b)
                }
            };
            stack.push(value);
        }
        pop(&mut stack)
    }

    /// The coordinates that it reads.
    pub(super) fn reads(&self, dim: usize) -> Vec<bool> {
        let mut read = vec![false; dim];
        for instruction in &self.0 {
            let (start, n) = match *instruction {
                Instruction::Coordinate(i) => (i, 1),
                Instruction::Coordinates(start, n) => (start, n),
                _ => continue,
            };
            read[start..start + n].fill(true);
        }
        read
    }
}

//! Several elementary operations as one instruction, where one loop then reads and writes less than several.
//!
//! Each computes exactly what its operations would, rounded after every one of them: no bit changes. Only where a chain
//! takes the sums of [`Fused::Logistic`] are its values not made one by one.

use crate::exec::interleave;
use crate::exec::kernel::{Op, Source};
use crate::exec::lanes::{Run, zip2, zip3, zip4};
use crate::ir::Var;
use crate::lowering::PointOp;
use crate::math::Real;

/// Some operations in one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fused {
    /// `a + b·c`.
    AddProduct,
    /// `a - b·c`.
    SubProduct,
    /// `b·c - a`.
    ProductSub,
    /// `a · (1 - b·b)`: what tanh does to a cotangent, by its value.
    TanhSlope,
    /// `tanh(a + b)`.
    TanhSum,
    /// `softplus(a + b)`.
    SoftplusSum,
    /// `sigmoid(a + b)`.
    SigmoidSum,
    /// `c·(a + b) - softplus(a + b)`: the log-probability of a truth value by its logit.
    Logistic,
    /// `a · (b - sigmoid(c + d))`: the slope of a log-probability by its logit, for a cotangent.
    LogisticSlope,
    /// `a·b + c·d`.
    Mix,
    /// `a·b + c·c·d`.
    MixSquare,
    /// `a + √b·c`.
    AddRoot,
    /// `a - b·c/d`.
    SubRatio,
}

/// One value of a chain, before registers are dealt out; a register is the number of a link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub op: Op,
    pub args: Vec<Source>,
    pub output: Var,
}

/// The chain with its operations fused where nothing else reads what lies between them.
pub(super) fn fuse(mut chain: Vec<Link>, kept: &dyn Fn(Var) -> bool) -> Vec<Link> {
    let mut uses = vec![0; chain.len()];
    for arg in chain.iter().flat_map(|l| &l.args) {
        if let Source::Register(k) = arg {
            uses[*k] += 1;
        }
    }
    for (link, n) in chain.iter().zip(&mut uses) {
        *n += usize::from(kept(link.output));
    }
    let mut taken = vec![false; chain.len()];
    for j in 0..chain.len() {
        if let Some((op, args, from)) = fused(&chain, &uses, j) {
            chain[j].op = Op::Fused(op);
            chain[j].args = args;
            from.into_iter().for_each(|k| taken[k] = true);
        }
    }
    // What was taken is gone, and the rest has new numbers.
    let mut number = vec![0; chain.len()];
    let mut next = 0;
    for (n, &taken) in number.iter_mut().zip(&taken) {
        *n = next;
        next += usize::from(!taken);
    }
    let mut gone = taken.into_iter();
    chain.retain(|_| gone.next() == Some(false));
    for arg in chain.iter_mut().flat_map(|l| &mut l.args) {
        if let Source::Register(k) = arg {
            *k = number[*k];
        }
    }
    chain
}

/// What link `j` becomes, with what it reads then and the links that it takes in.
fn fused(chain: &[Link], uses: &[usize], j: usize) -> Option<(Fused, Vec<Source>, Vec<usize>)> {
    let once = |s: Source, op: Op| match s {
        Source::Register(k) if uses[k] == 1 && chain[k].op == op => Some((k, &chain[k].args[..])),
        _ => None,
    };
    let product = |s: Source| match once(s, Op::Point(PointOp::Mul)) {
        Some((k, &[x, y])) => Some((k, x, y)),
        _ => None,
    };
    let square = |s: Source| match once(s, Op::Point(PointOp::Mul)) {
        Some((k, &[x, y])) if x == y => Some((k, x)),
        _ => None,
    };
    let ratio = |s: Source| match once(s, Op::Point(PointOp::Div)) {
        Some((k, &[x, z])) => product(x).map(|(l, x, y)| (k, l, [x, y, z])),
        _ => None,
    };
    if let &[x] = &chain[j].args[..] {
        let op = match chain[j].op {
            Op::Point(PointOp::Tanh) => Fused::TanhSum,
            Op::Point(PointOp::Softplus) => Fused::SoftplusSum,
            Op::Point(PointOp::Sigmoid) => Fused::SigmoidSum,
            _ => return None,
        };
        return once(x, Op::Point(PointOp::Add)).map(|(k, sum)| (op, sum.to_vec(), vec![k]));
    }
    let &[a, b] = &chain[j].args[..] else { return None };
    match chain[j].op {
        Op::Point(PointOp::Mul) => [(a, b), (b, a)].into_iter().find_map(|(x, slope)| {
            if let Some((k, &[Source::Number(1.0), y, z])) = once(slope, Op::Fused(Fused::SubProduct))
                && y == z
            {
                return Some((Fused::TanhSlope, vec![x, y], vec![k]));
            }
            let (k, &[y, sigmoid]) = once(slope, Op::Point(PointOp::Sub))? else { return None };
            let (l, &[z, w]) = once(sigmoid, Op::Fused(Fused::SigmoidSum))? else { return None };
            Some((Fused::LogisticSlope, vec![x, y, z, w], vec![k, l]))
        }),
        Op::Point(PointOp::Add) => match (product(a), product(b)) {
            (Some((k, x, y)), Some((l, z, w))) => {
                for (base, factor) in [(z, w), (w, z)] {
                    if let Some((m, z)) = square(base) {
                        return Some((Fused::MixSquare, vec![x, y, z, factor], vec![k, l, m]));
                    }
                }
                Some((Fused::Mix, vec![x, y, z, w], vec![k, l]))
            }
            (Some((k, x, y)), None) | (None, Some((k, x, y))) => {
                let other = if product(a).is_some() { b } else { a };
                let root = [(x, y), (y, x)].into_iter().find_map(|(root, factor)| {
                    match once(root, Op::Point(PointOp::Sqrt)) {
                        Some((l, &[x])) => Some((Fused::AddRoot, vec![other, x, factor], vec![k, l])),
                        _ => None,
                    }
                });
                root.or(Some((Fused::AddProduct, vec![other, x, y], vec![k])))
            }
            (None, None) => None,
        },
        Op::Point(PointOp::Sub) if let Some((k, l, [x, y, z])) = ratio(b) => {
            Some((Fused::SubRatio, vec![a, x, y, z], vec![k, l]))
        }
        Op::Point(PointOp::Sub) if let Some((args, from)) = logistic(chain, uses, a, b) => {
            Some((Fused::Logistic, args, from))
        }
        Op::Point(PointOp::Sub) => match (product(a), product(b)) {
            (_, Some((k, x, y))) => Some((Fused::SubProduct, vec![a, x, y], vec![k])),
            (Some((k, x, y)), None) => Some((Fused::ProductSub, vec![b, x, y], vec![k])),
            (None, None) => None,
        },
        _ => None,
    }
}

/// What a product less a softplus reads as [`Fused::Logistic`], where both are of one sum that nothing else reads.
fn logistic(chain: &[Link], uses: &[usize], product: Source, softplus: Source) -> Option<(Vec<Source>, Vec<usize>)> {
    let register = |s: Source, n: usize, op: PointOp| match s {
        Source::Register(k) if uses[k] == n && chain[k].op == Op::Point(op) => Some((k, &chain[k].args[..])),
        _ => None,
    };
    let (k, &[x, y]) = register(product, 1, PointOp::Mul)? else { return None };
    let (l, &[logit]) = register(softplus, 1, PointOp::Softplus)? else { return None };
    let (m, &[a, b]) = register(logit, 2, PointOp::Add)? else { return None };
    let other = if x == logit { y } else { x };
    (other != logit && (x == logit || y == logit)).then(|| (vec![a, b, other], vec![k, l, m]))
}

/// A fused operation on a whole number of vectors.
#[inline(always)]
pub(super) fn run<T: Real, const FMA: bool>(op: Fused, to: &mut [T], [a, b, c, d]: [Run<'_, T>; 4]) {
    match op {
        Fused::AddProduct => zip3(to, [a, b, c], |a, b, c| a + b * c),
        Fused::SubProduct => zip3(to, [a, b, c], |a, b, c| a - b * c),
        Fused::ProductSub => zip3(to, [a, b, c], |a, b, c| b * c - a),
        Fused::TanhSlope => zip2(to, [a, b], |a, b| a * (T::ONE - b * b)),
        Fused::TanhSum => interleave::run::<T, FMA, interleave::TanhSum>(to, [a, b, b, b]),
        Fused::SoftplusSum => interleave::run::<T, FMA, interleave::SoftplusSum>(to, [a, b, b, b]),
        Fused::Logistic => interleave::run::<T, FMA, interleave::Logistic>(to, [a, b, c, c]),
        Fused::SigmoidSum => interleave::run::<T, FMA, interleave::SigmoidSum>(to, [a, b, b, b]),
        Fused::LogisticSlope => interleave::run::<T, FMA, interleave::LogisticSlope>(to, [a, b, c, d]),
        Fused::Mix => zip4(to, [a, b, c, d], |a, b, c, d| a * b + c * d),
        Fused::MixSquare => zip4(to, [a, b, c, d], |a, b, c, d| a * b + c * c * d),
        Fused::AddRoot => zip3(to, [a, b, c], |a, b, c| a + b.sqrt() * c),
        Fused::SubRatio => zip4(to, [a, b, c, d], |a, b, c, d| a - b * c / d),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::lanes::ALIKE;

    fn link(op: Op, args: &[Source], output: u32) -> Link {
        Link { op, args: args.to_vec(), output: Var(output) }
    }

    #[test]
    fn what_something_else_reads_is_not_taken_in() {
        let (mul, sub) = (Op::Point(PointOp::Mul), Op::Point(PointOp::Sub));
        let (h, g, one) = (Source::Load(0), Source::Load(1), Source::Number(1.0));
        let chain = vec![
            link(mul, &[h, h], 0),
            link(sub, &[one, Source::Register(0)], 1),
            link(mul, &[g, Source::Register(1)], 2),
        ];
        let all = fuse(chain.clone(), &|v| v == Var(2));
        assert_eq!(
            all.iter().map(|l| (l.op, &l.args[..])).collect::<Vec<_>>(),
            [(Op::Fused(Fused::TanhSlope), &[g, h][..])]
        );
        let square_kept = fuse(chain.clone(), &|v| v != Var(1));
        assert_eq!(square_kept.len(), 3);
        let slope_kept = fuse(chain, &|v| v != Var(0));
        assert_eq!(slope_kept[0].op, Op::Fused(Fused::SubProduct));
        assert_eq!((slope_kept[1].op, &slope_kept[1].args[..]), (mul, &[g, Source::Register(0)][..]));
    }

    /// Operations whose values have the numbers of their places.
    fn chain(of: &[(PointOp, &[Source])]) -> Vec<Link> {
        (0..).zip(of).map(|(k, &(op, args))| link(Op::Point(op), args, k)).collect()
    }

    #[test]
    fn the_slope_of_a_logit_is_one_operation() {
        let chain = chain(&[
            (PointOp::Add, &[Source::Load(0), Source::Load(1)]),
            (PointOp::Sigmoid, &[Source::Register(0)]),
            (PointOp::Sub, &[Source::Load(2), Source::Register(1)]),
            (PointOp::Mul, &[Source::Register(2), Source::Load(3)]),
        ]);
        let all = fuse(chain.clone(), &|v| v == Var(3));
        let args = [Source::Load(3), Source::Load(2), Source::Load(0), Source::Load(1)];
        assert_eq!(
            all.iter().map(|l| (l.op, &l.args[..])).collect::<Vec<_>>(),
            [(Op::Fused(Fused::LogisticSlope), &args[..])]
        );
        let sigmoid_kept = fuse(chain, &|v| v == Var(3) || v == Var(1));
        assert_eq!(sigmoid_kept.len(), 3);
    }

    #[test]
    fn a_logit_that_something_else_reads_is_not_taken_in() {
        let chain = chain(&[
            (PointOp::Add, &[Source::Load(0), Source::Load(1)]),
            (PointOp::Softplus, &[Source::Register(0)]),
            (PointOp::Mul, &[Source::Load(2), Source::Register(0)]),
            (PointOp::Sub, &[Source::Register(2), Source::Register(1)]),
        ]);
        let all = fuse(chain.clone(), &|v| v == Var(3));
        assert_eq!(
            all.iter().map(|l| (l.op, &l.args[..])).collect::<Vec<_>>(),
            [(Op::Fused(Fused::Logistic), &[Source::Load(0), Source::Load(1), Source::Load(2)][..])]
        );
        let logit_kept = fuse(chain.clone(), &|v| v == Var(3) || v == Var(0));
        assert_eq!(logit_kept.len(), 3);
        let mut square = chain;
        square[2].args[0] = Source::Register(0);
        assert_eq!(fuse(square, &|v| v == Var(3)).len(), 3);
    }

    #[test]
    fn one_number_and_many_mix() {
        let x: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let mut to = vec![0.0; 32];
        run::<f32, false>(
            Fused::MixSquare,
            &mut to,
            [Run::each(&x), Run::all(&[0.5; ALIKE]), Run::each(&x), Run::all(&[0.25; ALIKE])],
        );
        assert!(to.iter().zip(&x).all(|(y, x)| *y == x * 0.5 + x * x * 0.25));
        run::<f32, false>(
            Fused::SubRatio,
            &mut to,
            [Run::each(&x), Run::each(&x), Run::all(&[3.0; ALIKE]), Run::all(&[7.0; ALIKE])],
        );
        assert!(to.iter().zip(&x).all(|(y, x)| *y == x - x * 3.0 / 7.0));
        run::<f32, false>(
            Fused::AddRoot,
            &mut to,
            [Run::all(&[1.0; ALIKE]), Run::each(&x), Run::all(&[3.0; ALIKE]), Run::all(&[0.0; ALIKE])],
        );
        assert!(to.iter().zip(&x).all(|(y, x)| *y == 1.0 + x.sqrt() * 3.0));
        let sum = [Run::each(&x), Run::all(&[-7.5; ALIKE]), Run::all(&[0.5; ALIKE]), Run::all(&[0.0; ALIKE])];
        run::<f32, false>(Fused::SoftplusSum, &mut to, sum);
        assert!(to.iter().zip(&x).all(|(y, x)| *y == Real::softplus::<false>(x - 7.5)));
        run::<f32, false>(Fused::SigmoidSum, &mut to, sum);
        assert!(to.iter().zip(&x).all(|(y, x)| *y == Real::sigmoid::<false>(x - 7.5)));
        run::<f32, false>(Fused::Logistic, &mut to, sum);
        assert!(to.iter().zip(&x).all(|(y, x)| *y == 0.5 * (x - 7.5) - Real::softplus::<false>(x - 7.5)));
        run::<f32, false>(
            Fused::ProductSub,
            &mut to,
            [Run::all(&[3.0; ALIKE]), Run::each(&x), Run::each(&x), Run::all(&[0.0; ALIKE])],
        );
        assert!(to.iter().zip(&x).all(|(y, x)| *y == x * x - 3.0));
    }
}

//! Which nodes of a graph each node depends on, while some of them become one.

use std::collections::BTreeSet;

/// What nodes depend on directly, and at all.
pub(crate) struct Dependencies {
    direct: Vec<BTreeSet<usize>>,
    /// For each node the set of all that it depends on, as bits.
    all: Vec<u64>,
    /// Words of a set.
    words: usize,
}

/// The nodes so that each comes after what it needs.
fn order(needs: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(needs.len());
    let mut entered = vec![false; needs.len()];
    let mut stack: Vec<(usize, bool)> = (0..needs.len()).map(|k| (k, false)).collect();
    while let Some((k, through)) = stack.pop() {
        if through {
            order.push(k);
        } else if !std::mem::replace(&mut entered[k], true) {
            stack.push((k, true));
            stack.extend(needs[k].iter().map(|&d| (d, false)));
        }
    }
    order
}

impl Dependencies {
    /// `direct[k]` is what node `k` depends on directly; no node may depend on itself through others.
    pub(crate) fn of(direct: Vec<BTreeSet<usize>>) -> Dependencies {
        let words = direct.len().div_ceil(64);
        let mut found = Dependencies { all: vec![0; words * direct.len()], words, direct };
        for k in order(&found.direct) {
            for d in found.direct[k].clone() {
                found.add(k, d);
            }
        }
        found
    }

    /// What each node depends on directly.
    pub(crate) fn into_direct(self) -> Vec<BTreeSet<usize>> {
        self.direct
    }

    /// Whether a node depends on another.
    fn has(&self, of: usize, other: usize) -> bool {
        self.all[of * self.words + other / 64] >> (other % 64) & 1 == 1
    }

    /// Whether a node depends on another through a third.
    pub(crate) fn between(&self, from: usize, to: usize) -> bool {
        self.direct[to].iter().any(|&k| k != from && self.has(k, from))
    }

    /// Makes all of what another node depends on, and that node, something that a node depends on.
    fn add(&mut self, to: usize, other: usize) {
        self.take_in(to, other);
        self.all[to * self.words + other / 64] |= 1 << (other % 64);
    }

    /// Makes a node depend on all that another depends on.
    fn take_in(&mut self, to: usize, other: usize) {
        for word in 0..self.words {
            self.all[to * self.words + word] |= self.all[other * self.words + word];
        }
    }

    /// Makes one node, the first, of two between which no third lies; from then on nobody may ask for the second.
    pub(crate) fn join(&mut self, first: usize, second: usize) {
        let after = |k: &usize| *k != first && (self.has(*k, first) || self.has(*k, second));
        let after: Vec<usize> = (0..self.direct.len()).filter(after).collect();
        self.take_in(first, second);
        // One may have read the other.
        self.all[first * self.words + first / 64] &= !(1 << (first % 64));
        after.into_iter().for_each(|k| self.add(k, first));
        let more = std::mem::take(&mut self.direct[second]);
        self.direct[first].extend(more);
        for set in &mut self.direct {
            if set.remove(&second) {
                set.insert(first);
            }
        }
        self.direct[first].remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(lists: &[&[usize]]) -> Vec<BTreeSet<usize>> {
        lists.iter().map(|list| list.iter().copied().collect()).collect()
    }

    /// Pairs of a node and one that it depends on.
    fn pairs(all: &Dependencies, n: usize) -> Vec<(usize, usize)> {
        (0..n).flat_map(|k| (0..n).map(move |d| (k, d))).filter(|&(k, d)| all.has(k, d)).collect()
    }

    #[test]
    fn nodes_in_any_order() {
        // 2 ← 0 ← 3 ← 1, and 2 ← 3.
        let all = Dependencies::of(needs(&[&[2], &[3], &[], &[0, 2]]));
        assert_eq!(pairs(&all, 4), [(0, 2), (1, 0), (1, 2), (1, 3), (3, 0), (3, 2)]);
    }

    #[test]
    fn more_nodes_than_a_word_has_bits() {
        let chain: Vec<BTreeSet<usize>> = (0..150).map(|k| (k + 1..150).take(1).collect()).collect();
        let all = Dependencies::of(chain);
        assert!((0..150).all(|k| (0..150).all(|d| all.has(k, d) == (d > k))));
    }

    #[test]
    fn what_follows_either_of_two_that_are_joined_follows_both() {
        // 0 ← 1 ← 2 and 3 ← 4 ← 5; 1 and 4 become one.
        let mut all = Dependencies::of(needs(&[&[], &[0], &[1], &[], &[3], &[4]]));
        all.join(1, 4);
        assert!([0, 3].iter().all(|&d| [1, 2, 5].iter().all(|&k| all.has(k, d))));
        assert!(all.has(2, 1) && all.has(5, 1) && !all.has(1, 1) && !all.has(0, 3));
    }

    #[test]
    fn what_a_walk_finds_also_after_joins() {
        let n = 90;
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let needs = (0..n).map(|k| (0..2).map(|_| random(k + 1)).filter(|&d| d < k).collect()).collect();
        let walk = |all: &Dependencies, k: usize| {
            let (mut found, mut stack) = (BTreeSet::new(), vec![k]);
            while let Some(k) = stack.pop() {
                stack.extend(all.direct[k].iter().filter(|&&d| found.insert(d)));
            }
            found
        };
        let mut all = Dependencies::of(needs);
        let (mut alive, mut joins) = (vec![true; n], 0);
        for _ in 0..400 {
            let (a, b) = (random(n), random(n));
            if a == b || !alive[a] || !alive[b] || all.between(a, b) || all.between(b, a) {
                continue;
            }
            (alive[b], joins) = (false, joins + 1);
            all.join(a, b);
            for k in (0..n).filter(|&k| alive[k]) {
                let found = walk(&all, k);
                assert!(!found.contains(&k) && !found.contains(&b));
                assert!((0..n).filter(|&d| alive[d]).all(|d| all.has(k, d) == found.contains(&d)));
            }
        }
        assert!(joins > 20, "{joins}");
    }

    #[test]
    fn joining_one_that_reads_the_other_makes_no_cycle() {
        let mut all = Dependencies::of(needs(&[&[], &[0], &[1]]));
        all.join(0, 1);
        assert!(!all.has(0, 0) && all.has(2, 0));
        let mut all = Dependencies::of(needs(&[&[1], &[], &[0]]));
        all.join(0, 1);
        assert!(!all.has(0, 0) && all.has(2, 0));
    }
}

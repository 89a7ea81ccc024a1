//! Which nodes of a graph without cycles each node depends on, directly or not.

use std::collections::BTreeSet;

/// A set of nodes for each node, as bits.
pub(crate) struct Ancestors {
    /// Words of a set.
    words: usize,
    sets: Vec<u64>,
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

impl Ancestors {
    /// `needs[k]` is what node `k` depends on directly; nothing may depend on itself in the end.
    pub(crate) fn of(needs: &[BTreeSet<usize>]) -> Ancestors {
        let words = needs.len().div_ceil(64);
        let mut all = Ancestors { words, sets: vec![0; words * needs.len()] };
        for k in order(needs) {
            for &d in &needs[k] {
                all.add(k, d);
            }
        }
        all
    }

    /// Whether a node depends on another.
    pub(crate) fn has(&self, of: usize, ancestor: usize) -> bool {
        self.sets[of * self.words + ancestor / 64] >> (ancestor % 64) & 1 == 1
    }

    /// Makes a node depend on another, and on all that this depends on.
    fn add(&mut self, to: usize, ancestor: usize) {
        for word in 0..self.words {
            self.sets[to * self.words + word] |= self.sets[ancestor * self.words + word];
        }
        self.sets[to * self.words + ancestor / 64] |= 1 << (ancestor % 64);
    }

    /// Makes one node, the first, of two between which no third lies; from then on nobody may ask for the second.
    pub(crate) fn join(&mut self, first: usize, second: usize) {
        let after: Vec<usize> = (0..self.sets.len() / self.words.max(1))
            .filter(|&k| k != first && (self.has(k, first) || self.has(k, second)))
            .collect();
        for word in 0..self.words {
            self.sets[first * self.words + word] |= self.sets[second * self.words + word];
        }
        // One may have read the other.
        self.sets[first * self.words + first / 64] &= !(1 << (first % 64));
        after.into_iter().for_each(|k| self.add(k, first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(lists: &[&[usize]]) -> Vec<BTreeSet<usize>> {
        lists.iter().map(|list| list.iter().copied().collect()).collect()
    }

    /// Pairs of a node and one that it depends on.
    fn pairs(all: &Ancestors, n: usize) -> Vec<(usize, usize)> {
        (0..n).flat_map(|k| (0..n).map(move |d| (k, d))).filter(|&(k, d)| all.has(k, d)).collect()
    }

    #[test]
    fn nodes_in_any_order() {
        // 2 ← 0 ← 3 ← 1, and 2 ← 3.
        let all = Ancestors::of(&needs(&[&[2], &[3], &[], &[0, 2]]));
        assert_eq!(pairs(&all, 4), [(0, 2), (1, 0), (1, 2), (1, 3), (3, 0), (3, 2)]);
    }

    #[test]
    fn more_nodes_than_a_word_has_bits() {
        let chain: Vec<BTreeSet<usize>> = (0..150).map(|k| (k + 1..150).take(1).collect()).collect();
        let all = Ancestors::of(&chain);
        assert!((0..150).all(|k| (0..150).all(|d| all.has(k, d) == (d > k))));
    }

    #[test]
    fn what_follows_either_of_two_that_are_joined_follows_both() {
        // 0 ← 1 ← 2 and 3 ← 4 ← 5; 1 and 4 become one.
        let mut all = Ancestors::of(&needs(&[&[], &[0], &[1], &[], &[3], &[4]]));
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
        let mut needs: Vec<BTreeSet<usize>> =
            (0..n).map(|k| (0..2).map(|_| random(k + 1)).filter(|&d| d < k).collect()).collect();
        let walk = |needs: &[BTreeSet<usize>], k: usize| {
            let (mut found, mut stack) = (BTreeSet::new(), vec![k]);
            while let Some(k) = stack.pop() {
                stack.extend(needs[k].iter().filter(|&&d| found.insert(d)));
            }
            found
        };
        let mut all = Ancestors::of(&needs);
        let (mut alive, mut joins) = (vec![true; n], 0);
        for _ in 0..400 {
            let (a, b) = (random(n), random(n));
            let between =
                |from: usize, to: usize| needs[to].iter().any(|&k| k != from && walk(&needs, k).contains(&from));
            if a == b || !alive[a] || !alive[b] || between(a, b) || between(b, a) {
                continue;
            }
            let more = std::mem::take(&mut needs[b]);
            needs[a].extend(more);
            needs.iter_mut().for_each(|set| {
                if set.remove(&b) {
                    set.insert(a);
                }
            });
            needs[a].remove(&a);
            (alive[b], joins) = (false, joins + 1);
            all.join(a, b);
            for k in (0..n).filter(|&k| alive[k]) {
                let found = walk(&needs, k);
                assert!((0..n).filter(|&d| alive[d]).all(|d| all.has(k, d) == found.contains(&d)));
            }
        }
        assert!(joins > 20, "{joins}");
    }

    #[test]
    fn joining_one_that_reads_the_other_makes_no_cycle() {
        let mut all = Ancestors::of(&needs(&[&[], &[0], &[1]]));
        all.join(0, 1);
        assert!(!all.has(0, 0) && all.has(2, 0));
        let mut all = Ancestors::of(&needs(&[&[1], &[], &[0]]));
        all.join(0, 1);
        assert!(!all.has(0, 0) && all.has(2, 0));
    }
}

//! Short runs of elements laid out one after the other.

/// What the plan promises of every line.
const INSIDE: &str = "plan: a line lies within its value";

/// Numbers of lines that are all the same which are written at once.
const PATTERN: usize = 16;

/// Lines of an operand as they are laid out: `width` numbers of each, or one number `width` times.
pub(super) struct Lines<'a, T> {
    pub to: &'a mut [T],
    pub width: usize,
    pub run: bool,
}

impl<T: Copy> Lines<'_, T> {
    /// Lays out the lines of those numbers, of a table whose lines are as long as these, or one number each; `base` is the
    /// number of its first line.
    #[inline(always)]
    pub(super) fn lay_rows<S: Copy>(self, from: &[S], (numbers, base): (&[i32], usize), f: impl Fn(S) -> T) {
        match (self.width, self.run) {
            (2, true) => rows::<S, T, 2>(self.to, from, (numbers, base), f),
            (4, true) => rows::<S, T, 4>(self.to, from, (numbers, base), f),
            (8, true) => rows::<S, T, 8>(self.to, from, (numbers, base), f),
            (16, true) => rows::<S, T, 16>(self.to, from, (numbers, base), f),
            (1, _) => self.to.iter_mut().zip(numbers).for_each(|(to, &k)| *to = f(from[k as usize - base])),
            (width, run) => {
                let step = if run { width } else { 1 };
                self.lay(from, |k| (numbers[k] as usize - base) * step, f);
            }
        }
    }

    /// Lays out lines `step` apart, of which the first is the same as all others where there is no step.
    #[inline(always)]
    pub(super) fn lay_evenly<S: Copy>(self, from: &[S], step: usize, f: impl Fn(S) -> T) {
        let Lines { to, width, run } = self;
        match (step, run) {
            (0, false) => to.fill(f(from[0])),
            (0, true) if PATTERN.is_multiple_of(width) => {
                let line = &from[..width];
                let mut pattern = [f(line[0]); PATTERN];
                for lines in pattern.chunks_exact_mut(width) {
                    lines.iter_mut().zip(line).for_each(|(to, &x)| *to = f(x));
                }
                let (whole, rest) = to.as_chunks_mut::<PATTERN>();
                whole.fill(pattern);
                rest.iter_mut().zip(pattern).for_each(|(to, x)| *to = x);
            }
            (1, false) => match width {
                2 => alike::<S, T, 2>(to, from, f),
                4 => alike::<S, T, 4>(to, from, f),
                8 => alike::<S, T, 8>(to, from, f),
                16 => alike::<S, T, 16>(to, from, f),
                _ => Lines { to, width, run }.lay(from, |k| k, f),
            },
            (2, true) if width == 1 => parts::<S, T, 1, 2>(to, from, f),
            (4, true) if width == 2 => parts::<S, T, 2, 4>(to, from, f),
            (8, true) if width == 4 => parts::<S, T, 4, 8>(to, from, f),
            (16, true) if width == 8 => parts::<S, T, 8, 16>(to, from, f),
            (step, true) if step == width => {
                let from = &from[..to.len()];
                to.iter_mut().zip(from).for_each(|(to, &x)| *to = f(x));
            }
            _ => Lines { to, width, run }.lay(from, |k| k * step, f),
        }
    }

    /// Lays out the lines that begin at `base(0)`, `base(1)`, …
    #[inline(always)]
    pub(super) fn lay<S: Copy>(self, from: &[S], base: impl Fn(usize) -> usize, f: impl Fn(S) -> T) {
        let Lines { to, width, run } = self;
        // Widths that the compiler knows: lines of a few numbers cost less than a call of memcpy.
        match width {
            1 => short::<S, T, 1>(to, run, from, base, f),
            2 => short::<S, T, 2>(to, run, from, base, f),
            4 => short::<S, T, 4>(to, run, from, base, f),
            8 => short::<S, T, 8>(to, run, from, base, f),
            16 => short::<S, T, 16>(to, run, from, base, f),
            _ => {
                for (k, to) in to.chunks_mut(width).enumerate() {
                    if run {
                        let from = &from[base(k)..][..width];
                        to.iter_mut().zip(from).for_each(|(to, &x)| *to = f(x));
                    } else {
                        to.fill(f(from[base(k)]));
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn rows<S: Copy, T: Copy, const N: usize>(
    to: &mut [T],
    from: &[S],
    (numbers, base): (&[i32], usize),
    f: impl Fn(S) -> T,
) {
    let (to, table) = (to.as_chunks_mut::<N>().0, from.as_chunks::<N>().0);
    for (to, &k) in to.iter_mut().zip(numbers) {
        // By value: a line that is read whole before it is written is a vector.
        let line = table[k as usize - base];
        *to = line.map(&f);
    }
}

#[inline(always)]
fn short<S: Copy, T: Copy, const N: usize>(
    to: &mut [T],
    run: bool,
    from: &[S],
    base: impl Fn(usize) -> usize,
    f: impl Fn(S) -> T,
) {
    let (to, _) = to.as_chunks_mut::<N>();
    if run {
        for (k, to) in to.iter_mut().enumerate() {
            let line = *from[base(k)..].first_chunk::<N>().expect(INSIDE);
            *to = line.map(&f);
        }
    } else {
        for (k, to) in to.iter_mut().enumerate() {
            *to = [f(from[base(k)]); N];
        }
    }
}

/// Lines of one number each.
#[inline(always)]
fn alike<S: Copy, T: Copy, const N: usize>(to: &mut [T], from: &[S], f: impl Fn(S) -> T) {
    let (to, _) = to.as_chunks_mut::<N>();
    let from = &from[..to.len()];
    for (to, &x) in to.iter_mut().zip(from) {
        *to = [f(x); N];
    }
}

/// The first `N` numbers of each `STEP`, as the heads of a layer lie side by side: of lengths that the compiler knows it takes several
/// lines at once.
#[inline(always)]
fn parts<S: Copy, T: Copy, const N: usize, const STEP: usize>(to: &mut [T], from: &[S], f: impl Fn(S) -> T) {
    let (lines, last) = from.as_chunks::<STEP>();
    let (to, _) = to.as_chunks_mut::<N>();
    let (whole, rest) = to.split_at_mut(to.len().min(lines.len()));
    for (to, line) in whole.iter_mut().zip(lines) {
        for j in 0..N {
            to[j] = f(line[j]);
        }
    }
    // The last may end with its part.
    assert!(rest.len() <= 1, "{INSIDE}");
    for to in rest {
        *to = last.first_chunk::<N>().expect(INSIDE).map(&f);
    }
}

/// Copies `count` lines of `width` numbers each, `step` apart, to lines that are `next` apart.
pub(super) fn place<T: Copy>(to: &mut [T], next: usize, from: &[T], step: usize, [count, width]: [usize; 2]) {
    match width {
        1 if (next, step) == (2, 1) => between::<T, 1, 2>(to, from, count),
        2 if (next, step) == (4, 2) => between::<T, 2, 4>(to, from, count),
        4 if (next, step) == (8, 4) => between::<T, 4, 8>(to, from, count),
        8 if (next, step) == (16, 8) => between::<T, 8, 16>(to, from, count),
        1 => beside::<T, 1>(to, next, from, step, count),
        2 => beside::<T, 2>(to, next, from, step, count),
        4 => beside::<T, 4>(to, next, from, step, count),
        8 => beside::<T, 8>(to, next, from, step, count),
        16 => beside::<T, 16>(to, next, from, step, count),
        _ => (0..count).for_each(|k| to[k * next..][..width].copy_from_slice(&from[k * step..][..width])),
    }
}

/// The first `N` numbers of each `NEXT`, as [`parts`] the other way.
fn between<T: Copy, const N: usize, const NEXT: usize>(to: &mut [T], from: &[T], count: usize) {
    let lines = &from.as_chunks::<N>().0[..count];
    let (to, last) = to.as_chunks_mut::<NEXT>();
    let (whole, rest) = lines.split_at(count.min(to.len()));
    for (to, line) in to.iter_mut().zip(whole) {
        *to.first_chunk_mut::<N>().expect(INSIDE) = *line;
    }
    assert!(rest.len() <= 1, "{INSIDE}");
    for line in rest {
        *last.first_chunk_mut::<N>().expect(INSIDE) = *line;
    }
}

fn beside<T: Copy, const N: usize>(to: &mut [T], next: usize, from: &[T], step: usize, count: usize) {
    for k in 0..count {
        *to[k * next..].first_chunk_mut::<N>().expect(INSIDE) = *from[k * step..].first_chunk().expect(INSIDE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_evenly_apart_are_each_where_it_begins() {
        let from: Vec<i32> = (0..2_000).collect();
        for (width, step, run) in [1, 2, 3, 4, 5, 8, 16, 50]
            .into_iter()
            .flat_map(|w| [0, 1, 2, 4, 7, w, w + 3].map(|step| (w, step)))
            .flat_map(|(w, step)| [false, true].map(|run| (w, step, run)))
        {
            for (count, end) in [1, 2, 7, 16, 33].into_iter().flat_map(|n| [(n, 2_000), (n, (n - 1) * step + width)]) {
                let mut to = vec![-1.0f32; count * width];
                Lines { to: &mut to, width, run }.lay_evenly(&from[..end], step, |x| x as f32);
                for (k, line) in to.chunks(width).enumerate() {
                    let want = (0..width).map(|j| (k * step + if run { j } else { 0 }) as f32);
                    assert!(line.iter().copied().eq(want), "{count} of {width}, {step} apart, {run}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn lines_are_placed_beside_what_others_fill() {
        for (width, next, at) in
            [(1, 2, 1), (2, 4, 2), (4, 8, 4), (8, 16, 8), (2, 4, 0), (8, 16, 0), (2, 5, 3), (3, 4, 1)]
        {
            for count in [1, 2, 5, 16, 33] {
                for more in [0, 3 * next] {
                    let from: Vec<i32> = (0..(count * width) as i32).collect();
                    let mut to = vec![-1; count * next + more];
                    place(&mut to[at..], next, &from, width, [count, width]);
                    for (k, line) in to.chunks(next).enumerate() {
                        let want = |j: usize| match k < count && (at..at + width).contains(&j) {
                            true => (k * width + j - at) as i32,
                            false => -1,
                        };
                        assert!(
                            (0..next).all(|j| line[j] == want(j)),
                            "{count} of {width} in {next} from {at}: {to:?}"
                        );
                    }
                }
            }
        }
    }
}

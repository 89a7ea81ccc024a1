//! What a training run looks at on the way, and what may end it.

/// What a look at the weights leaves behind: numbers that are saved with the run, some better than others.
pub trait Record: Copy {
    /// Why a run ends by its checks.
    type Verdict: Copy;
    /// How many numbers it consists of.
    const COLUMNS: usize;

    /// As numbers, for saving.
    fn to_row(self) -> Vec<f64>;

    /// From saved numbers; none where their count is another.
    fn from_row(row: &[f64]) -> Option<Self>;

    /// Training steps made before it.
    fn step(&self) -> u32;

    /// The best, the first of equals.
    fn best(checks: &[Self]) -> Option<&Self>;

    /// The one whose weights to deliver at the end of a run that went well.
    fn deliver(checks: &[Self]) -> Option<&Self>;
}

/// Ends runs. Its verdicts are pure functions of the checks so far, so that a resumed run comes to the same ones.
pub trait Judge<R: Record> {
    /// After a step: by how many losses in a row, this one included, were no finite numbers.
    fn losses(&self, step: u32, lost: u32) -> Option<R::Verdict>;

    /// After a check.
    fn checks(&self, checks: &[R]) -> Option<R::Verdict>;
}

//! A compiled function of rows, run chunk by chunk.

use pullback::{DType, Error, Rows, Tensor, Tree, jit, leaves, map_leaves};
use std::sync::Arc;

type Run<P, R> = Box<dyn Fn(P, R) -> Result<Vec<Tensor>, Error> + Send + Sync>;

/// `f(params, rows)`, compiled once and run on at most so many rows at a time.
pub(crate) struct Chunked<P, R> {
    run: Run<P, R>,
    compiles: Box<dyn Fn() -> u64 + Send + Sync>,
    chunk: usize,
}

impl<P: Tree + 'static, R: Tree + 'static> Chunked<P, R> {
    pub(crate) fn new<O, F>(chunk: usize, f: F) -> Chunked<P, R>
    where
        O: Tree + Send + 'static,
        F: Fn(P, R) -> O + Send + Sync + 'static,
    {
        let compiled = Arc::new(jit(move |params: P, Rows(rows): Rows<R>| f(params, rows)));
        let counted = compiled.clone();
        let run = move |params: P, rows: R| {
            let output = compiled.call((params, Rows(rows)))?;
            Ok(leaves(&output).into_iter().map(|leaf| leaf.tensor).collect())
        };
        Chunked { run: Box::new(run), compiles: Box::new(move || counted.compiles()), chunk: chunk.max(1) }
    }

    /// How many programs it has been compiled to.
    pub(crate) fn compiles(&self) -> u64 {
        (self.compiles)()
    }

    /// The columns of the function's values, one for each of its leaves, in f64.
    pub(crate) fn columns(&self, params: &P, rows: &R) -> Result<Vec<Vec<f64>>, Error> {
        Ok(self.columns_unless(params, rows, &|| false)?.unwrap_or_default())
    }

    /// [`Chunked::columns`], or `None` where `stop` says so before a chunk.
    pub(crate) fn columns_unless(
        &self,
        params: &P,
        rows: &R,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Vec<f64>>>, Error> {
        let n = leaves(rows)
            .first()
            .map_or(0, |leaf| leaf.tensor.shape().dims().first().and_then(|d| d.known()).unwrap_or(0));
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for start in (0..n).step_by(self.chunk) {
            if stop() {
                return Ok(None);
            }
            let end = (start + self.chunk).min(n);
            let part = map_leaves(rows, |leaf| leaf.tensor.slice(0, start, end));
            let values = (self.run)(map_leaves(params, |leaf| leaf.tensor), part)?;
            columns.resize_with(values.len(), Vec::new);
            for (column, value) in columns.iter_mut().zip(values) {
                column.extend(value.cast(DType::F64).as_slice::<f64>()?);
            }
        }
        Ok(Some(columns))
    }
}

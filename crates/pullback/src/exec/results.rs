//! Results of a call, in the memory of arguments where nobody else holds them.
//!
//! A training loop hands its state on: what a call is given comes from the call before, and is gone with it. A result
//! that is written over an argument takes its array; where somebody else holds that, a copy of it, which costs a
//! pass over memory: hand over what is not needed afterwards. The arrays of other
//! arguments are kept, and results of the same type are written to them: nothing is allocated, cleared or moved.

use crate::array::{Array, DType, Data};
use crate::exec::memory::{Memory, Place};
use crate::exec::plan::Output;
use crate::trace::Tensor;
use std::sync::Arc;

/// Arrays between two calls and during one.
#[derive(Debug)]
pub(super) struct Results {
    /// Arguments that nobody else held.
    spare: Vec<Arc<Array>>,
    /// Those whose elements lie in a slot now, by the number of the result that is written there.
    lent: Vec<Option<Arc<Array>>>,
    /// Stands where an argument was whose array is lent.
    nothing: Arc<Array>,
}

impl Default for Results {
    fn default() -> Results {
        let nothing = Arc::new(Array::new(vec![0], Data::zeros(DType::F32, 0)));
        Results { spare: Vec::new(), lent: Vec::new(), nothing }
    }
}

impl Results {
    /// Gives the slots of results the elements of the arguments that they are written over, and of spare arrays of their
    /// type.
    pub(super) fn lend(&mut self, outputs: &[Output], memory: &mut Memory, rows: &[usize]) {
        self.lent.clear();
        self.lent.resize(outputs.len(), None);
        for (output, lent) in outputs.iter().zip(&mut self.lent) {
            let Place::Slot(slot) = output.place else { continue };
            let dtype = memory.dtype(slot);
            let mut spare = || {
                let fits = |a: &Arc<Array>| a.dtype() == dtype && output.fits(a, rows);
                self.spare.iter().position(fits).map(|k| self.spare.swap_remove(k))
            };
            let array = match output.over {
                Some(_) if output.again.is_some() => None,
                Some(k) => {
                    let mut argument = std::mem::replace(&mut memory.inputs[k], self.nothing.clone());
                    let held = Arc::get_mut(&mut argument).is_none();
                    Some(match if held { spare() } else { None } {
                        Some(mut array) => {
                            Arc::make_mut(&mut array).data_mut().copy_from(argument.data());
                            array
                        }
                        None => argument,
                    })
                }
                None if memory.is_empty(slot) => spare(),
                None => None,
            };
            *lent = array.map(|mut array| {
                let data = Arc::make_mut(&mut array).data_mut();
                memory.put(slot, std::mem::replace(data, Data::zeros(dtype, 0)));
                array
            });
        }
    }

    /// The results, once they are there.
    pub(super) fn collect(&mut self, outputs: &[Output], memory: &mut Memory, rows: &[usize]) -> Vec<Tensor> {
        let mut results: Vec<Tensor> = Vec::with_capacity(outputs.len());
        for (i, output) in outputs.iter().enumerate() {
            let shape = || output.shape.iter().map(|c| c.get(rows)).collect::<Vec<usize>>();
            let shared = |a: &Arc<Array>| match shape() {
                shape if a.shape() == shape => Tensor::from(a.clone()),
                shape => Tensor::from(a.reshaped(shape)),
            };
            let result = match output.place {
                Place::Input(k) => shared(&memory.inputs[k]),
                Place::Constant(k) => shared(&memory.constants[k]),
                Place::Wave(_) | Place::Local(_) | Place::Inner(_) => {
                    unreachable!("plan: a result outlives its stage")
                }
                Place::Slot(slot) => match output.again {
                    // The same value twice: the buffer has left with the first.
                    Some(k) => {
                        results[k].array().map_or_else(|| results[k].clone(), |a| Tensor::from(a.reshaped(shape())))
                    }
                    None => {
                        let n = output.shape.iter().map(|c| c.get(rows)).product();
                        let data = memory.take(slot, n);
                        // The call may have found out another number of rows than the one before.
                        let fits = |a: &Arc<Array>| output.fits(a, rows);
                        Tensor::from(match self.lent[i].take().filter(fits) {
                            Some(mut array) => {
                                *Arc::make_mut(&mut array).data_mut() = data;
                                array
                            }
                            None => Arc::new(Array::new(shape(), data)),
                        })
                    }
                },
            };
            results.push(result);
        }
        results
    }

    /// Keeps the arguments that nobody else holds, for the next call.
    pub(super) fn keep(&mut self, arguments: impl Iterator<Item = Arc<Array>>) {
        self.spare.clear();
        self.spare.extend(arguments.filter_map(|mut a| Arc::get_mut(&mut a).is_some().then_some(a)));
    }
}

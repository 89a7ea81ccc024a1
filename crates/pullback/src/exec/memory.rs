//! Where a program's values lie while it runs.

use crate::array::{Array, DType, Data, Element};
use std::sync::Arc;

/// Where a value lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// An argument of the call, by number.
    Input(usize),
    /// A value known since compilation, by number.
    Constant(usize),
    /// A buffer of the program, by number.
    Slot(usize),
}

/// The arguments of a call and the buffers of a program. Buffers only grow: a later call with no more rows than an
/// earlier one allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) inputs: Vec<Arc<Array>>,
    pub(crate) constants: Vec<Arc<Array>>,
    pub(crate) slots: Vec<Data>,
}

impl Memory {
    /// The elements at a place; of a slot perhaps more than belong to the value.
    pub(crate) fn data(&self, place: Place) -> &Data {
        match place {
            Place::Input(i) => self.inputs[i].data(),
            Place::Constant(i) => self.constants[i].data(),
            Place::Slot(i) => &self.slots[i],
        }
    }

    /// The first `n` elements at a place whose type was inferred.
    #[inline]
    pub(crate) fn read<T: Element>(&self, place: Place, n: usize) -> &[T] {
        let all = T::slice(self.data(place)).expect("plan: a place holds the type of its value");
        &all[..n]
    }

    /// Takes a slot out to be written, with room for `n` elements; [`Memory::put`] brings it back.
    pub(crate) fn take(&mut self, slot: usize, n: usize) -> Data {
        let empty = Data::zeros(self.slots[slot].dtype(), 0);
        let mut data = std::mem::replace(&mut self.slots[slot], empty);
        if data.len() < n {
            data.resize(n);
        }
        data
    }

    /// Brings back a slot that was taken.
    pub(crate) fn put(&mut self, slot: usize, data: Data) {
        self.slots[slot] = data;
    }

    /// Bytes that the buffers hold.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.iter().map(Data::capacity_bytes).sum()
    }
}

/// A vector taken out of a slot, as its type.
pub(crate) fn typed<T: Element>(data: &mut Data) -> &mut Vec<T> {
    T::vec_mut(data).expect("plan: a slot holds the type of its value")
}

/// An empty buffer of that type.
pub(crate) fn empty(dtype: DType) -> Data {
    Data::zeros(dtype, 0)
}

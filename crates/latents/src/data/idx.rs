//! IDX, the format of MNIST and its kin (LeCun, Cortes & Burges, <http://yann.lecun.com/exdb/mnist/>).

use crate::data::element::{Dense, Element, Kind, extents};
use crate::data::error::{DataError, Fault};
use crate::data::input::Input;
use crate::data::reader::{Cells, Row, Source, numbered};

/// An IDX file: its first axis are the rows, all others one row's columns.
pub(super) struct Idx {
    dense: Dense,
    names: Vec<String>,
}

impl Idx {
    pub fn new(mut input: Input) -> Result<Idx, DataError> {
        let packing = input.packing();
        let corrupt = |what: String| Fault::Corrupt { format: "IDX", what };
        let mut magic = [0u8; 4];
        if packing.fill(&mut input, &mut magic)? < 4 || magic[..2] != [0, 0] {
            return Err(corrupt("it does not start with two zero bytes, a type and a rank".into()).into());
        }
        let element = match magic[2] {
            0x08 => Element::new(Kind::Unsigned, 1, true),
            0x09 => Element::new(Kind::Signed, 1, true),
            0x0b => Element::new(Kind::Signed, 2, true),
            0x0c => Element::new(Kind::Signed, 4, true),
            0x0d => Element::new(Kind::Float, 4, true),
            0x0e => Element::new(Kind::Float, 8, true),
            _ => None,
        };
        let element = element.ok_or_else(|| corrupt(format!("there is no type {:#04x}", magic[2])))?;
        let mut shape = Vec::new();
        for _ in 0..magic[3] {
            let mut extent = [0u8; 4];
            if packing.fill(&mut input, &mut extent)? < 4 {
                return Err(corrupt("the file ends within its header".into()).into());
            }
            shape.push(u64::from(u32::from_be_bytes(extent)));
        }
        let (rows, width) = extents(&shape)?;
        Ok(Idx { dense: Dense::new(Box::new(input), packing, "IDX", element, (rows, width)), names: numbered(width) })
    }
}

impl Source for Idx {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_named(&self) -> bool {
        false
    }

    fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        let row = self.dense.next_row().map_err(|fault| fault.named(&self.names, 0))?;
        Ok(row.map(|numbers| Row { line: None, cells: Cells::Numbers(numbers) }))
    }
}

//! Where a positive number of each column comes from.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Where a scale (or another positive number of each column) comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// Of the network: it differs from example to example.
    #[default]
    Network,
    /// One learned number for each column.
    Learned,
    /// This number.
    Fixed(f64),
}

impl Serialize for Scale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scale::Network => serializer.serialize_str("network"),
            Scale::Learned => serializer.serialize_str("learned"),
            Scale::Fixed(x) => serializer.serialize_f64(*x),
        }
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scale, D::Error> {
        struct Of;
        impl Visitor<'_> for Of {
            type Value = Scale;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`network`, `learned` or a number above 0")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scale, E> {
                match text {
                    "network" => Ok(Scale::Network),
                    "learned" => Ok(Scale::Learned),
                    _ => text
                        .parse()
                        .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
                        .and_then(|x| self.visit_f64(x)),
                }
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Scale, E> {
                let fits = x.is_finite() && x > 0.0;
                if fits { Ok(Scale::Fixed(x)) } else { Err(E::invalid_value(de::Unexpected::Float(x), &self)) }
            }
            fn visit_i64<E: de::Error>(self, x: i64) -> Result<Scale, E> {
                self.visit_f64(x as f64)
            }
            fn visit_u64<E: de::Error>(self, x: u64) -> Result<Scale, E> {
                self.visit_f64(x as f64)
            }
        }
        deserializer.deserialize_any(Of)
    }
}

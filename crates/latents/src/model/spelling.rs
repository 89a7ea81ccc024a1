//! Configurations that are a name, or a table with a name and options.

use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// A choice that is written as its name alone or as a table with its options.
pub(crate) trait Spelled: FromStr<Err: fmt::Display> {
    /// What is expected, in words.
    const EXPECTED: &'static str;

    /// It, of a table.
    fn of_table<'de, D: Deserializer<'de>>(table: D) -> Result<Self, D::Error>;
}

/// Either spelling.
pub(crate) fn spelled<'de, T: Spelled, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Of<T>(PhantomData<T>);
    impl<'de, T: Spelled> Visitor<'de> for Of<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::of_table(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Of(PhantomData))
}

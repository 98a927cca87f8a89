//! JSON Schemas of what the programs print, made from the types that print it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// The schema of `T` as it is written: a field that is left out at times is not required, and every
/// other one is.
pub fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

//! Personal data in a wrapper that never prints.

use bincode::{Decode, Encode};
use core::fmt;
use core::ops::Deref;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Holds personal data: it can be read on purpose and cannot reach a log line by accident.
///
/// `Debug` prints the fact that something is there and nothing of it; there is no `Display`.
#[derive(
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Private<T>(pub T);

impl<T> Deref for Private<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

#[cfg(test)]
mod tests {
    use super::Private;
    use std::format;

    #[test]
    fn personal_data_does_not_print() {
        assert_eq!(format!("{:?}", Private("فاطمة")), "(private)");
    }
}

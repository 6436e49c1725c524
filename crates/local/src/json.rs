//! Reading the parts of a scenario's world that are no JSON of their own.

use std::time::Duration;

use lwa_core::SecretString;
use serde::{Deserialize, Deserializer};

/// A secret, from a string.
pub(crate) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

/// A duration, from its seconds.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_secs)
}

/// A list whose entries the file spells as `F`.
pub(crate) fn each<'de, D, F, T, C>(from: D) -> Result<C, D::Error>
where
    D: Deserializer<'de>,
    F: Deserialize<'de> + Into<T>,
    C: FromIterator<T>,
{
    Ok(Vec::<F>::deserialize(from)?
        .into_iter()
        .map(F::into)
        .collect())
}

//! How an error reads where it leaves the program.
//!
//! `Display` of every error states its own layer only. [`chain`] adds the causes, once, at the
//! boundary: the error response of a function, a log line, a terminal.

use std::error::Error;

use crate::redaction::clean;

/// An error that ends an invocation.
pub trait FunctionError: Error {
    /// The `errorType` of the function's error response. It is stable: alarms and callers
    /// compare it.
    fn error_type(&self) -> &'static str;
}

/// An error with its causes, separated by colons. A cause that is quoted by the error above it is
/// left out, and a credential that one of them quotes is hidden.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        let part = error.to_string();
        if !parts.iter().any(|earlier| earlier.contains(&part)) {
            parts.push(part);
        }
    }
    clean(&parts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("middle of {0}")]
    struct Middle(#[source] std::fmt::Error);

    #[test]
    fn each_cause_is_named_once() {
        let cause = std::fmt::Error.to_string();
        assert_eq!(
            chain(&Outer(Middle(std::fmt::Error))),
            format!("outer: middle of {cause}")
        );
    }
}

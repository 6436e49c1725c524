//! What a service answers instead of doing what it was asked.

use lwa_core::ports::CallFailure;

/// How a service refuses: what that means, and its own code.
pub(crate) type Refusal = (CallFailure, &'static str);

/// The parameter, secret or version does not exist.
pub(crate) const NOT_FOUND: Refusal = (CallFailure::NotFound, "ResourceNotFoundException");

/// The request breaks a rule of the reference.
pub(crate) const VALIDATION: Refusal = refused("ValidationException");

/// Another refusal, by its code.
pub(crate) const fn refused(code: &'static str) -> Refusal {
    (CallFailure::Refused, code)
}

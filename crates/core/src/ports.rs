//! What the handlers need from outside, as traits that speak our own types.
//!
//! Each trait has only the calls that are made. The real implementations are in `lwa-aws`, the
//! in-memory ones in `lwa-local`. The calls to the vaults are in [`crate::vault::ports`].

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::message::Message;
use crate::metrics::MetricSet;

/// The time, and waiting for it to pass.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Returns after `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Where messages to people go.
pub trait Notifier: Send + Sync {
    /// Publishes one message and returns the id it was given.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<String, CallError>> + Send;
}

/// Where metrics go.
pub trait Metrics: Send + Sync {
    /// Records values at an instant. Cannot fail: losing a metric costs nothing else.
    fn record(&self, set: &MetricSet, at: Timestamp);
}

/// A call to a service outside that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {failure}: {detail}")]
pub struct CallError {
    /// The API operation, as its service names it: `DescribeParameters`.
    pub operation: &'static str,
    /// What kind of failure it was.
    pub failure: CallFailure,
    /// The service's error code, such as `ParameterAlreadyExists`; none if it did not answer with
    /// one.
    pub code: Option<String>,
    /// The service's own words, safe to show: no value is ever part of them.
    pub detail: String,
}

/// Why a call failed, as far as a caller acts differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallFailure {
    /// The role lacks the permission.
    Denied,
    /// Too many calls.
    Throttled,
    /// No answer in time; the call may have had its effect.
    TimedOut,
    /// The thing asked for does not exist.
    NotFound,
    /// The service understood the request and refused it.
    Refused,
    /// The service or the way to it is broken.
    Unavailable,
}

impl CallFailure {
    /// Whether trying the same call again later may succeed.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::TimedOut | Self::Unavailable)
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "was denied",
            Self::Throttled => "was throttled",
            Self::TimedOut => "timed out",
            Self::NotFound => "found nothing",
            Self::Refused => "was refused",
            Self::Unavailable => "failed",
        })
    }
}

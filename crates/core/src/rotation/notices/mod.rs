//! What people are told about a rotation.
//!
//! `causes` decides how grave a cause is; the other modules put it into words, one function
//! for each kind of notice.

mod causes;
mod context;
mod rejections;
mod requests;
mod secrets;

pub use self::causes::{Obstacle, Rejection};
pub use self::context::Context;
pub use self::rejections::message_rejected;
pub use self::requests::{
    rotation_due, rotation_postponed, rotation_refused, rotation_requested_again,
};
pub use self::secrets::{
    look_alike, secret_contested, secret_not_stored, secret_stale, secret_stored,
    secret_stored_unverified, secret_waiting, without_look_alikes,
};

//! Everything that touches the outside: AWS services, plain HTTPS, the environment, the clock
//! and the log.

pub mod clients;
pub mod clock;
pub mod environment;
pub mod http;

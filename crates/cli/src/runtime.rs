//! Where a subcommand's asynchronous work runs.

use std::pin::Pin;

use anyhow::Context;

use crate::failure::Failure;

/// Runs a subcommand's work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime did not start")?
        .block_on(work)
}

/// The future behind a pointer, because the compiler gives up on the layout of futures that
/// are nested as deep as the handlers over real clients.
pub(crate) fn boxed<'a, T>(
    future: impl Future<Output = T> + 'a,
) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

//! What rotation needs from outside beside the vault.

use std::time::Duration;

use super::queue::QueueMessage;
use crate::ports::CallError;

/// The queue that messages come from.
pub trait MessageQueue: Send + Sync {
    /// Lets a message that was received be received again after `timeout`
    /// (`ChangeMessageVisibility`).
    fn set_visibility(
        &self,
        message: &QueueMessage,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

//! Messages that go back to the queue, to be tried again or to be moved to the dead-letter queue.

use std::slice;
use std::time::Duration;

use lwa_core::application::ApplicationName;
use lwa_core::lwa::{LwaError, TokenEndpoint};
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::membership::Unproven;
use lwa_core::rotation::notices::{self, Rejection};
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::queue::{QueueMessage, retry_after};
use lwa_core::rotation::receive::Delivery;
use lwa_core::vault::VaultError;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};

use crate::receiver::SecretReceiver;
use crate::report::{MessageReport, Outcome, report};

/// The last line of every notification.
pub(crate) const UPON_A_MESSAGE: &str = "From secret-receiver, upon a notification from Amazon.";

/// Why a message goes back to the queue.
pub(crate) enum Trouble {
    /// Something outside does not work.
    Failed {
        error: String,
        may_mend_itself: bool,
    },
    /// The vault can never hold this secret.
    Unstorable(ApplicationName, String),
    /// LWA does not accept the secret yet.
    Waits(LwaError),
    /// Something else was stored since, and it is unknown which is newer.
    Contested,
}

impl From<Unproven> for Trouble {
    fn from(error: Unproven) -> Self {
        Self::Failed {
            error: error.to_string(),
            may_mend_itself: error.is_transient(),
        }
    }
}

impl From<VaultError> for Trouble {
    fn from(error: VaultError) -> Self {
        Self::Failed {
            error: error.to_string(),
            may_mend_itself: error.is_transient(),
        }
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        VaultError::from(error).into()
    }
}

impl<A, T, Q, N, C, M> SecretReceiver<A, T, Q, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags + WriteValues,
    T: TokenEndpoint,
    Q: MessageQueue,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// Gives a message back to the queue.
    pub(crate) async fn give_back(
        &self,
        message: &QueueMessage,
        names: &[ApplicationName],
        delivery: Option<&Delivery>,
        trouble: Trouble,
    ) -> MessageReport {
        let (outcome, detail) = match trouble {
            Trouble::Unstorable(name, problem) => {
                let rejection = Rejection::Unstorable(slice::from_ref(&name), &problem);
                return self.reject(message, &rejection);
            }
            Trouble::Waits(refusal) => (Outcome::Waits, refusal.to_string()),
            Trouble::Contested => (
                Outcome::Waits,
                "another value was stored since, without its dates".to_owned(),
            ),
            Trouble::Failed {
                error,
                may_mend_itself,
            } => {
                return self
                    .fail(message, names, delivery, error, may_mend_itself)
                    .await;
            }
        };
        self.retry_soon(message).await;
        report(message, names, outcome, Some(detail))
    }

    /// Gives a message back because of something outside, and notifies people where they should
    /// hear of it.
    async fn fail(
        &self,
        message: &QueueMessage,
        names: &[ApplicationName],
        delivery: Option<&Delivery>,
        error: String,
        may_mend_itself: bool,
    ) -> MessageReport {
        let context = self.shared.context(UPON_A_MESSAGE, self.shared.clock.now());
        let ends = delivery.map(|delivery| delivery.old_ends);
        let notice = notices::secret_not_stored(context, names, ends, &error);
        self.shared
            .notify_failure(message, may_mend_itself, &notice)
            .await;
        self.retry_soon(message).await;
        report(message, names, Outcome::Failed, Some(error))
    }

    /// Notes that a message can never be handled.
    pub(crate) fn reject(
        &self,
        message: &QueueMessage,
        rejection: &Rejection<'_>,
    ) -> MessageReport {
        let id = &message.message_id;
        let headline = self.shared.reject(id, rejection, true, UPON_A_MESSAGE);
        report(message, &[], Outcome::Rejected, Some(headline))
    }

    /// Puts messages that can never be handled on their way to the dead-letter queue, once
    /// people know of them.
    pub(crate) async fn dispose(&self, rejected: &[&QueueMessage]) {
        let told = self.shared.publish_rejections().await;
        if let Err(error) = &told {
            tracing::error!("no notification was published about rejected messages: {error}");
        }
        for message in rejected {
            match &told {
                Ok(()) => self.set_visibility(message, Duration::ZERO).await,
                Err(_) => self.retry_soon(message).await,
            }
        }
    }

    async fn retry_soon(&self, message: &QueueMessage) {
        if let Some(delay) = retry_after(message.receive_count()) {
            self.set_visibility(message, delay).await;
        }
    }

    /// Lets a message be received again after a delay. If that fails, it is received again later,
    /// by itself.
    pub(crate) async fn set_visibility(&self, message: &QueueMessage, delay: Duration) {
        if let Err(error) = self.queue.set_visibility(message, delay).await {
            tracing::warn!(
                message.id = message.message_id,
                "the message comes back when the queue's visibility timeout has passed: {error}"
            );
        }
    }
}

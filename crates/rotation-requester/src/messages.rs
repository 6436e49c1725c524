//! Amazon's notices of expiry, as messages of a queue.

use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::expiry::{Reported, reported, take};
use lwa_core::rotation::notices::{self, Rejection};
use lwa_core::rotation::notification::{Notification, SecretExpiry};
use lwa_core::rotation::queue::QueueMessage;
use lwa_core::rotation::request::decide;
use lwa_core::secret::SecretRecord;
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::VaultError;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};

use crate::report::{MessageReport, Outcome};
use crate::request::{Acted, Asker, UPON_A_NOTICE, names};
use crate::requester::RotationRequester;

impl<A, T, S, N, C, M> RotationRequester<A, T, S, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags,
    T: TokenEndpoint,
    S: SellingPartnerApi,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    pub(crate) async fn messages(&self, messages: &[QueueMessage]) -> Vec<MessageReport> {
        let mut reports = Vec::with_capacity(messages.len());
        for message in messages {
            let report = self.message(message).await;
            report.log(message, report.outcome.as_str());
            reports.push(report);
        }
        reports
    }

    async fn message(&self, message: &QueueMessage) -> MessageReport {
        let expiry = match message.notification() {
            Ok(Notification::SecretExpiry(expiry)) => expiry,
            Ok(Notification::NewSecret(new)) => {
                let rejection = Rejection::NewSecretInWrongQueue(&new);
                return self.reject(message, &rejection).await;
            }
            Err(problem) => return self.reject(message, &Rejection::Unusable(&problem)).await,
        };
        let group = match self.shared.with_client_id(&expiry.client_id).await {
            Ok(group) if group.is_empty() => {
                let rejection = Rejection::UnknownClientId(&expiry.client_id);
                return self.reject(message, &rejection).await;
            }
            Ok(group) => group,
            Err(error) => return self.vault_failed(message, &error).await,
        };
        let records = match self.shared.records(&group).await {
            Ok(records) => records,
            Err(error) => return self.vault_failed(message, &error.into()).await,
        };
        let names = names(&records);
        let acted = self.expiry(message, &expiry, records).await;
        MessageReport::new(message, &names, acted.outcome, acted.detail, acted.again)
    }

    /// Stores the deadline of a notice, and acts on what is then known.
    async fn expiry(
        &self,
        message: &QueueMessage,
        expiry: &SecretExpiry,
        mut records: Vec<SecretRecord>,
    ) -> Acted {
        let now = self.shared.clock.now();
        let (mut is_news, mut is_outdated) = (false, true);
        for record in &mut records {
            let reported = reported(expiry, record, self.policy.secret_lifetime_days, now);
            is_outdated &= reported == Reported::Outdated;
            if reported == Reported::New {
                is_news = true;
                let tags = take(expiry, record);
                let vault = &self.shared.vault;
                if let Err(error) = vault.write_tags(&record.application, &tags).await {
                    return Acted::failed(&error);
                }
            }
        }
        if is_outdated {
            return Acted::done(Outcome::Outdated);
        }
        let decision = decide(&records, &self.policy, now);
        let asker = Asker::Notice {
            receive_count: message.receive_count(),
            is_news,
        };
        self.act(&records, &decision, asker).await
    }

    /// Puts a message that can never be handled on its way to the dead-letter queue.
    async fn reject(&self, message: &QueueMessage, rejection: &Rejection<'_>) -> MessageReport {
        let (id, shared) = (&message.message_id, &self.shared);
        let detail = if shared.is_rejected(id) {
            None
        } else {
            let rejected = shared.reject(id, rejection, false, UPON_A_NOTICE).await;
            rejected.err().map(|error| error.to_string())
        };
        MessageReport::new(message, &[], Outcome::Rejected, detail, true)
    }

    /// Gives a message back because the vault cannot be reached.
    async fn vault_failed(&self, message: &QueueMessage, error: &VaultError) -> MessageReport {
        let context = self.shared.context(UPON_A_NOTICE, self.shared.clock.now());
        let notice = notices::rotation_postponed(context, &[], None, &error.to_string());
        self.shared
            .notify_failure(message, error.is_transient(), &notice)
            .await;
        let detail = Some(error.to_string());
        MessageReport::new(message, &[], Outcome::Failed, detail, true)
    }
}

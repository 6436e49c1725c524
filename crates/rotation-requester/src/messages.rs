//! Amazon's notices of expiry, as messages of a queue.

use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::expiry::{Reported, is_written_before, reported, take};
use lwa_core::rotation::membership::{Unproven, members};
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
        if let Err(error) = self.shared.publish_rejections().await {
            tracing::error!("no notification was published about rejected messages: {error}");
        }
        reports
    }

    async fn message(&self, message: &QueueMessage) -> MessageReport {
        let expiry = match message.notification() {
            Ok(Notification::SecretExpiry(expiry)) => expiry,
            Ok(Notification::NewSecret(new)) => {
                let rejection = Rejection::NewSecretInWrongQueue(&new);
                return self.reject(message, &rejection);
            }
            Err(problem) => return self.reject(message, &Rejection::Unusable(&problem)),
        };
        let group = match self.shared.with_client_id(&expiry.client_id).await {
            Ok(group) if group.is_empty() => {
                let rejection = Rejection::UnknownClientId(&expiry.client_id);
                return self.reject(message, &rejection);
            }
            Ok(group) => group,
            Err(error) => return self.vault_failed(message, &error.into()).await,
        };
        let members = members(&self.shared.vault, &self.lwa, group).await;
        let proven = match members.proven() {
            Ok(proven) => proven,
            Err(error) => return self.vault_failed(message, &error).await,
        };
        let mut records = match self.shared.records(proven).await {
            Ok(records) => records,
            Err(error) => {
                let error = VaultError::from(error);
                return self.vault_failed(message, &error.into()).await;
            }
        };
        let names = names(&records);
        let reported = self
            .reported(&expiry.sent_at(message.sent_at()), &mut records)
            .await;
        let acted = match reported {
            Err(error) => Acted::failed(&error),
            Ok(Reported::Outdated) => Acted::done(Outcome::Outdated),
            Ok(Reported::Doubtful { reported, stored }) => {
                let rejection = Rejection::DoubtfulDate {
                    applications: &names,
                    reported,
                    stored,
                };
                return self.reject(message, &rejection);
            }
            Ok(_) => {
                let decision = decide(&records, self.policy(), self.shared.clock.now());
                let asker = Asker::Notice {
                    receive_count: message.receive_count(),
                };
                self.act_where_storable(proven, &records, &decision, asker)
                    .await
            }
        };
        MessageReport::new(message, &names, acted.outcome, acted.detail, acted.again)
    }

    /// Stores the deadline of a notice where it is news, and answers what it is to the secret:
    /// news if it is anywhere.
    async fn reported(
        &self,
        expiry: &SecretExpiry,
        records: &mut [SecretRecord],
    ) -> Result<Reported, CallError> {
        let now = self.shared.clock.now();
        let lifetime_days = self.policy().secret_lifetime_days;
        let mut known = Reported::Outdated;
        for record in records {
            // Something was written after Amazon wrote the notice: another secret, perhaps.
            if record.tags.first_stored().is_none() && is_written_before(expiry, record.written_at)
            {
                self.look_whose_dates(record).await;
            }
            let reported = reported(expiry, record, lifetime_days, now);
            if reported == Reported::New {
                let tags = take(expiry, record);
                let vault = &self.shared.vault;
                vault.write_tags(&record.application, &tags).await?;
            }
            known = known.max(reported);
        }
        Ok(known)
    }

    /// Notes that a message can never be handled. Every time it comes back it is returned, until
    /// the queue moves it to the dead-letter queue.
    fn reject(&self, message: &QueueMessage, rejection: &Rejection<'_>) -> MessageReport {
        let id = &message.message_id;
        let headline = self.shared.reject(id, rejection, false, UPON_A_NOTICE);
        MessageReport::new(message, &[], Outcome::Rejected, Some(headline), true)
    }

    /// Gives a message back because it is not known whose it is.
    async fn vault_failed(&self, message: &QueueMessage, error: &Unproven) -> MessageReport {
        let context = self.shared.context(UPON_A_NOTICE, self.shared.clock.now());
        let notice = notices::rotation_postponed(context, &[], None, &error.to_string());
        self.shared
            .notify_failure(message, error.is_transient(), &notice)
            .await;
        let detail = Some(error.to_string());
        MessageReport::new(message, &[], Outcome::Failed, detail, true)
    }
}

//! The daily look at the whole estate.

use jiff::SignedDuration;
use lwa_core::application::Role;
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::client_ids::ClientIds;
use lwa_core::rotation::notices::Obstacle;
use lwa_core::rotation::request::{Decision, decide};
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::StoredApplication;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};

use crate::dates::look_whose_dates;
use crate::report::{ApplicationReport, Outcome, RequesterError, ScheduleReport};
use crate::request::{Acted, Asker, Hindrance};
use crate::requester::RotationRequester;

/// For how long in one run values are looked at whose dates are not certain. In the first run
/// after the deployment those of every application are uncertain, and no rotation may wait for
/// that: the next run looks at those that are left.
const LOOK_FOR: SignedDuration = SignedDuration::from_secs(15);

/// One run of the schedule.
struct Run {
    /// Whether nothing is written, requested or published.
    dry_run: bool,
    /// How long values may still be looked at whose dates are not certain.
    looks: SignedDuration,
}

impl<A, T, S, N, C, M> RotationRequester<A, T, S, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags,
    T: TokenEndpoint,
    S: SellingPartnerApi,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    pub(crate) async fn schedule(&self, dry_run: bool) -> Result<ScheduleReport, RequesterError> {
        let stored = self.shared.vault.applications().await?;
        let estate = ClientIds::new(stored, self.shared.clock.now());
        let mut run = Run {
            dry_run,
            looks: LOOK_FOR,
        };
        let mut applications = Vec::new();
        for group in estate.groups() {
            applications.push(self.scheduled(&group, &mut run).await);
        }
        for report in &applications {
            tracing::info!(
                decision = report.decision,
                outcome = report.outcome.as_str(),
                detail = report.detail,
                dry_run,
                "application checked: {}",
                report.applications.join(", ")
            );
        }
        if !dry_run {
            self.shared.remember(estate);
        }
        Ok(ScheduleReport {
            dry_run,
            applications,
        })
    }

    /// Decides and acts on the applications that share a client id, or on one without any.
    async fn scheduled(&self, group: &[StoredApplication], run: &mut Run) -> ApplicationReport {
        let mut records = match self.shared.records(group).await {
            Ok(records) => records,
            Err(error) => {
                return ApplicationReport {
                    applications: group.iter().map(|found| found.name.to_string()).collect(),
                    decision: "unknown",
                    deadline: None,
                    outcome: Outcome::Failed,
                    detail: Some(error.to_string()),
                };
            }
        };
        let (vault, clock) = (&self.shared.vault, &self.shared.clock);
        let lifetime_days = self.policy.secret_lifetime_days;
        for record in &mut records {
            if run.dry_run || run.looks <= SignedDuration::ZERO {
                break;
            }
            let began = clock.now();
            if let Err(error) = look_whose_dates(vault, record, lifetime_days, clock).await {
                tracing::warn!(
                    application.name = record.application.as_str(),
                    "the deadline may be an estimate, because the stored value could not be \
                     compared with the one before it: {error}"
                );
            }
            run.looks -= clock.now().duration_since(began);
        }
        let decision = decide(&records, &self.policy, clock.now());
        let no_client_id = group.iter().find(|found| found.client_id.is_none());
        let acted = match (&decision, no_client_id) {
            (Decision::Request { .. } | Decision::Remind(_), _) if run.dry_run => {
                Acted::done(Outcome::DryRun)
            }
            _ if run.dry_run => Acted::done(Outcome::Nothing),
            (Decision::Request { deadline, .. }, Some(found)) => {
                let missing = self.place(&found.name, &Role::ClientId);
                let obstacle = Obstacle::Vault(format!("{missing} is missing"));
                let hindrance = Hindrance::Obstacle(obstacle);
                self.hindered(&records, *deadline, Asker::Schedule, hindrance)
                    .await
            }
            _ => self.act(&records, &decision, Asker::Schedule).await,
        };
        acted.report(&records, &decision)
    }
}

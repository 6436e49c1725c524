//! The daily look at the whole estate.

use jiff::SignedDuration;
use lwa_core::application::Role;
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::client_ids::ClientIds;
use lwa_core::rotation::membership::members;
use lwa_core::rotation::notices::Obstacle;
use lwa_core::rotation::request::{Decision, decide};
use lwa_core::secret::SecretRecord;
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::StoredApplication;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, Tags, WriteTags};

use crate::report::{ApplicationReport, Outcome, RequesterError, ScheduleReport};
use crate::request::{Acted, Asker, Hindrance, names};
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
            applications.push(self.scheduled(group, &mut run).await);
        }
        if let Err(error) = self.shared.publish_rejections().await {
            tracing::error!("no notification was published about rejected messages: {error}");
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

    /// Decides and acts on the applications that share a secret, or on one without a client id.
    async fn scheduled(&self, group: Vec<StoredApplication>, run: &mut Run) -> ApplicationReport {
        let unread = group.iter().map(|it| SecretRecord::new(it, &Tags::new()));
        let unread: Vec<_> = unread.collect();
        let members = members(&self.shared.vault, &self.lwa, group).await;
        let group = match members.proven() {
            Ok(group) => group,
            Err(error) if error.is_transient() || run.dry_run => {
                return unknown(&unread, Acted::failed(&error));
            }
            Err(error) => {
                let hindrance = Hindrance::Obstacle(Obstacle::Vault(error.to_string()));
                let acted = self.hindered(&unread, None, Asker::Schedule, hindrance);
                return unknown(&unread, acted.await);
            }
        };
        let read = self.shared.records(group).await;
        let mut records = match read {
            Ok(records) => records,
            Err(error) => return unknown(&unread, Acted::failed(&error)),
        };
        if !run.dry_run
            && let Err(error) = self.tell_look_alikes(&members, &records).await
        {
            return unknown(&unread, Acted::failed(&error));
        }
        let clock = &self.shared.clock;
        for record in &mut records {
            if run.dry_run || run.looks <= SignedDuration::ZERO {
                break;
            }
            let began = clock.now();
            self.look_whose_dates(record).await;
            run.looks -= clock.now().duration_since(began);
        }
        let decision = decide(&records, self.policy(), clock.now());
        let acted = match &decision {
            Decision::Request { .. } | Decision::Remind(_) if run.dry_run => {
                Acted::done(Outcome::DryRun)
            }
            _ if run.dry_run => Acted::done(Outcome::Nothing),
            _ => {
                self.act_where_storable(group, &records, &decision, Asker::Schedule)
                    .await
            }
        };
        acted.report(&records, &decision)
    }

    /// Does what was decided, unless it is a request whose answer could be stored nowhere.
    pub(crate) async fn act_where_storable(
        &self,
        group: &[StoredApplication],
        records: &[SecretRecord],
        decision: &Decision,
        asker: Asker,
    ) -> Acted {
        match (decision, self.obstacle(group)) {
            (Decision::Request { deadline, .. }, Some(problem)) => {
                let hindrance = Hindrance::Obstacle(Obstacle::Vault(problem));
                self.hindered(records, *deadline, asker, hindrance).await
            }
            _ => self.act(records, decision, asker).await,
        }
    }

    /// Why a rotation of an application is no use: its new secret could be stored nowhere.
    pub(crate) fn obstacle(&self, group: &[StoredApplication]) -> Option<String> {
        if let Some(found) = group.iter().find(|found| found.client_id.is_none()) {
            return Some(format!(
                "{} is missing",
                self.place(&found.name, &Role::ClientId)
            ));
        }
        if !group.iter().all(|found| found.write_problem.is_some()) {
            return None;
        }
        let first = group.first()?;
        let name = &first.name;
        let problem = first.write_problem.as_deref()?;
        Some(format!(
            "{} {problem}, so a new secret cannot be stored there; mend it with `lwa store \
             --application {name} --keep`",
            self.place(name, &Role::ClientSecret)
        ))
    }
}

/// The report of applications of which not enough is known to decide anything.
fn unknown(records: &[SecretRecord], acted: Acted) -> ApplicationReport {
    ApplicationReport {
        applications: names(records).iter().map(ToString::to_string).collect(),
        decision: "unknown",
        deadline: None,
        outcome: acted.outcome,
        detail: acted.detail,
    }
}

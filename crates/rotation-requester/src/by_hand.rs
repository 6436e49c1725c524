//! A rotation that a person asks for, at any date.

use jiff::Timestamp;
use lwa_core::application::{ApplicationName, Role};
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::membership::members;
use lwa_core::rotation::request::{Decision, deadline, decide_now};
use lwa_core::secret::SecretRecord;
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::vault::VaultError;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};

use crate::report::{ApplicationReport, Outcome, RequesterError};
use crate::request::{Acted, Asker};
use crate::requester::RotationRequester;

/// A rotation that a person asks for, before it is done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The client id whose secret is rotated.
    pub client_id: String,
    /// Everywhere the secret is stored.
    pub members: Vec<SecretRecord>,
    /// What would be done: request, or nothing because a rotation is under way.
    pub decision: Decision,
}

/// How far a rotation has come, as the tags tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Requested, and nothing has arrived.
    Requested,
    /// The new secret has arrived and waits until LWA accepts it.
    Arrived,
    /// The new secret is stored everywhere.
    Stored {
        /// Its deadline.
        expires_at: Timestamp,
    },
    /// Nothing is under way.
    Nothing,
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
    /// What a rotation of an application would do, at any date.
    pub async fn plan(&self, application: &ApplicationName) -> Result<Plan, RequesterError> {
        let mut stored = self.shared.vault.applications().await?;
        let Some(found) = stored.iter().find(|found| found.name == *application) else {
            return Err(RequesterError::UnknownApplication {
                application: application.to_string(),
                known: stored.iter().map(|found| found.name.to_string()).collect(),
            });
        };
        let Some(client_id) = found.client_id.clone() else {
            let names = vec![self.place(application, &Role::ClientId)];
            return Err(VaultError::Missing { names }.into());
        };
        stored.retain(|other| other.client_id.as_ref() == Some(&client_id));
        let found = members(&self.shared.vault, &self.lwa, stored).await;
        let group = found.proven()?;
        if !group.iter().any(|member| member.name == *application) {
            return Err(RequesterError::Unproven {
                application: application.to_string(),
                members: group.iter().map(|member| member.name.to_string()).collect(),
            });
        }
        if let Some(problem) = self.obstacle(group) {
            return Err(RequesterError::Unstorable(problem));
        }
        let members = self.shared.records(group).await?;
        let now = self.shared.clock.now();
        let known = deadline(&members, self.policy().secret_lifetime_days, now);
        let decision = decide_now(&members, known, now);
        Ok(Plan {
            client_id,
            members,
            decision,
        })
    }

    /// Does what a plan says, if it still holds, and notifies people.
    pub async fn rotate(&self, plan: &Plan) -> ApplicationReport {
        let acted = match plan.decision {
            Decision::Request { deadline, .. } => {
                self.request(&plan.members, deadline, Asker::Person).await
            }
            _ => Acted::done(Outcome::Nothing),
        };
        acted.report(&plan.members, &plan.decision)
    }

    /// How far a planned rotation has come.
    pub async fn progress(&self, plan: &Plan) -> Result<Progress, CallError> {
        let now = self.shared.refreshed(&plan.members).await?;
        let any = |is: fn(&SecretRecord) -> bool| now.iter().any(is);
        if any(|record| record.tags.new_secret_pending.is_some()) {
            return Ok(Progress::Arrived);
        }
        if any(|record| record.tags.rotation_requested_at.is_some()) {
            return Ok(Progress::Requested);
        }
        let renewed = now.iter().zip(&plan.members).all(|(now, before)| {
            let (now, before) = (&now.tags, &before.tags);
            now.expires_at.is_some()
                && (now.expires_at, now.issued_at) != (before.expires_at, before.issued_at)
        });
        let expires_at = now.iter().filter_map(|record| record.tags.expires_at).min();
        Ok(match expires_at {
            Some(expires_at) if renewed => Progress::Stored { expires_at },
            _ => Progress::Nothing,
        })
    }

    pub(crate) fn place(&self, application: &ApplicationName, role: &Role) -> String {
        let vault = self.shared.vault.kind();
        vault.place(&self.shared.deployment.layout, application, role)
    }
}

//! What all notices about a rotation share.

use jiff::Timestamp;

use crate::application::{ApplicationName, Layout, Role};
use crate::deadline::Deadline;
use crate::notice::{Headline, Notice, Step};
use crate::rotation::policy::Policy;
use crate::severity::Severity;
use crate::urgency::deadline_severity;
use crate::vault::VaultKind;
use crate::{link, wording};

/// What a notice depends on besides what happened.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// How parameters are named.
    pub layout: &'a Layout,
    /// Where credentials live.
    pub vault: VaultKind,
    /// The region of the vault, for links; none where it is not known.
    pub region: Option<&'a str>,
    /// When client secrets are rotated, and by whom.
    pub policy: Policy,
    /// The team's own page.
    pub runbook_url: Option<&'a str>,
    /// Where the notice comes from, for its last line.
    pub origin: &'a str,
    /// The present instant.
    pub now: Timestamp,
}

impl Context<'_> {
    /// A notice about applications that share a secret, with their names in its headline.
    pub(super) fn notice(
        &self,
        severity: Severity,
        kind: &'static str,
        applications: &[ApplicationName],
        before: &str,
        after: &str,
    ) -> Notice {
        let headline = Headline::new(before, wording::names(applications), after);
        self.unnamed(severity, kind, applications, headline)
    }

    /// A notice with another headline.
    pub(super) fn unnamed(
        &self,
        severity: Severity,
        kind: &'static str,
        applications: &[ApplicationName],
        headline: Headline,
    ) -> Notice {
        let single = match applications {
            [application] => Some(application.to_string()),
            _ => None,
        };
        let notice = Notice::new(severity, kind, headline, self.origin.to_owned()).about(single);
        let place = |name| self.vault.place(self.layout, name, &Role::ClientSecret);
        let places = applications.iter().map(place);
        places.fold(notice, |notice, place| notice.fact("Stored in", place))
    }

    /// At least a warning, and critical near the deadline.
    pub(super) fn urgency(&self, deadline: Option<&Deadline>) -> Severity {
        let severity = deadline.map(|deadline| deadline_severity(deadline, self.now));
        severity.unwrap_or(Severity::Warning).max(Severity::Warning)
    }

    /// The deadline as a fact.
    pub(super) fn deadline(&self, deadline: Option<&Deadline>) -> Option<String> {
        let known =
            |deadline| wording::deadline(deadline, self.now, self.policy.secret_lifetime_days);
        deadline.map(known)
    }

    /// The console's page of what is stored for an application.
    pub(super) fn page(&self, application: &ApplicationName) -> String {
        let region = self.region.unwrap_or_default();
        match self.vault {
            VaultKind::ParameterStore => link::parameter(
                region,
                &self.layout.parameter(application, &Role::ClientSecret),
            ),
            VaultKind::SecretsManager => link::secret(region, application.as_str()),
        }
    }

    /// How a person rotates the secret that applications share.
    pub(super) fn steps_to_rotate(
        &self,
        applications: &[ApplicationName],
        is_dead: bool,
    ) -> Vec<Step> {
        wording::steps_to_rotate(
            applications,
            |name| self.page(name),
            is_dead,
            self.runbook_url,
        )
    }

    pub(super) fn runbook(&self) -> Option<Step> {
        wording::runbook_step(self.runbook_url)
    }
}

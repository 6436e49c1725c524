//! Which applications are complete, without remembering the estate.
//!
//! Parameter Store lists in no promised order, so the parts of an application may be pages
//! apart. Until both halves, client id and client secret, have passed, an application is kept
//! by name; from then on by eight bytes, so that a refresh token that comes later is not taken
//! for an orphan. The names are the part that could grow: whoever scans settles the oldest of
//! them by looking their missing halves up once there are [`PENDING_LIMIT`].

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

use crate::application::{ApplicationName, Layout, Role};
use crate::audit::Vault;
use crate::audit::assessment::Assessment;
use crate::audit::findings::{Code, Exemption, Finding};
use crate::severity::Severity;

/// Most applications that are kept by name. In the order in which Parameter Store lists in
/// practice, by name, there are a handful.
pub const PENDING_LIMIT: usize = 10_000;

/// The applications that have passed so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    pending: BTreeMap<ApplicationName, Parts>,
    settled: HashSet<u64>,
}

/// What has been seen of one application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Its client id.
    pub client_id: bool,
    /// Its client secret.
    pub client_secret: bool,
    /// A refresh token.
    pub refresh_token: bool,
    /// Who is responsible, as its client secret's tags say.
    pub owner: Option<String>,
    /// The exemption on its client secret.
    pub exemption: Option<Exemption>,
}

impl Roster {
    /// A roster in the middle of a scan.
    pub fn resume(
        pending: impl IntoIterator<Item = (ApplicationName, Parts)>,
        settled: impl IntoIterator<Item = u64>,
    ) -> Self {
        Self {
            pending: pending.into_iter().collect(),
            settled: settled.into_iter().collect(),
        }
    }

    /// The applications of which a half has not passed yet.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = (&ApplicationName, &Parts)> {
        self.pending.iter()
    }

    /// About how many bytes the pending applications take as text.
    pub fn pending_weight(&self) -> usize {
        let text = |text: Option<&str>| text.map_or(0, str::len);
        let parts = |parts: &Parts| {
            let reason = parts
                .exemption
                .as_ref()
                .map(|exemption| exemption.reason.as_str());
            text(parts.owner.as_deref()) + text(reason)
        };
        // Field names and flags take about as much as a short name.
        let weight =
            |(name, known): (&ApplicationName, &Parts)| 150 + name.as_str().len() + parts(known);
        self.pending.iter().map(weight).sum()
    }

    /// The others, as opaque numbers.
    pub fn settled(&self) -> impl ExactSizeIterator<Item = u64> {
        self.settled.iter().copied()
    }

    /// Whether an application's client secret has passed.
    pub fn has_secret(&self, application: &ApplicationName) -> bool {
        self.settled.contains(&fingerprint(application))
            || self
                .pending
                .get(application)
                .is_some_and(|parts| parts.client_secret)
    }

    /// Notes that a credential has passed. False when it is a client secret that had passed
    /// before, because the listing repeated itself.
    pub fn note(&mut self, application: &ApplicationName, role: &Role) -> bool {
        if self.settled.contains(&fingerprint(application)) {
            return *role != Role::ClientSecret;
        }
        let parts = match self.pending.get_mut(application) {
            Some(parts) => parts,
            None => self.pending.entry(application.clone()).or_default(),
        };
        let is_new = *role != Role::ClientSecret || !parts.client_secret;
        match role {
            Role::ClientId => parts.client_id = true,
            Role::ClientSecret => parts.client_secret = true,
            Role::RefreshToken { .. } => parts.refresh_token = true,
        }
        if parts.client_id && parts.client_secret {
            self.settle(application);
        }
        is_new
    }

    /// Notes owner and exemption of an application's client secret, which hold for what is
    /// missing beside it too.
    pub fn tag(&mut self, application: &ApplicationName, secret: &Assessment) {
        if let Some(parts) = self.pending.get_mut(application) {
            parts.owner.clone_from(&secret.owner);
            parts.exemption.clone_from(&secret.exemption);
        }
    }

    /// Takes an application off the names; whatever of it passes later is expected.
    pub fn settle(&mut self, application: &ApplicationName) -> Option<Parts> {
        self.settled.insert(fingerprint(application));
        self.pending.remove(application)
    }

    /// Forgets all but `limit` of the settled applications. A refresh token of a forgotten one
    /// makes it pending again, and the look-up that follows finds it complete.
    pub fn forget_settled_beyond(&mut self, limit: usize) {
        if self.settled.len() > limit {
            self.settled = self.settled.iter().copied().take(limit).collect();
        }
    }
}

impl Parts {
    /// The roles whose parameters would make the application complete.
    pub fn missing(&self) -> impl Iterator<Item = Role> {
        let id = (!self.client_id).then_some(Role::ClientId);
        let secret = (!self.client_secret).then_some(Role::ClientSecret);
        id.into_iter().chain(secret)
    }

    /// What is wrong with an application that is still incomplete after a look-up.
    pub fn finding(&self, application: &ApplicationName, layout: &Layout) -> Option<Finding> {
        let name = |role| layout.parameter(application, &role);
        let (credential, detail, severity) = match (self.client_id, self.client_secret) {
            (true, true) => return None,
            (false, true) => (
                name(Role::ClientSecret),
                format!("There is no client id {} beside it.", name(Role::ClientId)),
                Severity::Critical,
            ),
            (true, false) => (
                name(Role::ClientId),
                format!(
                    "There is no client secret {} beside it.",
                    name(Role::ClientSecret)
                ),
                Severity::Warning,
            ),
            (false, false) => (
                application.root(),
                format!(
                    "It has a refresh token but neither client id nor client secret {}.",
                    name(Role::ClientSecret)
                ),
                Severity::Warning,
            ),
        };
        Some(Finding {
            code: Code::Lwa007,
            severity,
            application: application.clone(),
            vault: Vault::ParameterStore,
            credential,
            role: None,
            owner: self.owner.clone(),
            detail,
            days_left: None,
            exemption: self.exemption.clone(),
        })
    }
}

/// Eight bytes for a name. Two of even 100,000 names, the most that one account and region
/// hold, collide with a probability of 3 in 10 billion; what is lost then is one LWA007.
fn fingerprint(application: &ApplicationName) -> u64 {
    let mut hasher = DefaultHasher::new();
    application.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::SellerId;

    fn application(name: &str) -> ApplicationName {
        ApplicationName::parse(name).unwrap()
    }

    fn layout() -> Layout {
        Layout {
            prefixes: vec!["/a".into()],
            client_id_leaf: "lwa/clientidentifier".into(),
            client_secret_leaf: "lwa/clientsecret".into(),
            refresh_token_leaf: "refreshToken".into(),
        }
    }

    #[test]
    fn whatever_the_order_a_complete_application_leaves_no_name_behind() {
        let seller = Role::RefreshToken {
            seller: Some(SellerId::parse("A1").unwrap()),
        };
        let roles = [Role::ClientId, Role::ClientSecret, seller];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut roster = Roster::default();
            for index in order {
                assert!(roster.note(&application("a"), &roles[index]));
            }
            assert_eq!(roster.pending().len(), 0, "{order:?}");
            assert_eq!(roster.settled().len(), 1);
        }
    }

    #[test]
    fn a_client_secret_that_is_listed_twice_counts_once() {
        let mut roster = Roster::default();
        assert!(roster.note(&application("a"), &Role::ClientSecret));
        assert!(!roster.note(&application("a"), &Role::ClientSecret));
        assert!(roster.note(&application("a"), &Role::ClientId));
        assert!(!roster.note(&application("a"), &Role::ClientSecret));
    }

    #[test]
    fn a_secret_without_an_id_is_critical_and_remains_of_an_application_are_a_warning() {
        let parts = |client_id, client_secret, refresh_token| Parts {
            client_id,
            client_secret,
            refresh_token,
            ..Parts::default()
        };
        let check = |parts: Parts, expected: Option<(Severity, &str)>| {
            let finding = parts.finding(&application("a"), &layout());
            let found = finding
                .as_ref()
                .map(|f| (f.severity, f.credential.as_str()));
            assert_eq!(found, expected);
        };
        check(parts(true, true, true), None);
        check(
            parts(false, true, true),
            Some((Severity::Critical, "/a/lwa/clientsecret")),
        );
        check(
            parts(true, false, true),
            Some((Severity::Warning, "/a/lwa/clientidentifier")),
        );
        check(parts(false, false, true), Some((Severity::Warning, "/a")));
    }
}

//! Which applications are complete, without remembering the estate.
//!
//! Parameter Store lists in no promised order, so the parts of an application may be pages
//! apart. Until both halves, client id and client secret, have passed, an application is kept
//! by name; from then on by eight bytes, so that a refresh token that comes later is not taken
//! for an orphan. The names are the part that could grow: the scan settles the oldest of them
//! by looking their missing halves up once there are [`PENDING_LIMIT`].

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::application::{ApplicationName, Layout, Role};
use crate::audit::assessment::ApplicationDeadline;
use crate::audit::findings::{Code, Exemption, Finding};
use crate::audit::sentences;
use crate::severity::Severity::{Critical, Warning};
use crate::vault::VaultKind;

/// Most applications that are kept by name. In the order in which Parameter Store lists in
/// practice, by name, there are a handful.
pub const PENDING_LIMIT: usize = 10_000;

/// The applications that have passed so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// Those of which a half has not passed yet.
    pub pending: BTreeMap<ApplicationName, Parts>,
    /// The others, as opaque numbers.
    pub settled: HashSet<u64>,
}

/// What has been seen of one application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Its client id.
    pub client_id: bool,
    /// Its client secret.
    pub client_secret: bool,
    /// Who is responsible, as its client secret's tags say.
    pub owner: Option<String>,
    /// The exemption on its client secret.
    pub exemption: Option<Exemption>,
}

impl Roster {
    /// About how many bytes the pending applications take as text.
    pub fn pending_weight(&self) -> usize {
        let weight = |(name, parts): (&ApplicationName, &Parts)| {
            let owner = parts.owner.as_ref().map_or(0, String::len);
            let muted = parts.exemption.as_ref();
            // Field names and flags take about as much as a short name.
            150 + name.as_str().len() + owner + muted.map_or(0, |muted| muted.reason.len())
        };
        self.pending.iter().map(weight).sum()
    }

    /// Whether an application's client secret has passed.
    pub fn has_secret(&self, application: &ApplicationName) -> bool {
        let parts = self.pending.get(application);
        parts.is_some_and(|parts| parts.client_secret)
            || self.settled.contains(&fingerprint(application))
    }

    /// Notes that a credential has passed. False when it is a client secret that had passed
    /// before, because the listing repeated itself.
    pub fn note(&mut self, application: &ApplicationName, role: &Role) -> bool {
        if *role == Role::ClientSecret && self.has_secret(application) {
            return false;
        }
        if self.settled.contains(&fingerprint(application)) {
            return true;
        }
        let parts = self.pending.entry(application.clone()).or_default();
        match role {
            Role::ClientId => parts.client_id = true,
            Role::ClientSecret => parts.client_secret = true,
            // It alone makes the application pending.
            Role::RefreshToken { .. } => {}
        }
        if parts.client_id && parts.client_secret {
            self.settle(application);
        }
        true
    }

    /// Notes owner and exemption of an application's client secret, which hold for what is
    /// missing beside it too.
    pub fn tag(&mut self, secret: &ApplicationDeadline) {
        if let Some(parts) = self.pending.get_mut(&secret.application) {
            parts.owner.clone_from(&secret.owner);
            parts.exemption.clone_from(&secret.exemption);
        }
    }

    /// Takes an application off the names; what passes of it later is expected.
    pub fn settle(&mut self, application: &ApplicationName) -> Option<Parts> {
        self.settled.insert(fingerprint(application));
        self.pending.remove(application)
    }

    /// Takes all applications off the names, so that nothing is claimed about them.
    pub fn settle_all(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.settled.extend(pending.keys().map(fingerprint));
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
        let id = layout.parameter(application, &Role::ClientId);
        let secret = layout.parameter(application, &Role::ClientSecret);
        let absent = sentences::absent;
        let (severity, detail, credential) = match (self.client_id, self.client_secret) {
            (true, true) => return None,
            (false, true) => (Critical, absent(&Role::ClientId, &id), secret),
            (true, false) => (Warning, absent(&Role::ClientSecret, &secret), id),
            (false, false) => {
                let detail = sentences::only_refresh_token(&secret);
                (Warning, detail, application.root())
            }
        };
        let incomplete = ApplicationDeadline {
            owner: self.owner.clone(),
            exemption: self.exemption.clone(),
            ..ApplicationDeadline::new(application, VaultKind::ParameterStore, &credential)
        };
        Some(incomplete.finding(None, (Code::Lwa007, severity, detail)))
    }
}

/// Eight bytes for a name, the same in every build, because an audit may go on after a
/// deployment: FNV-1a, <https://datatracker.ietf.org/doc/draft-eastlake-fnv/>, three lines that
/// need no dependency.
///
/// Two of even 100,000 names, the most that one account and region hold, collide with a
/// probability of 3 in 10 billion; what is lost then is one LWA007.
fn fingerprint(application: &ApplicationName) -> u64 {
    let bytes = application.as_str().bytes();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::SellerId;
    use crate::severity::Severity;

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
    fn a_complete_application_leaves_no_name_behind_in_any_order() {
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
            assert_eq!(roster.pending.len(), 0, "{order:?}");
            assert_eq!(roster.settled.len(), 1);
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_the_specification_and_never_changes() {
        // Test vectors of the specification.
        assert_eq!(fingerprint(&application("a")), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(&application("foobar")), 0x8594_4171_f739_67e8);
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
        let parts = |client_id, client_secret| Parts {
            client_id,
            client_secret,
            ..Parts::default()
        };
        let check = |parts: Parts, expected: Option<(Severity, &str)>| {
            let finding = parts.finding(&application("a"), &layout());
            let found = finding
                .as_ref()
                .map(|f| (f.severity, f.credential.as_str()));
            assert_eq!(found, expected);
        };
        check(parts(true, true), None);
        check(parts(false, true), Some((Critical, "/a/lwa/clientsecret")));
        check(
            parts(true, false),
            Some((Warning, "/a/lwa/clientidentifier")),
        );
        check(parts(false, false), Some((Warning, "/a")));
    }
}

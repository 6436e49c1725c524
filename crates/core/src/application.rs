//! Applications, the roles of their credentials, and where each one lives in Parameter Store.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{after, quotable_input};

/// A text that is checked once, when it is parsed.
macro_rules! checked {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text, without a leading slash.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

checked! {
    /// The name of an application: its root path without the leading slash, for example `my-erp`
    /// or `my-erp/eu`.
    ApplicationName
}

checked! {
    /// The id of a selling partner, as one segment of a parameter name.
    SellerId
}

impl TryFrom<String> for ApplicationName {
    type Error = InvalidName;

    /// Takes a name only, as a program sends it: with a leading slash it is a path.
    fn try_from(text: String) -> Result<Self, InvalidName> {
        let slash = text
            .starts_with('/')
            .then_some("it begins with a slash, as a path does");
        InvalidName::check(APPLICATION_NAME, &text, slash)?;
        Self::parse(&text)
    }
}

impl TryFrom<String> for SellerId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl ApplicationName {
    /// Accepts letters, digits and `_.-`, in one or more segments joined by single slashes.
    /// No segment may be `.` or `..`. One leading slash is dropped, so that a root path may be
    /// given as well.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = text.strip_prefix('/').unwrap_or(text);
        InvalidName::check(APPLICATION_NAME, text, path_problem(name))?;
        Ok(Self(name.to_owned()))
    }

    /// The path under which the application's parameters live, with a leading slash.
    pub fn root(&self) -> String {
        format!("/{}", self.0)
    }
}

impl SellerId {
    /// Accepts letters, digits and `_.-`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let slash = text.contains('/').then_some("it contains a slash");
        InvalidName::check(SELLER_ID, text, slash.or_else(|| path_problem(text)))?;
        Ok(Self(text.to_owned()))
    }
}

const APPLICATION_NAME: &str = "application name";

const SELLER_ID: &str = "seller id";

/// A name that Parameter Store could not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no {what}: {problem}; allowed are letters, digits and `_.-`{}",
    if *.what == SELLER_ID { "" } else { ", in segments joined by single slashes" }
)]
pub struct InvalidName {
    what: &'static str,
    found: String,
    problem: &'static str,
}

impl InvalidName {
    fn check(what: &'static str, text: &str, problem: Option<&'static str>) -> Result<(), Self> {
        problem.map_or(Ok(()), |problem| {
            Err(Self {
                what,
                found: quotable_input(text),
                problem,
            })
        })
    }
}

/// The longest fully qualified parameter name that Parameter Store takes, in characters,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
const MAX_NAME: usize = 1011;

/// The deepest hierarchy that Parameter Store takes, same source.
const MAX_LEVELS: usize = 15;

fn path_problem(path: &str) -> Option<&'static str> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    let (levels, is_segment_empty) = (path.split('/').count(), path.split('/').any(str::is_empty));
    let is_relative = path
        .split('/')
        .any(|segment| [".", ".."].contains(&segment));
    let refused = "it has a character that Parameter Store refuses";
    let problems = [
        (path.is_empty(), "it is empty"),
        (path.len() > MAX_NAME, "it is longer than 1011 characters"),
        (levels > MAX_LEVELS, "it has more than 15 levels"),
        (is_segment_empty, "it has an empty segment"),
        (is_relative, "it has the segment `.` or `..`"),
        (!path.bytes().all(is_allowed), refused),
    ];
    let found = problems.into_iter().find(|(holds, _)| *holds);
    found.map(|(_, problem)| problem)
}

/// What one stored credential is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Names the application to LWA; never rotates.
    ClientId,
    /// Proves the application to LWA; dies after 180 days.
    ClientSecret,
    /// Stands for a seller's consent; outlives every rotation of the client secret.
    RefreshToken {
        /// Whose token it is; none for the application's own account.
        seller: Option<SellerId>,
    },
}

impl Role {
    /// The credentials of every application, without those of sellers.
    pub const OWN: [Self; 3] = [
        Self::ClientId,
        Self::ClientSecret,
        Self::RefreshToken { seller: None },
    ];

    /// The role in words, as people read it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ClientId => "client id",
            Self::ClientSecret => "client secret",
            Self::RefreshToken { .. } => "refresh token",
        }
    }

    pub(crate) const fn seller(&self) -> Option<&SellerId> {
        match self {
            Self::RefreshToken { seller } => seller.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seller = after(" of seller ", self.seller());
        write!(f, "{}{seller}", self.as_str())
    }
}

/// Where a parameter belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The application it is part of.
    pub application: ApplicationName,
    /// What it is for.
    pub role: Role,
}

/// How parameters are named: the prefixes that hold applications, and the leaf of each role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Root paths, each with a leading slash and none at the end.
    pub prefixes: Vec<String>,
    /// `lwa/clientidentifier` unless set.
    pub client_id_leaf: String,
    /// `lwa/clientsecret` unless set.
    pub client_secret_leaf: String,
    /// `refreshToken` unless set.
    pub refresh_token_leaf: String,
}

impl Layout {
    /// Whether a name lies at or below one of the configured prefixes; `/my-erp2` does not lie
    /// below `/my-erp`.
    pub fn contains(&self, parameter_name: &str) -> bool {
        let name = parameter_name.strip_prefix('/').unwrap_or(parameter_name);
        self.prefixes.iter().any(|prefix| {
            name.strip_prefix(&prefix[1..])
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Which application and role a parameter has, or none when it follows no configured
    /// pattern. A missing leading slash is tolerated.
    pub fn locate(&self, parameter_name: &str) -> Option<Place> {
        let root_before = |leaf: &str| {
            let root = parameter_name.strip_suffix(leaf)?.strip_suffix('/')?;
            self.contains(root).then_some(root)
        };
        let (root, role) = if let Some(root) = root_before(&self.client_secret_leaf) {
            (root, Role::ClientSecret)
        } else if let Some(root) = root_before(&self.client_id_leaf) {
            (root, Role::ClientId)
        } else {
            let root = root_before(&self.refresh_token_leaf)?;
            let split = root.rsplit_once("/sellers/");
            let split = split.filter(|(above, _)| self.contains(above));
            let found = split.and_then(|(above, id)| Some((above, SellerId::parse(id).ok()?)));
            let (root, seller) = found.map_or((root, None), |(above, id)| (above, Some(id)));
            (root, Role::RefreshToken { seller })
        };
        let application = ApplicationName::parse(root).ok()?;
        Some(Place { application, role })
    }

    /// The full parameter name of one credential.
    pub fn parameter(&self, application: &ApplicationName, role: &Role) -> String {
        let leaf = match role {
            Role::ClientId => &self.client_id_leaf,
            Role::ClientSecret => &self.client_secret_leaf,
            Role::RefreshToken { .. } => &self.refresh_token_leaf,
        };
        let seller = after("/sellers/", role.seller());
        format!("/{application}{seller}/{leaf}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(prefixes: &[&str]) -> Layout {
        Layout {
            prefixes: prefixes.iter().map(ToString::to_string).collect(),
            client_id_leaf: "lwa/clientidentifier".into(),
            client_secret_leaf: "lwa/clientsecret".into(),
            refresh_token_leaf: "refreshToken".into(),
        }
    }

    fn check(name: &str, expected: Option<(&str, &str)>) {
        let found = layout(&["/my-erp"])
            .locate(name)
            .map(|place| (place.application.to_string(), place.role.to_string()));
        let expected = expected.map(|(application, role)| (application.into(), role.into()));
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn every_role_is_found_at_every_depth() {
        check(
            "/my-erp/lwa/clientsecret",
            Some(("my-erp", "client secret")),
        );
        check(
            "/my-erp/lwa/clientidentifier",
            Some(("my-erp", "client id")),
        );
        check("/my-erp/refreshToken", Some(("my-erp", "refresh token")));
        check(
            "/my-erp/sellers/A2EXAMPLE/refreshToken",
            Some(("my-erp", "refresh token of seller A2EXAMPLE")),
        );
        check(
            "/my-erp/eu/lwa/clientsecret",
            Some(("my-erp/eu", "client secret")),
        );
        check(
            "/my-erp/eu/sellers/A1/refreshToken",
            Some(("my-erp/eu", "refresh token of seller A1")),
        );
    }

    #[test]
    fn a_missing_leading_slash_is_tolerated() {
        check("my-erp/lwa/clientsecret", Some(("my-erp", "client secret")));
    }

    #[test]
    fn a_name_that_only_begins_like_the_prefix_is_not_inside_it() {
        check("/my-erp2/lwa/clientsecret", None);
        check("/my-erp", None);
        check("/my-erp/other", None);
        check("/my-erp/lwa/cliensecret", None);
        check("", None);
        check("/", None);
    }

    #[test]
    fn a_built_name_is_located_where_it_was_built_for() {
        let layout = layout(&["/a/b", "/c"]);
        for application in ["a/b", "a/b/eu", "c", "c/d/e"] {
            let application = ApplicationName::parse(application).unwrap();
            for role in [
                Role::ClientId,
                Role::ClientSecret,
                Role::RefreshToken { seller: None },
                Role::RefreshToken {
                    seller: Some(SellerId::parse("A1").unwrap()),
                },
            ] {
                let name = layout.parameter(&application, &role);
                let place = layout.locate(&name).unwrap();
                assert_eq!((place.application, place.role), (application.clone(), role));
            }
        }
    }

    #[test]
    fn an_illegal_name_is_refused_with_the_reason() {
        let error = ApplicationName::parse("my erp\u{7}")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("`my erp?` is no application name: it has a character"));
        for name in [
            "", "/", "a//b", "//a", "a/", "..", "a/..", "../a", "a/./b", ".",
        ] {
            let error = ApplicationName::parse(name).unwrap_err().to_string();
            assert!(error.contains("allowed are letters, digits and"), "{error}");
        }
        for id in ["", "a/b", ".", ".."] {
            assert!(SellerId::parse(id).is_err(), "{id}");
        }
        for name in ["...", "a..b", ".a", "my-erp/v1.2"] {
            assert!(ApplicationName::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_path_is_a_name_only_where_a_person_types_it() {
        let name = |text: &str| ApplicationName::try_from(text.to_owned());
        assert_eq!(ApplicationName::parse("/my-erp"), name("my-erp"));
        let error = name("/my-erp").unwrap_err().to_string();
        assert!(error.contains("begins with a slash"), "{error}");
    }

    #[test]
    fn a_parameter_with_a_relative_path_belongs_to_no_application() {
        check("/my-erp/../lwa/clientsecret", None);
        check("/my-erp/sellers/../refreshToken", None);
    }
}

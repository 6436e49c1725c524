//! The configuration: every variable's name, default and meaning, and how it is parsed.
//!
//! Nothing here reads the environment; callers pass a look-up function, so that the same
//! parsing serves the functions, the command line and the tests.

use std::fmt;

use crate::address::{self, PlainHttp};
use crate::application::{ApplicationName, Layout};
use crate::error::FunctionError;
use crate::principal;
use crate::rotation::policy::Policy;
use crate::sp_api::Region;
use crate::text::quotable_input;

/// One environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Which functions use it, as the README says it.
    pub used_by: &'static str,
    /// The default; none if it must be set.
    pub default: Option<&'static str>,
    /// What it means and which values it takes.
    pub meaning: &'static str,
}

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $constant:ident, $used_by:literal, $default:expr;)+) => {
        $(
            $(#[doc = $doc])+
            pub const $constant: Variable = Variable {
                name: stringify!($constant),
                used_by: $used_by,
                default: $default,
                meaning: concat!($($doc),+),
            };
        )+

        /// Every variable, in the order of the README's table.
        pub const VARIABLES: &[Variable] = &[$($constant),+];
    };
}

variables! {
    /// Root paths that hold applications, comma-separated.
    LWA_PARAMETER_PREFIX, "all", Some("/my-erp");
    /// Where credentials live: `parameter-store` or `secrets-manager`; the auditor also takes `both`.
    LWA_VAULT, "token-exchanger, auditor, rotation-requester, secret-receiver", Some("parameter-store");
    /// Parameter name of the client id below the root.
    LWA_CLIENT_ID_LEAF, "all", Some("lwa/clientidentifier");
    /// Parameter name of the client secret below the root.
    LWA_CLIENT_SECRET_LEAF, "all", Some("lwa/clientsecret");
    /// Parameter name of a refresh token below the root, or below `sellers/{seller}`.
    LWA_REFRESH_TOKEN_LEAF, "all", Some("refreshToken");
    /// The LWA token endpoint.
    LWA_TOKEN_URL, "token-exchanger, rotation-requester, secret-receiver", Some("https://api.amazon.com/auth/o2/token");
    /// The SP-API region: `na`, `eu`, `fe`, or one of them with `sandbox-` before it.
    SP_API_REGION, "token-exchanger, rotation-requester", Some("na");
    /// The SP-API endpoint; derived from the region unless set.
    SP_API_ENDPOINT, "token-exchanger, rotation-requester", Some("from `SP_API_REGION`");
    /// A JSON object that says, for each alias of the function, which `applications`, `sellers` and `scopes` its callers may have; without it, everyone who may invoke the function has all.
    CONSUMERS, "token-exchanger", Some("none");
    /// ARN of the SNS topic that messages to people go to.
    TOPIC_ARN, "policy-formatter, auditor, rotation-requester, secret-receiver", None;
    /// A page that tells people what to do; linked from every message.
    RUNBOOK_URL, "policy-formatter, auditor, rotation-requester, secret-receiver", Some("none");
    /// How long a client secret lives, in days, from 1 to 3650.
    SECRET_LIFETIME_DAYS, "all", Some("180");
    /// Days before the deadline on which people are reminded, comma-separated.
    REMIND_AT_DAYS, "auditor, rotation-requester", Some("90,60,30,14,7,3,1");
    /// Weekday on which a digest goes out even when all is well: `monday` … `sunday`, or `off`.
    HEARTBEAT_DAY, "auditor", Some("monday");
    /// From which severity on a finding sends a digest by itself: `info`, `warning` or `critical`.
    DIGEST_SEVERITY, "auditor", Some("warning");
    /// ARN of the principal that is expected to write credentials; switches LWA012 on.
    EXPECTED_WRITER_ARN, "auditor", Some("none");
    /// ARN of the role of `secret-receiver`: a client secret that it stores is told of by itself, so that the event of its write is no news.
    SYSTEM_WRITER_ARN, "policy-formatter", Some("none");
    /// How many days before the deadline a rotation is due, from 1 to 180.
    ROTATE_WITHIN_DAYS, "policy-formatter, auditor, rotation-requester, secret-receiver", Some("60");
    /// Whether rotations are requested (`true`) or only reminded of (`false`).
    AUTO_ROTATE, "policy-formatter, auditor, rotation-requester, secret-receiver", Some("true");
    /// Namespace of the CloudWatch metrics.
    METRICS_NAMESPACE, "all", Some("LwaRotation");
}

/// The AWS region. The platform sets it for every function, so it is not in [`VARIABLES`].
pub const AWS_REGION: Variable = Variable {
    name: "AWS_REGION",
    used_by: "all",
    default: None,
    meaning: "the name of an AWS region such as eu-west-1",
};

const AWS_DEFAULT_REGION: Variable = Variable {
    name: "AWS_DEFAULT_REGION",
    ..AWS_REGION
};

/// The settings that all functions of a deployment share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// How parameters are named, and which applications there are.
    pub layout: Layout,
    /// When client secrets are rotated, and by whom.
    pub policy: Policy,
    /// The team's own page, linked from every message.
    pub runbook_url: Option<String>,
    /// The AWS region, for links; none where it is not known.
    pub region: Option<String>,
    /// Where CloudWatch shows the metrics.
    pub metrics_namespace: String,
}

impl Deployment {
    /// Reads the shared settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        Ok(Self {
            layout: lookup.layout()?,
            policy: lookup.policy()?,
            runbook_url: lookup.page(RUNBOOK_URL)?,
            region: lookup.aws_region()?,
            metrics_namespace: lookup.metrics_namespace()?,
        })
    }
}

/// A missing or invalid variable. The message names the variable, its value and the allowed
/// values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable without a default is not set.
    #[error("{name} is not set; it must be {allowed}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it may hold.
        allowed: String,
    },
    /// The value is not allowed.
    #[error("{name} is `{found}`; allowed: {allowed}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// The value, cut short and free of control characters.
        found: String,
        /// What it may hold.
        allowed: String,
    },
}

impl FunctionError for ConfigError {
    fn error_type(&self) -> &'static str {
        "InvalidConfiguration"
    }
}

impl ConfigError {
    /// A value that does not parse.
    pub fn invalid(variable: Variable, found: &str, allowed: impl fmt::Display) -> Self {
        Self::Invalid {
            name: variable.name,
            found: quotable_input(found),
            allowed: allowed.to_string(),
        }
    }
}

/// Looks variables up by name. An empty value counts as not set, because not all templates and
/// shells can leave a variable out.
pub struct Lookup<F>(F);

impl<F: Fn(&str) -> Option<String>> Lookup<F> {
    /// Wraps a function from name to value.
    pub const fn new(get: F) -> Self {
        Self(get)
    }

    /// The trimmed value; none when unset or empty.
    pub fn get(&self, variable: Variable) -> Option<String> {
        (self.0)(variable.name)
            .map(|v| v.trim().to_owned())
            .filter(|v| !v.is_empty())
    }

    /// The same variables, with one of them set to `value` if there is one.
    pub fn with(
        &self,
        variable: Variable,
        value: Option<String>,
    ) -> Lookup<impl Fn(&str) -> Option<String>> {
        Lookup(move |name: &str| match &value {
            Some(value) if name == variable.name => Some(value.clone()),
            _ => (self.0)(name),
        })
    }

    /// The value, or the variable's default.
    pub fn get_or_default(&self, variable: Variable) -> String {
        self.get(variable)
            .or_else(|| variable.default.map(str::to_owned))
            .unwrap_or_default()
    }

    /// The value of a variable that must be set.
    pub fn required(&self, variable: Variable, allowed: &str) -> Result<String, ConfigError> {
        self.get(variable).ok_or_else(|| ConfigError::Missing {
            name: variable.name,
            allowed: allowed.to_owned(),
        })
    }

    /// The value or the default, parsed.
    pub fn parsed<T>(
        &self,
        variable: Variable,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = self.get_or_default(variable);
        parse(&text).ok_or_else(|| ConfigError::invalid(variable, &text, allowed))
    }

    /// A whole number within a range.
    pub fn number(
        &self,
        variable: Variable,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, ConfigError> {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(variable, &allowed, |text| {
            text.parse().ok().filter(|n| range.contains(n))
        })
    }

    /// How long a client secret lives, in days.
    pub fn secret_lifetime_days(&self) -> Result<u32, ConfigError> {
        self.number(SECRET_LIFETIME_DAYS, 1..=3650)
    }

    /// When client secrets are rotated, and by whom.
    fn policy(&self) -> Result<Policy, ConfigError> {
        Ok(Policy {
            rotate_within_days: self.number(ROTATE_WITHIN_DAYS, 1..=180)?,
            auto_rotate: self.flag(AUTO_ROTATE)?,
            secret_lifetime_days: self.secret_lifetime_days()?,
        })
    }

    /// Days before the deadline on which people are reminded.
    pub fn reminder_days(&self) -> Result<Vec<u32>, ConfigError> {
        const MOST: u32 = 3650;
        let allowed = format!("whole numbers from 0 to {MOST}, comma-separated");
        self.parsed(REMIND_AT_DAYS, &allowed, |text| {
            let day = |text: &str| text.trim().parse().ok().filter(|day| *day <= MOST);
            text.split(',').map(day).collect()
        })
    }

    /// The ARN of a principal.
    pub fn principal(&self, variable: Variable) -> Result<Option<String>, ConfigError> {
        let allowed = "the ARN of a role, a user or a session, such as \
                       arn:aws:iam::111122223333:role/NAME";
        match self.get(variable) {
            Some(text) if !principal::is_arn(&text) => {
                Err(ConfigError::invalid(variable, &text, allowed))
            }
            arn => Ok(arn),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, variable: Variable) -> Result<bool, ConfigError> {
        self.parsed(variable, "true or false", |text| {
            text.to_ascii_lowercase().parse().ok()
        })
    }

    /// The address of a page; one with plain HTTP only on this machine, where tests listen.
    pub fn page(&self, variable: Variable) -> Result<Option<String>, ConfigError> {
        let allowed = "an https:// URL, or an http:// one on localhost or 127.0.0.1; without a \
                       user name";
        self.address(variable, allowed, address::is_page)
    }

    /// The address of a service that is sent secrets, with the same exception.
    fn service(&self, variable: Variable) -> Result<Option<String>, ConfigError> {
        let allowed = "an https:// URL, or an http:// one on localhost or 127.0.0.1; without a \
                       user name, a query or a fragment";
        self.address(variable, allowed, address::is_service)
    }

    fn address(
        &self,
        variable: Variable,
        allowed: &str,
        is_allowed: fn(&str, PlainHttp) -> bool,
    ) -> Result<Option<String>, ConfigError> {
        match self.get(variable) {
            Some(text) if !is_allowed(&text, PlainHttp::Here) => {
                Err(ConfigError::invalid(variable, &text, allowed))
            }
            url => Ok(url),
        }
    }

    /// The prefixes and leaves.
    pub fn layout(&self) -> Result<Layout, ConfigError> {
        let allowed = "letters, digits and `_.-`, in segments joined by single slashes, such as \
                       `/my-erp`";
        let text = self.get_or_default(LWA_PARAMETER_PREFIX);
        let name = |variable, text: &str| {
            ApplicationName::parse(text).map_err(|_| ConfigError::invalid(variable, text, allowed))
        };
        let mut prefixes = Vec::new();
        for prefix in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let root = name(LWA_PARAMETER_PREFIX, prefix.trim_end_matches('/'))?.root();
            if !prefixes.contains(&root) {
                prefixes.push(root);
            }
        }
        if prefixes.is_empty() {
            return Err(ConfigError::invalid(
                LWA_PARAMETER_PREFIX,
                &text,
                "one or more root paths such as /my-erp, comma-separated",
            ));
        }
        let leaf = |variable| {
            let leaf = name(variable, &self.get_or_default(variable))?;
            Ok(leaf.as_str().to_owned())
        };
        let [id, secret, token] = [
            LWA_CLIENT_ID_LEAF,
            LWA_CLIENT_SECRET_LEAF,
            LWA_REFRESH_TOKEN_LEAF,
        ];
        let leaves = [
            (id, leaf(id)?),
            (secret, leaf(secret)?),
            (token, leaf(token)?),
        ];
        for (variable, leaf) in &leaves {
            // Nobody could tell whose parameter is found where one leaf is the end of another.
            let ends_with = |end: &str| format!("/{leaf}").ends_with(&format!("/{end}"));
            let mut others = leaves.iter().filter(|(other, _)| other != variable);
            if let Some((other, _)) = others.find(|(_, end)| ends_with(end)) {
                let allowed = format!("a name that does not end with {}", other.name);
                return Err(ConfigError::invalid(*variable, leaf, allowed));
            }
        }
        let [client_id_leaf, client_secret_leaf, refresh_token_leaf] = leaves.map(|(_, leaf)| leaf);
        Ok(Layout {
            prefixes,
            client_id_leaf,
            client_secret_leaf,
            refresh_token_leaf,
        })
    }

    /// The LWA token endpoint.
    pub fn token_url(&self) -> Result<String, ConfigError> {
        let url = self.service(LWA_TOKEN_URL)?;
        Ok(url.unwrap_or_else(|| self.get_or_default(LWA_TOKEN_URL)))
    }

    /// The base URL of SP-API: the one that is set, or else the region's.
    pub fn sp_api_endpoint(&self) -> Result<String, ConfigError> {
        let regions = Region::ALL.map(Region::as_str).join(", ");
        let region = self.parsed(SP_API_REGION, &regions, Region::parse)?;
        let url = self.service(SP_API_ENDPOINT)?;
        Ok(url.unwrap_or_else(|| region.endpoint().to_owned()))
    }

    /// The AWS region, from the variables that every AWS SDK reads,
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html>.
    pub fn aws_region(&self) -> Result<Option<String>, ConfigError> {
        let set = |variable| self.get(variable).map(|text| (variable, text));
        let Some((variable, text)) = set(AWS_REGION).or_else(|| set(AWS_DEFAULT_REGION)) else {
            return Ok(None);
        };
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.bytes().all(legal) {
            Ok(Some(text))
        } else {
            Err(ConfigError::invalid(variable, &text, variable.meaning))
        }
    }

    /// The topic for messages to people, checked to look like the ARN of one.
    pub fn topic_arn(&self) -> Result<String, ConfigError> {
        let allowed = "the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME";
        let text = self.required(TOPIC_ARN, allowed)?;
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["arn", partition, "sns", region, account, name]
                if partition.starts_with("aws") && ![region, account, name].contains(&"") =>
            {
                Ok(text)
            }
            _ => Err(ConfigError::invalid(TOPIC_ARN, &text, allowed)),
        }
    }

    /// The namespace of metrics, 1 to 255 characters,
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>.
    pub fn metrics_namespace(&self) -> Result<String, ConfigError> {
        let allowed = "1 to 255 characters of A-Z a-z 0-9 . - _ / #";
        self.parsed(METRICS_NAMESPACE, allowed, |text| {
            let legal = |b: u8| b.is_ascii_alphanumeric() || b".-_/#".contains(&b);
            (text.len() <= 255 && text.bytes().all(legal)).then(|| text.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> Lookup<impl Fn(&str) -> Option<String> + 'a> {
        Lookup::new(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_any_variable_the_defaults_hold() {
        let deployment = Deployment::from_lookup(&lookup(&[])).unwrap();
        assert_eq!(deployment.layout.prefixes, ["/my-erp"]);
        assert_eq!(deployment.layout.client_secret_leaf, "lwa/clientsecret");
        let policy = deployment.policy;
        assert_eq!(policy.secret_lifetime_days, 180);
        assert_eq!(policy.rotate_within_days, 60);
        assert!(policy.auto_rotate);
        assert_eq!(deployment.runbook_url, None);
        assert_eq!(deployment.region, None);
        assert_eq!(deployment.metrics_namespace, "LwaRotation");
    }

    #[test]
    fn several_prefixes_are_taken_with_or_without_slashes_and_once_each() {
        let layout = lookup(&[("LWA_PARAMETER_PREFIX", "/a, b/eu/ ,/a")])
            .layout()
            .unwrap();
        assert_eq!(layout.prefixes, ["/a", "/b/eu"]);
    }

    #[test]
    fn a_bad_value_is_reported_with_its_name_what_was_found_and_what_is_allowed() {
        let error = Deployment::from_lookup(&lookup(&[("SECRET_LIFETIME_DAYS", "half a year")]));
        assert_eq!(
            error.unwrap_err().to_string(),
            "SECRET_LIFETIME_DAYS is `half a year`; allowed: a whole number from 1 to 3650"
        );
        let error = lookup(&[("LWA_PARAMETER_PREFIX", "/my erp")])
            .layout()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("LWA_PARAMETER_PREFIX is `/my erp`; allowed: ")
        );
        let error = lookup(&[]).topic_arn().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("TOPIC_ARN is not set; it must be the ARN")
        );
        let error = lookup(&[("TOPIC_ARN", "my-topic")])
            .topic_arn()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("TOPIC_ARN is `my-topic`; allowed: the ARN")
        );
    }

    #[test]
    fn a_runbook_on_plain_http_is_refused_but_an_emulator_is_not() {
        let url = |text| lookup(&[("RUNBOOK_URL", text)]).page(RUNBOOK_URL);
        assert!(url("https://wiki.example/lwa?page=1#rotate").is_ok());
        assert!(url("http://127.0.0.1:8080/x").is_ok());
        assert!(url("http://localhost.example/").is_err());
        assert!(url("http://127.0.0.1:80@wiki.example/").is_err());
        assert!(url("https://wiki.example/|Click").is_err());
        assert!(url("http://wiki.example/").is_err());
        assert!(url("javascript:alert(1)").is_err());
        assert_eq!(url(" "), Ok(None));
    }

    #[test]
    fn secrets_go_to_no_address_that_only_begins_like_an_allowed_one() {
        let token_url = |text| lookup(&[("LWA_TOKEN_URL", text)]).token_url();
        let endpoint = |text| lookup(&[("SP_API_ENDPOINT", text)]).sp_api_endpoint();
        for text in ["http://127.0.0.1:8080/auth", "https://lwa.example:8443/a/b"] {
            assert_eq!(token_url(text).unwrap(), text);
            assert_eq!(endpoint(text).unwrap(), text);
        }
        for text in [
            "http://127.0.0.1:80@evil.example/",
            "https://api.amazon.com@evil.example/",
            "http://localhost@evil.example/",
            "https://lwa.example/#",
            "https://lwa.example/?a=b",
            "https://lwa.example:port/",
        ] {
            assert!(token_url(text).is_err(), "{text}");
            assert!(endpoint(text).is_err(), "{text}");
        }
        assert_eq!(
            token_url("http://127.0.0.1:80@evil.example/")
                .unwrap_err()
                .to_string(),
            "LWA_TOKEN_URL is `http://[redacted]@evil.example/`; allowed: an https:// URL, or an \
             http:// one on localhost or 127.0.0.1; without a user name, a query or a fragment"
        );
    }

    #[test]
    fn a_leaf_that_is_another_or_ends_with_it_is_refused() {
        let layout = |pairs: &[(&str, &str)]| lookup(pairs).layout().map(drop);
        let error = layout(&[("LWA_CLIENT_ID_LEAF", "lwa/clientsecret")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "LWA_CLIENT_ID_LEAF is `lwa/clientsecret`; allowed: a name that does not end with \
             LWA_CLIENT_SECRET_LEAF"
        );
        for pairs in [
            [
                ("LWA_CLIENT_SECRET_LEAF", "a"),
                ("LWA_CLIENT_ID_LEAF", "/a"),
            ],
            [
                ("LWA_CLIENT_SECRET_LEAF", "a"),
                ("LWA_CLIENT_ID_LEAF", "b/a"),
            ],
            [
                ("LWA_REFRESH_TOKEN_LEAF", "a"),
                ("LWA_CLIENT_SECRET_LEAF", "a"),
            ],
        ] {
            assert!(layout(&pairs).is_err(), "{pairs:?}");
        }
        assert_eq!(
            layout(&[("LWA_CLIENT_ID_LEAF", "not-clientsecret")]),
            Ok(())
        );
    }

    #[test]
    fn a_secret_in_any_variable_is_not_quoted() {
        let bare = "b5f7f8".repeat(10);
        for secret in [
            "Atzr|planted",
            "AMZN1.OA2-CS.v1.planted",
            "Atza%7Cplanted",
            &bare,
        ] {
            for around in [
                "{}",
                "/my-erp/{} x",
                "https://{}@x/",
                "{}!",
                "arn:aws:sns:{}",
            ] {
                let value = around.replace("{}", secret);
                for variable in VARIABLES {
                    let error = ConfigError::invalid(*variable, &value, "x").to_string();
                    assert!(
                        !error.contains("planted") && !error.contains(&bare),
                        "{error}"
                    );
                }
            }
        }
    }
}

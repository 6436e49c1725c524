//! The auditor's settings, from its environment.

use jiff::civil::Weekday;
use lwa_core::audit::Rules;
use lwa_core::config::{self, ConfigError, Deployment, Lookup};
use lwa_core::vault::VaultKind;

/// The settings of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What it shares with the other functions.
    pub deployment: Deployment,
    /// The vaults to scan.
    pub vaults: Vec<VaultKind>,
    /// What the audit measures by.
    pub rules: Rules,
}

impl Settings {
    /// Reads the settings.
    pub fn from_lookup<F>(lookup: &Lookup<F>) -> Result<Self, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        let deployment = Deployment::from_lookup(lookup)?;
        let allowed = "parameter-store, secrets-manager or both";
        let vaults = lookup.parsed(config::LWA_VAULT, allowed, vaults)?;
        let allowed = "monday, tuesday, wednesday, thursday, friday, saturday, sunday or off";
        let heartbeat = lookup.parsed(config::HEARTBEAT_DAY, allowed, |text| match text {
            off if off.eq_ignore_ascii_case("off") => Some(None),
            day => weekday(day).map(Some),
        })?;
        let expected_writer = lookup.principal(config::EXPECTED_WRITER_ARN)?;
        let allowed = "info, warning or critical";
        let severity = |text: &str| text.parse().ok();
        let digest_severity = lookup.parsed(config::DIGEST_SEVERITY, allowed, severity)?;
        Ok(Self {
            vaults,
            rules: Rules {
                policy: deployment.policy,
                reminder_days: lookup.reminder_days()?,
                heartbeat,
                expected_writer,
                digest_severity,
            },
            deployment,
        })
    }

    /// Each vault and prefix to scan, in order. A prefix that lies below another is part of it.
    pub fn targets(&self) -> Vec<(VaultKind, &str)> {
        let prefixes = self.deployment.layout.prefixes.iter().map(String::as_str);
        let is_below = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let is_outermost = |prefix: &&str| !prefixes.clone().any(|outer| is_below(prefix, outer));
        let outermost: Vec<_> = prefixes.clone().filter(is_outermost).collect();
        let vaults = self.vaults.iter();
        vaults
            .flat_map(|vault| outermost.iter().map(|prefix| (*vault, *prefix)))
            .collect()
    }

    /// The scope of the audit, in words.
    pub fn scope(&self) -> String {
        let vaults: Vec<_> = self.vaults.iter().map(|vault| vault.name()).collect();
        let (vaults, prefixes) = (
            vaults.join(" and "),
            self.deployment.layout.prefixes.join(", "),
        );
        format!("{vaults} below {prefixes}")
    }
}

fn vaults(text: &str) -> Option<Vec<VaultKind>> {
    match text {
        "both" => Some(VaultKind::ALL.to_vec()),
        one => VaultKind::parse(one).map(|vault| vec![vault]),
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    match text.to_ascii_lowercase().as_str() {
        "monday" => Some(Weekday::Monday),
        "tuesday" => Some(Weekday::Tuesday),
        "wednesday" => Some(Weekday::Wednesday),
        "thursday" => Some(Weekday::Thursday),
        "friday" => Some(Weekday::Friday),
        "saturday" => Some(Weekday::Saturday),
        "sunday" => Some(Weekday::Sunday),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::from_lookup(&Lookup::new(|name: &str| {
            let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        }))
    }

    #[test]
    fn the_defaults_hold_where_nothing_is_set() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.vaults, [VaultKind::ParameterStore]);
        assert_eq!(settings.rules.reminder_days, [90, 60, 30, 14, 7, 3, 1]);
        assert_eq!(settings.rules.heartbeat, Some(Weekday::Monday));
        assert_eq!(settings.rules.digest_severity, lwa_core::Severity::Warning);
        assert_eq!(settings.rules.expected_writer, None);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_what_is_allowed() {
        let check = |name: &'static str, value: &str, expected: &str| {
            let error = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{name} is `{value}`; allowed: ")),
                "{error}"
            );
            assert!(error.contains(expected), "{error}");
        };
        check(
            "LWA_VAULT",
            "vault",
            "parameter-store, secrets-manager or both",
        );
        check(
            "REMIND_AT_DAYS",
            "90;60",
            "whole numbers from 0 to 3650, comma-separated",
        );
        check("REMIND_AT_DAYS", "90,-1", "whole numbers");
        check("HEARTBEAT_DAY", "mon", "monday, tuesday");
        check("DIGEST_SEVERITY", "high", "info, warning or critical");
        check("EXPECTED_WRITER_ARN", "alice", "the ARN of a role");
        check(
            "EXPECTED_WRITER_ARN",
            "arn:aws:s3:::bucket/x",
            "the ARN of a role",
        );
    }

    #[test]
    fn every_vault_is_scanned_below_every_prefix_and_nothing_twice() {
        let settings = settings(&[
            ("LWA_VAULT", "both"),
            ("LWA_PARAMETER_PREFIX", "/a/eu,/a,/b,/a2"),
            ("HEARTBEAT_DAY", "OFF"),
        ])
        .unwrap();
        assert_eq!(
            settings.targets(),
            [
                (VaultKind::ParameterStore, "/a"),
                (VaultKind::ParameterStore, "/b"),
                (VaultKind::ParameterStore, "/a2"),
                (VaultKind::SecretsManager, "/a"),
                (VaultKind::SecretsManager, "/b"),
                (VaultKind::SecretsManager, "/a2"),
            ]
        );
        assert_eq!(settings.rules.heartbeat, None);
    }
}

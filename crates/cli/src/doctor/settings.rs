//! What a deployed system is set to.

use std::collections::{BTreeMap, BTreeSet};

use lwa_aws::inspection::Function;
use lwa_core::ApplicationName;
use lwa_core::audit::tally::ApplicationDeadline;
use lwa_core::config::{AWS_REGION, ConfigError, Lookup};

use crate::settings;

/// The functions' variables, which the settings of this process override.
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// What the functions are set to. The exchanger comes first: the auditor may look into both
    /// vaults, and the credentials are in one of them.
    pub(super) fn of(functions: &[(String, Function)]) -> Self {
        let mut all = BTreeMap::new();
        for (_, function) in functions {
            for (name, value) in &function.environment {
                all.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Self(all)
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        settings::variable(name).or_else(|| self.0.get(name).cloned())
    }
}

/// The settings of the functions that the doctor runs.
pub(super) struct Settings {
    pub(super) audit: auditor::Settings,
    pub(super) exchanger: token_exchanger::Settings,
}

impl Settings {
    pub(super) fn read(variables: &Variables, region: &str) -> Result<Self, ConfigError> {
        let lookup = Lookup::new(|name: &str| variables.get(name));
        let lookup = lookup.with(AWS_REGION, Some(region.to_owned()));
        let audit = auditor::Settings::from_lookup(&lookup)?;
        let one_vault = settings::one_vault(|name| variables.get(name));
        let exchanger = token_exchanger::Settings::from_lookup(&one_vault)?;
        Ok(Self { audit, exchanger })
    }

    /// The applications that prefixes are named after.
    pub(super) fn configured(&self) -> Vec<ApplicationName> {
        let prefixes = self.audit.deployment.layout.prefixes.iter();
        prefixes
            .filter_map(|prefix| ApplicationName::parse(prefix).ok())
            .collect()
    }

    /// The applications that were found, or should be there.
    pub(super) fn applications(&self, found: &[ApplicationDeadline]) -> Vec<ApplicationName> {
        let found: BTreeSet<_> = found.iter().map(|found| &found.application).collect();
        if found.is_empty() {
            return self.configured();
        }
        found.into_iter().cloned().collect()
    }
}

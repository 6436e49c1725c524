//! A world as a file: `world.json` of a scenario. The types of the state read themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::fault::ScriptedFault;
use crate::lwa::Lwa;
use crate::parameter_store::{self, Parameter};
use crate::secrets_manager::Secret;
use crate::sp_api::SpApi;
use crate::world::World;

/// What the vault and the services answer in a scenario. Unknown keys are refused, so that a
/// misspelt one does not silently change the story.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldFile {
    /// The present instant of the story; the event's own time unless given.
    pub now: Option<Timestamp>,
    /// Environment variables of the functions, over the defaults.
    pub environment: BTreeMap<String, String>,
    /// Parameter Store, by full name.
    #[serde(deserialize_with = "parameter_store::by_name")]
    pub parameters: BTreeMap<String, Parameter>,
    /// Secrets Manager, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Login with Amazon; accepts everything unless applications are given.
    pub lwa: Lwa,
    /// The Selling Partner API; accepts every token that LWA issued unless answers are given.
    pub sp_api: SpApi,
    /// What goes wrong.
    pub faults: Vec<ScriptedFault>,
}

/// What happens between two events of a story: `meanwhile.json` of a step.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeanwhileFile {
    /// The instant that it is now.
    pub now: Option<Timestamp>,
    /// What goes wrong from now on, in place of what went wrong before.
    pub faults: Option<Vec<ScriptedFault>>,
}

impl WorldFile {
    /// Builds the world, at the file's time or else at `now`.
    pub fn build(self, now: Timestamp) -> World {
        let world = World::new(self.now.unwrap_or(now));
        let mut state = world.state();
        state.parameters = self.parameters;
        state.secrets = self.secrets;
        state.lwa = self.lwa;
        state.sp_api = self.sp_api;
        state.faults = self.faults;
        drop(state);
        world
    }
}

impl MeanwhileFile {
    /// Lets it happen in `world`.
    pub fn happen(self, world: &World) {
        let mut state = world.state();
        state.now = self.now.unwrap_or(state.now);
        if let Some(faults) = self.faults {
            state.faults = faults;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_without_a_version_or_with_an_empty_field_is_refused_by_name() {
        let problem = |parameter: &str| {
            let file = format!(r#"{{"parameters":{{"/my-erp/lwa/clientsecret":{parameter}}}}}"#);
            match serde_json::from_str::<WorldFile>(&file) {
                Ok(_) => panic!("{parameter} was accepted"),
                Err(error) => error.to_string(),
            }
        };
        let name = "parameter /my-erp/lwa/clientsecret: ";
        let check = |parameter: &str, expected: &str| {
            let found = problem(parameter);
            let expected = format!("{name}{expected}");
            assert!(found.starts_with(&expected), "{found}");
        };
        check("{}", "`versions` is missing or empty");
        check(r#"{"versions":[]}"#, "`versions` is missing or empty");
        check(r#"{"versions":null}"#, "`versions` must not be null");
        check(r#"{"tags":null}"#, "`tags` must not be null");
        check("null", "invalid type: null, expected struct Parameter");
    }

    #[test]
    fn a_key_that_is_null_is_none() {
        let file = r#"{"parameters":{"/a":{
            "key_id":null,"versions":[{"value":"x","written_at":"2026-06-01T00:00:00Z"}]
        }}}"#;
        let world: WorldFile = serde_json::from_str(file).unwrap();
        assert_eq!(world.parameters["/a"].key_id, None);
    }
}

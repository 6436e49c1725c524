//! A world as a file: `world.json` of a scenario. The types of the state read themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::fault::ScriptedFault;
use crate::lwa::Lwa;
use crate::parameter_store::Parameter;
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

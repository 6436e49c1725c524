//! What an event changed in a world: what a person would look up afterwards.

use std::collections::BTreeMap;

use lwa_core::vault::ports::stage;
use lwa_local::World;

/// What matters of a world, for comparing it with itself later. Values are left out: a version
/// tells that there is another one.
pub(super) struct Snapshot {
    credentials: BTreeMap<String, Facts>,
    rotations: usize,
    calls: usize,
}

/// The tags of a credential, and its current version under [`VERSION`].
type Facts = BTreeMap<String, String>;

/// No tag has this name, and it sorts before all of them.
const VERSION: &str = "";

impl Snapshot {
    pub(super) fn of(world: &World) -> Self {
        let state = world.state();
        let facts = |version: Option<String>, tags: &Facts| {
            let version = version.map(|version| (VERSION.to_owned(), version));
            tags.clone().into_iter().chain(version).collect::<Facts>()
        };
        let parameters = state.parameters.iter().map(|(name, parameter)| {
            let version = parameter.versions.last();
            let version = version.map(|version| version.version.to_string());
            (name.clone(), facts(version, &parameter.tags))
        });
        let secrets = state.secrets.iter().map(|(name, secret)| {
            let current = secret.labelled(stage::CURRENT);
            let version = current.map(|version| version.id.clone());
            (format!("secret {name}"), facts(version, &secret.tags))
        });
        Self {
            credentials: parameters.chain(secrets).collect(),
            rotations: state.sp_api.rotated.len(),
            calls: state.calls.len(),
        }
    }

    /// What is different in `world` now, one line for each.
    pub(super) fn changes(&self, world: &World) -> Vec<String> {
        let now = Self::of(world);
        let state = world.state();
        let rotated = state.sp_api.rotated.iter().skip(self.rotations);
        let mut changes: Vec<String> = rotated
            .map(|(client_id, _)| format!("Amazon: new client secret of {client_id}"))
            .collect();
        let nothing = Facts::new();
        for (name, after) in &now.credentials {
            let before = self.credentials.get(name).unwrap_or(&nothing);
            let different = after
                .iter()
                .filter(|(key, value)| before.get(*key) != Some(value));
            changes.extend(different.map(|(key, value)| match key.as_str() {
                VERSION => format!("{name}: version {value}"),
                tag => format!("{name}: {tag}={value}"),
            }));
            let removed = before.keys().filter(|key| !after.contains_key(*key));
            changes.extend(removed.map(|tag| format!("{name}: {tag} removed")));
        }
        for call in state.calls.iter().skip(self.calls) {
            if let Some(("ChangeMessageVisibility", target)) = call.split_once(' ')
                && let Some((message, seconds)) = target.rsplit_once(' ')
            {
                changes.push(format!("message {message}: visible again in {seconds} s"));
            }
        }
        changes
    }
}

//! What an event changed in a world: what a person would look up afterwards.

use std::collections::BTreeMap;

use lwa_local::World;

/// What matters of a world, for comparing it with itself later. Values are left out: a version
/// tells that there is another one.
pub(super) struct Snapshot {
    parameters: BTreeMap<String, Credential>,
    secrets: BTreeMap<String, Credential>,
    rotations: usize,
    calls: usize,
}

#[derive(Default, PartialEq)]
struct Credential {
    /// The current version.
    version: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Snapshot {
    pub(super) fn of(world: &World) -> Self {
        let state = world.state();
        let parameters = state.parameters.iter().map(|(name, parameter)| {
            let version = parameter.versions.last();
            let credential = Credential {
                version: version.map(|version| version.version.to_string()),
                tags: parameter.tags.clone(),
            };
            (name.clone(), credential)
        });
        let secrets = state.secrets.iter().map(|(name, secret)| {
            let current = secret
                .versions
                .iter()
                .find(|version| version.stages.iter().any(|stage| stage == "AWSCURRENT"));
            let credential = Credential {
                version: current.map(|version| version.id.clone()),
                tags: secret.tags.clone(),
            };
            (format!("secret {name}"), credential)
        });
        Self {
            parameters: parameters.collect(),
            secrets: secrets.collect(),
            rotations: state.sp_api.rotated.len(),
            calls: state.calls.len(),
        }
    }

    /// What is different in `world` now, one line for each.
    pub(super) fn changes(&self, world: &World) -> Vec<String> {
        let now = Self::of(world);
        let mut changes = Vec::new();
        for (client_id, _) in world.state().sp_api.rotated.iter().skip(self.rotations) {
            changes.push(format!("Amazon: new client secret of {client_id}"));
        }
        compare(&self.parameters, &now.parameters, &mut changes);
        compare(&self.secrets, &now.secrets, &mut changes);
        for call in world.state().calls.iter().skip(self.calls) {
            if let Some(("ChangeMessageVisibility", target)) = call.split_once(' ')
                && let Some((message, seconds)) = target.rsplit_once(' ')
            {
                changes.push(format!("message {message}: comes again in {seconds} s"));
            }
        }
        changes
    }
}

fn compare(
    before: &BTreeMap<String, Credential>,
    after: &BTreeMap<String, Credential>,
    changes: &mut Vec<String>,
) {
    let nothing = Credential::default();
    for (name, after) in after {
        let before = before.get(name).unwrap_or(&nothing);
        if let Some(version) = &after.version
            && before.version != after.version
        {
            changes.push(format!("{name}: version {version}"));
        }
        for (tag, value) in &after.tags {
            if before.tags.get(tag) != Some(value) {
                changes.push(format!("{name}: {tag}={value}"));
            }
        }
        for tag in before.tags.keys() {
            if !after.tags.contains_key(tag) {
                changes.push(format!("{name}: {tag} removed"));
            }
        }
    }
}

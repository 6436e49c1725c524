//! Metadata of the world's parameters.

use std::collections::BTreeMap;

use lwa_core::ports::{CallError, ParameterDirectory, ParameterMetadata};

use crate::world::{Parameter, State, World};

impl ParameterDirectory for World {
    async fn describe(&self, name: &str) -> Result<Option<ParameterMetadata>, CallError> {
        self.call("DescribeParameters", name, |state| {
            Ok(find(state, name).map(|parameter| metadata(name, parameter)))
        })
        .await
    }

    async fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, CallError> {
        self.call("ListTagsForResource", name, |state| {
            Ok(find(state, name)
                .map(|parameter| parameter.tags.clone())
                .unwrap_or_default())
        })
        .await
    }
}

/// The parameter of a name, which events may give without its leading slash.
fn find<'a>(state: &'a State, name: &str) -> Option<&'a Parameter> {
    let parameters = &state.parameters;
    parameters
        .get(name)
        .or_else(|| parameters.get(&format!("/{name}")))
}

/// What DescribeParameters tells about a parameter.
pub(crate) fn metadata(name: &str, parameter: &Parameter) -> ParameterMetadata {
    let current = parameter.versions.last();
    ParameterMetadata {
        name: name.to_owned(),
        parameter_type: parameter.parameter_type.clone(),
        key_id: parameter.key_id.clone(),
        last_modified: current.map(|version| version.written_at),
        last_modified_user: current.map(|version| version.written_by.clone()),
        version: current.map(|version| version.version),
        tier: Some(parameter.tier.clone()),
        policies: parameter.policies.clone(),
    }
}

//! What is stored of an application, values included.

use std::collections::BTreeMap;

use super::{Extent, Found, FoundParameter, FoundSecret, Order};
use crate::application::Role;
use crate::ports::{CallError, CallFailure};
use crate::vault::ports::{
    ParameterFilter, ParameterMetadata, ReadMetadata, ReadValues, Tags, VersionSelector, stage,
};
use crate::vault::{SecretVersion, VaultError, VaultKind, parameter_store, secrets_manager};

/// Reads what is stored of an order's application: everything for [`Extent::Application`],
/// otherwise the credentials in it. The client id and the client secret are always read.
pub async fn look(
    account: &(impl ReadMetadata + ReadValues),
    order: &Order,
) -> Result<Found, VaultError> {
    Ok(match order.vault {
        VaultKind::ParameterStore => Found::Parameters(parameters(account, order).await?),
        VaultKind::SecretsManager => Found::Secret(secret(account, order).await?),
    })
}

async fn parameters(
    account: &(impl ReadMetadata + ReadValues),
    order: &Order,
) -> Result<BTreeMap<Role, FoundParameter>, CallError> {
    let metadata = match &order.extent {
        Extent::Application => all_parameters(account, order).await?,
        Extent::Only(roles) => {
            let mut found = BTreeMap::new();
            for role in [Role::ClientId, Role::ClientSecret].iter().chain(roles) {
                let name = order.layout.parameter(&order.application, role);
                if !found.contains_key(role)
                    && let Some(metadata) = parameter_store::describe(account, &name).await?
                {
                    found.insert(role.clone(), metadata);
                }
            }
            found
        }
    };
    let names: Vec<String> = metadata.values().map(|found| found.name.clone()).collect();
    let mut values = parameter_store::values(account, &names).await?;
    let mut found = BTreeMap::new();
    for (role, metadata) in metadata {
        let tags = if role == Role::ClientSecret {
            parameter_store::tags(account, &metadata.name).await?
        } else {
            Tags::new()
        };
        let value = values.remove(&metadata.name).map(|value| value.value);
        let parameter = FoundParameter {
            metadata,
            value,
            tags,
        };
        found.insert(role, parameter);
    }
    Ok(found)
}

/// Every parameter of an application. Below its root may be other applications, and parameters
/// of no application.
async fn all_parameters(
    account: &impl ReadMetadata,
    order: &Order,
) -> Result<BTreeMap<Role, ParameterMetadata>, CallError> {
    let root = format!("{}/", order.application.root());
    let filter = ParameterFilter::NameBeginsWith(&root);
    let listed = parameter_store::list_parameters(account, filter).await?;
    let ours = listed.into_iter().filter_map(|parameter| {
        let place = order.layout.locate(&parameter.name)?;
        (place.application == order.application).then_some((place.role, parameter))
    });
    Ok(ours.collect())
}

async fn secret(
    account: &(impl ReadMetadata + ReadValues),
    order: &Order,
) -> Result<Option<FoundSecret>, VaultError> {
    let name = order.application.as_str();
    let metadata = match account.describe_secret(name).await {
        Ok(metadata) => metadata,
        Err(error) if error.failure == CallFailure::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut found = FoundSecret {
        key_id: metadata.key_id,
        tags: metadata.tags,
        is_deleted: metadata.deleted_at.is_some(),
        ..FoundSecret::default()
    };
    let label = VersionSelector::Stage(stage::CURRENT);
    // A secret without a value is one that waits for its first.
    if !found.is_deleted
        && let Some(current) = secrets_manager::value(account, name, label).await?
    {
        secrets_manager::text(&order.application, &current)?;
        found.version = Some(SecretVersion::new(current.version));
        found.written_at = current.created_at;
        found.document = current.document;
    }
    Ok(Some(found))
}

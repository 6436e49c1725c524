//! Which KMS key a credential is encrypted with.

use std::collections::BTreeMap;

use crate::application::Role;
use crate::store::{DEFAULT_KEY, Extent, FoundParameter, FoundSecret, Order};
use crate::vault::ports::is_aws_managed;

/// The key of a parameter: the one that was asked for; else the one it has; else the one that the
/// rest of the application has; else the deployment's.
pub(super) fn wanted_key(
    order: &Order,
    role: &Role,
    all: &BTreeMap<Role, FoundParameter>,
) -> String {
    let customer_key = |found: &FoundParameter| {
        let key = found.metadata.key_id.clone()?;
        (found.metadata.parameter_type == "SecureString" && !is_aws_managed(&key)).then_some(key)
    };
    order
        .key
        .clone()
        .or_else(|| customer_key(all.get(role)?))
        .or_else(|| customer_key(all.get(&Role::ClientSecret)?))
        .or_else(|| all.values().find_map(customer_key))
        .unwrap_or_else(|| DEFAULT_KEY.to_owned())
}

/// The key that a secret has to move to; none when it stays. A single credential moves the
/// whole document only if a key was asked for.
pub(super) fn wanted_secret_key(order: &Order, found: &FoundSecret) -> Option<String> {
    let present = found.key_id.as_deref();
    if let Some(key) = &order.key {
        let has_key = present.is_some_and(|present| is_same_key(present, key));
        return (!has_key).then(|| key.clone());
    }
    let is_managed = present.is_none_or(is_aws_managed);
    (is_managed && order.extent == Extent::Application).then(|| DEFAULT_KEY.to_owned())
}

/// Whether both name the same key, as far as their texts tell: an alias and the id of its key
/// do not look alike.
pub(super) fn is_same_key(one: &str, other: &str) -> bool {
    fn resource(key: &str) -> &str {
        let resource = key.rsplit(':').next().unwrap_or(key);
        resource.strip_prefix("key/").unwrap_or(resource)
    }
    resource(one) == resource(other)
}

/// Whether a key that was typed can be one: an id, an alias, or the ARN of either.
pub fn is_key(text: &str) -> bool {
    let is_name = |name: &str, more: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(&b))
    };
    let resource = match text.strip_prefix("arn:") {
        None => text,
        Some(arn) => match arn.splitn(5, ':').collect::<Vec<_>>().as_slice() {
            [partition, "kms", region, account, resource]
                if partition.starts_with("aws")
                    && is_name(region, "-")
                    && is_name(account, "")
                    && (resource.starts_with("alias/") || resource.starts_with("key/")) =>
            {
                resource
            }
            _ => return false,
        },
    };
    let is_resource = match resource.strip_prefix("alias/") {
        Some(alias) => is_name(alias, "/_-") && !alias.starts_with("aws/"),
        None => is_name(resource.strip_prefix("key/").unwrap_or(resource), "-"),
    };
    text.len() <= 256 && is_resource
}

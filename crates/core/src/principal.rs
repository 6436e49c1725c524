//! Principals of AWS, as their ARNs name them.

/// Whether two ARNs name one principal. A role and each of its sessions are one.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || role_of(one).is_some_and(|role| role_of(other) == Some(role))
}

/// Whether a text is the ARN of a role, a user or a session.
pub fn is_arn(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    matches!(
        parts.as_slice(),
        ["arn", partition, "iam" | "sts", "", account, resource]
            if partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource.contains('/')
    )
}

/// Partition, account and name of the role behind an ARN. A session of a role is the role
/// itself, and a session's ARN leaves out the role's path,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
fn role_of(arn: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, resource] = parts[..] else {
        return None;
    };
    let name = match service {
        "iam" => resource.strip_prefix("role/")?.rsplit('/').next()?,
        "sts" => resource.strip_prefix("assumed-role/")?.split('/').next()?,
        _ => return None,
    };
    Some((partition, account, name))
}

//! What fuzzing begins with: the sample events, whole and in parts, so that each target finds
//! among them what it reads.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{account, functions};

/// Longest seed, in bytes. Longer ones would slow every target down.
const LONGEST: usize = 8 * 1024;

/// What no sample event has in it.
const OTHERS: [&str; 14] = [
    r#"{"access_token":"Atza|IwEBIA","refresh_token":"Atzr|IwEBIA","token_type":"bearer","expires_in":3600}"#,
    r#"{"access_token":"Atza|IwEBIA","token_type":"bearer","expires_in":"3600"}"#,
    r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#,
    r#"{"error":"invalid_grant","error_description":"The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."}"#,
    "<html><body>502 Bad Gateway</body></html>",
    r#"{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"The LWA secret token you provided has expired."}]}"#,
    r#"{"message":"Forbidden"}"#,
    r#"{"error":"sent-client-secret","error_description":"sent-refresh-token"}"#,
    r#"{"errors":[{"code":"sent-access-token","message":"sent-access-token","details":"sent-access-token"}]}"#,
    r#"{"payload":[{"marketplace":{"id":"ATVPDKIKX0DER"}}]}"#,
    r#"{"lwa:exempt-until":"2026-06-30","lwa:exempt-reason":"winding down","owner":"billing"}"#,
    "/my-erp/eu/sellers/A2EXAMPLE/refreshToken",
    "2026-06-24T08:00:00Z",
    "2026-01-10T02:15:10.045Z 0f1e2d3c-4b5a",
];

/// Everything below a folder that is JSON, each value in it once, and what else is worth it.
///
/// # Errors
///
/// If a file or folder cannot be read.
pub fn all(folder: &Path) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut seeds: BTreeSet<Vec<u8>> = OTHERS.map(Vec::from).into();
    seeds.extend(continuation());
    read(folder, &mut seeds)?;
    seeds.retain(|seed| seed.len() <= LONGEST);
    Ok(seeds)
}

fn read(folder: &Path, seeds: &mut BTreeSet<Vec<u8>>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, seeds)?;
        } else {
            let file = std::fs::read(&path)?;
            // A file that is no JSON is there to be refused.
            if let Ok(value) = serde_json::from_slice(&file) {
                parts(&value, seeds);
            }
            seeds.insert(file);
        }
    }
    Ok(())
}

fn parts(value: &Value, seeds: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::Object(object) => object.values().for_each(|value| parts(value, seeds)),
        Value::Array(values) => values.iter().for_each(|value| parts(value, seeds)),
        // A body or a policy is JSON in a text.
        Value::String(text) => {
            seeds.insert(text.clone().into());
            return;
        }
        _ => return,
    }
    seeds.insert(value.to_string().into());
}

/// An audit that had no time to begin with.
fn continuation() -> Option<Vec<u8>> {
    let auditor = functions::auditor(&account::world());
    let response = functions::block_on(auditor.handle(json!({}), Duration::ZERO)).ok()?;
    let response = serde_json::to_value(response).ok()?;
    let request = json!({"continuation": response.get("continuation")?});
    Some(request.to_string().into())
}

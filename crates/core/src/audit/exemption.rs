//! Findings that are muted until a date.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::deadline::utc_date;
use crate::tags;
use crate::text::{elide_end, quotable};

/// Longest owner or reason that is taken over from a tag, in characters; Parameter Store
/// allows 256.
pub(super) const TAG_LIMIT: usize = 256;

/// An operator's decision to mute the findings on one credential for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The last day, in UTC, on which it holds.
    pub until: Date,
    /// Why.
    pub reason: String,
}

impl Exemption {
    /// Reads the tags of a client secret. The error says why they mute nothing although they
    /// give a date.
    pub(super) fn from_tags(all: &BTreeMap<String, String>) -> Result<Option<Self>, String> {
        let value = |name| all.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
        let Some(date) = value(tags::EXEMPT_UNTIL) else {
            return Ok(None);
        };
        let until = date
            .parse()
            .or_else(|_| date.parse::<Timestamp>().map(utc_date))
            .map_err(|_| format!("`{}` is not a date such as 2026-06-30", quotable(date)))?;
        let reason = value(tags::EXEMPT_REASON)
            .ok_or_else(|| format!("it needs a {} as well", tags::EXEMPT_REASON))?;
        Ok(Some(Self {
            until,
            reason: elide_end(reason, TAG_LIMIT),
        }))
    }
}

//! Which stored value the dates in the tags belong to.
//!
//! Tags stay when a value is replaced. An operator who stores a new client secret by hand, and
//! leaves the tags, leaves the dates of the one before it; and metadata cannot tell that from
//! writing the same value once more. So one more tag, a [`Provenance`], says which version was
//! looked at last, since when its value is stored, and which date was its own. Where the version
//! has moved on since and the date has not, the date is an estimate
//! ([`SecretRecord::is_doubtful`]), until a function that may decrypt has compared the two values
//! and corrected the tags ([`correct`]).

use jiff::Timestamp;

use crate::deadline::{QUIET_AFTER_REQUEST, days, end_of_overlap};
use crate::secret::SecretRecord;
use crate::tags::{self, Provenance};
use crate::vault::ports::NewTag;

/// What has to be found out before the tags of a stored version can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Nothing: this version was looked at, and the dates are still those that were there.
    None,
    /// Nothing but to note the date that was set for this version.
    Date,
    /// The value, and whether it is that of the version which was looked at last, if one was.
    Value,
}

/// Tells what has to be found out about the stored version.
pub fn question(record: &SecretRecord) -> Question {
    let Some(version) = &record.version else {
        return Question::None;
    };
    match &record.tags.provenance {
        Some(known) if !known.is_of(version) => Question::Value,
        Some(known) if known.date == record.tags.date() => Question::None,
        Some(_) => Question::Date,
        None => Question::Value,
    }
}

/// What a look at the stored value has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What it is to the value that was looked at last.
    pub value: Value,
    /// Since when it is stored; none where the versions that are kept do not tell.
    pub since: Option<Timestamp>,
    /// Whether the date in the tags may be that of the previous value, as [`is_predecessors`]
    /// tells.
    pub is_date_inherited: bool,
}

/// What the stored value is to the one that was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// No value was looked at before.
    New,
    /// The same: it was written again, or what lies beside it was changed.
    Same,
    /// Another one.
    Another,
    /// Unknown, because the version that was looked at is not kept any more.
    Unknown,
}

/// Whether the date in the tags may be that of the previous value, and that one has to be looked
/// at, too. `since` is when the stored value came.
///
/// Where no value was ever looked at, a date is taken for that of the stored value unless the
/// secret that it tells of was so old by then that the one before it was dead. A secret of that
/// age may just have moved into the vault.
pub fn is_predecessor_wanted(
    record: &SecretRecord,
    value: Value,
    since: Timestamp,
    lifetime_days: u32,
) -> bool {
    let tags = &record.tags;
    let Some(date) = tags.date() else {
        return false;
    };
    match value {
        Value::New => tags
            .made_at(lifetime_days)
            .is_some_and(|made_at| since >= end_of_overlap(made_at)),
        Value::Another => {
            let known = tags.provenance.as_ref();
            known.is_none_or(|known| known.date != Some(date))
        }
        Value::Same | Value::Unknown => false,
    }
}

/// Whether the date in the tags may be that of the previous value, which was last written at
/// `written_at`: it was there when Amazon had made the secret that the date tells of.
pub fn is_predecessors(
    record: &SecretRecord,
    written_at: Option<Timestamp>,
    lifetime_days: u32,
) -> bool {
    let made_at = record.tags.made_at(lifetime_days);
    made_at
        .zip(written_at)
        .is_none_or(|(made_at, written_at)| made_at <= written_at)
}

/// Whether it is too early to correct the tags of a value that was replaced: the secret that they
/// tell of was made within 24 hours, upon a request perhaps. The correction may bring the deadline
/// so near that another one is requested, and none is within 24 hours. Until then the date is an
/// estimate as it is.
pub fn is_too_early(
    record: &SecretRecord,
    look: &Look,
    lifetime_days: u32,
    now: Timestamp,
) -> bool {
    let tags = &record.tags;
    let known = tags.provenance.as_ref();
    look.value == Value::Another
        && known.is_some_and(|known| known.date == tags.date())
        && tags
            .made_at(lifetime_days)
            .is_some_and(|made_at| now.duration_since(made_at) < QUIET_AFTER_REQUEST)
}

/// What is to be written and removed so that the tags tell the truth as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// Tags to write, [`tags::SECRET_VERSION`] among them.
    pub written: Vec<NewTag>,
    /// Tags to remove before that. Were they removed after it, and the removal failed, they would
    /// look as if they had been set for the stored version.
    pub removed: Vec<&'static str>,
    /// Whether dates that were there have turned out to be another secret's.
    pub is_replaced: bool,
}

/// Corrects the tags after a look at the stored version.
///
/// A date that was set since the last look is taken as a statement about the stored value, unless
/// it may be inherited. A date that was there before belongs to the value that was there before:
///
/// - Where another value has followed within the overlap, it may as well be the secret before
///   that one, put back by hand. It is taken for it, and ends with the overlap.
/// - Where another value has followed later, the dates are removed, and the deadline is estimated
///   from when it was stored.
/// - Where the date is that of a secret which Amazon made only after the value before was stored
///   (give or take a day, because people enter days), or it is unknown whose it is, it stays as
///   an estimate.
pub fn correct(record: &SecretRecord, look: &Look, lifetime_days: u32) -> Correction {
    let mut correction = Correction::default();
    let Some(version) = &record.version else {
        return correction;
    };
    let tags = &record.tags;
    let date = tags.date();
    let mut provenance = Provenance::new(version, look.since, date);
    provenance.is_doubtful = look.is_date_inherited && date.is_some();
    if let Some(known) = &tags.provenance {
        let is_old_date = date.is_some() && known.date == date;
        match look.value {
            Value::Same | Value::Unknown => {
                provenance.since = known.since.or(look.since);
                if is_old_date {
                    provenance.is_doubtful = known.is_doubtful || look.value == Value::Unknown;
                }
            }
            Value::Another if is_old_date => {
                correction.is_replaced = true;
                match old_dates(record, known, look, lifetime_days) {
                    OldDates::Doubtful => provenance.is_doubtful = true,
                    OldDates::EndWithOverlap(ends) => {
                        correction.written = ending(record, ends, lifetime_days);
                        provenance.date = Some(ends);
                        provenance.is_doubtful = true;
                    }
                    OldDates::Removed => {
                        correction.removed = vec![tags::SECRET_EXPIRES_AT, tags::SECRET_ISSUED_AT];
                        provenance.date = None;
                    }
                }
            }
            Value::New | Value::Another => {}
        }
    }
    let text = provenance.to_text();
    correction.written.push((tags::SECRET_VERSION, text));
    correction
}

/// What becomes of the dates of a value that another one has followed.
enum OldDates {
    /// They stay, as an estimate.
    Doubtful,
    /// The other value ends at this instant, if it is the secret before.
    EndWithOverlap(Timestamp),
    /// No stored secret has them.
    Removed,
}

fn old_dates(
    record: &SecretRecord,
    known: &Provenance,
    look: &Look,
    lifetime_days: u32,
) -> OldDates {
    let made_at = record.tags.made_at(lifetime_days);
    let is_of_a_later_one = made_at
        .zip(known.since)
        .is_some_and(|(made_at, since)| made_at.duration_since(since) > days(1));
    if known.is_doubtful || is_of_a_later_one {
        return OldDates::Doubtful;
    }
    match made_at.map(end_of_overlap).zip(look.since) {
        Some((ends, since)) if since < ends => OldDates::EndWithOverlap(ends),
        _ => OldDates::Removed,
    }
}

/// The dates of a secret that ends at an instant.
fn ending(record: &SecretRecord, ends: Timestamp, lifetime_days: u32) -> Vec<NewTag> {
    let mut written = vec![tags::instant(tags::SECRET_EXPIRES_AT, ends)];
    if record.tags.issued_at.is_some() {
        let issued_at = ends.checked_sub(days(i64::from(lifetime_days)));
        let issued_at = issued_at.unwrap_or(Timestamp::MIN);
        written.push(tags::instant(tags::SECRET_ISSUED_AT, issued_at));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::application::ApplicationName;
    use crate::tags::SecretTags;
    use crate::vault::SecretVersion;

    const ISSUED: &str = "2026-01-01T00:00:00Z";
    const EXPIRES: &str = "2026-06-30T00:00:00Z";
    /// Version 7 was stored within an hour of its issue, and its date was there.
    const LOOKED_AT: &str = "7 2026-01-01T01:00:00Z 2026-06-30T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Version 8, with these tags.
    fn record(pairs: &[(&str, &str)]) -> SecretRecord {
        let map: BTreeMap<String, String> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        SecretRecord {
            application: ApplicationName::parse("my-erp").unwrap(),
            version: Some(SecretVersion::new("8")),
            written_at: None,
            tags: SecretTags::from_map(&map),
        }
    }

    fn dated(known: &str) -> SecretRecord {
        record(&[
            (tags::SECRET_ISSUED_AT, ISSUED),
            (tags::SECRET_EXPIRES_AT, EXPIRES),
            (tags::SECRET_VERSION, known),
        ])
    }

    fn look(value: Value, since: &str) -> Look {
        Look {
            value,
            since: Some(at(since)),
            is_date_inherited: false,
        }
    }

    /// What is written and removed after a look at version 8.
    fn corrected(record: &SecretRecord, look: &Look) -> (Vec<String>, Vec<&'static str>) {
        let correction = correct(record, look, 180);
        let written = correction.written.into_iter();
        (
            written
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
            correction.removed,
        )
    }

    #[test]
    fn only_what_was_never_looked_at_is_asked_about() {
        let asked = |record: &SecretRecord, version: &str| {
            question(&SecretRecord {
                version: Some(SecretVersion::new(version)),
                ..record.clone()
            })
        };
        assert_eq!(asked(&dated(LOOKED_AT), "7"), Question::None);
        assert_eq!(asked(&dated(LOOKED_AT), "8"), Question::Value);
        assert_eq!(asked(&dated("7 -"), "7"), Question::Date);
        assert_eq!(asked(&dated("nonsense"), "7"), Question::Value);
        assert_eq!(asked(&record(&[]), "7"), Question::Value);
        let undated = record(&[(tags::SECRET_VERSION, "7 -")]);
        assert_eq!(asked(&undated, "7"), Question::None);
        let forgotten = record(&[(tags::SECRET_VERSION, LOOKED_AT)]);
        assert_eq!(asked(&forgotten, "7"), Question::Date);
    }

    #[test]
    fn a_first_look_takes_the_date_that_is_there() {
        let never = record(&[(tags::SECRET_EXPIRES_AT, EXPIRES)]);
        let found = corrected(&never, &look(Value::New, "2026-01-01T01:00:00Z"));
        let expected = "lwa:secret-version=8 2026-01-01T01:00:00Z 2026-06-30T00:00:00Z";
        assert_eq!(found, (vec![expected.to_owned()], vec![]));
        let inherited = Look {
            is_date_inherited: true,
            ..look(Value::New, "2026-03-01T00:00:00Z")
        };
        let expected = "lwa:secret-version=8 2026-03-01T00:00:00Z 2026-06-30T00:00:00Z doubtful";
        assert_eq!(
            corrected(&never, &inherited),
            (vec![expected.to_owned()], vec![])
        );
        let undated = corrected(&record(&[]), &inherited);
        let expected = "lwa:secret-version=8 2026-03-01T00:00:00Z";
        assert_eq!(undated, (vec![expected.to_owned()], vec![]));
    }

    #[test]
    fn the_same_value_keeps_its_date_however_often_it_is_written() {
        let found = corrected(
            &dated(LOOKED_AT),
            &look(Value::Same, "2026-05-01T00:00:00Z"),
        );
        let expected = "lwa:secret-version=8 2026-01-01T01:00:00Z 2026-06-30T00:00:00Z";
        assert_eq!(found, (vec![expected.to_owned()], vec![]));
        let doubtful = dated(&format!("{LOOKED_AT} doubtful"));
        let found = corrected(&doubtful, &look(Value::Same, "2026-05-01T00:00:00Z"));
        assert_eq!(found, (vec![format!("{expected} doubtful")], vec![]));
        // Another date was set since.
        let known = dated("7 2026-01-01T01:00:00Z 2026-05-30T00:00:00Z doubtful");
        let found = corrected(&known, &look(Value::Same, "2026-05-01T00:00:00Z"));
        assert_eq!(found, (vec![expected.to_owned()], vec![]));
    }

    #[test]
    fn the_dates_of_a_value_that_was_replaced_are_removed() {
        let found = corrected(
            &dated(LOOKED_AT),
            &look(Value::Another, "2026-05-01T00:00:00Z"),
        );
        let written = "lwa:secret-version=8 2026-05-01T00:00:00Z".to_owned();
        let removed = vec![tags::SECRET_EXPIRES_AT, tags::SECRET_ISSUED_AT];
        assert_eq!(found, (vec![written.clone()], removed));
        // An invocation that died after removing them is followed by one that writes the tag.
        let removed_already = record(&[(tags::SECRET_VERSION, LOOKED_AT)]);
        let again = corrected(
            &removed_already,
            &look(Value::Another, "2026-05-01T00:00:00Z"),
        );
        assert_eq!(again, (vec![written], vec![]));
    }

    #[test]
    fn a_secret_that_was_made_today_is_not_called_replaced_before_tomorrow() {
        let early = |known: &str, value, now| {
            let look = look(value, "2026-01-01T12:00:00Z");
            is_too_early(&dated(known), &look, 180, at(now))
        };
        assert!(early(LOOKED_AT, Value::Another, "2026-01-01T23:59:59Z"));
        assert!(!early(LOOKED_AT, Value::Another, "2026-01-02T00:00:00Z"));
        assert!(!early(LOOKED_AT, Value::Same, "2026-01-01T23:59:59Z"));
        let set_since = "7 2025-07-01T00:00:00Z 2025-12-30T00:00:00Z";
        assert!(!early(set_since, Value::Another, "2026-01-01T23:59:59Z"));
    }

    #[test]
    fn what_replaces_a_secret_within_its_overlap_may_be_the_one_before_it() {
        let found = corrected(
            &dated(LOOKED_AT),
            &look(Value::Another, "2026-01-05T00:00:00Z"),
        );
        let written = [
            "lwa:secret-expires-at=2026-01-08T00:00:00Z",
            "lwa:secret-issued-at=2025-07-12T00:00:00Z",
            "lwa:secret-version=8 2026-01-05T00:00:00Z 2026-01-08T00:00:00Z doubtful",
        ];
        assert_eq!(found, (written.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn a_date_of_an_unknown_secret_stays_as_an_estimate() {
        let doubtful = |found: (Vec<String>, Vec<&str>)| {
            assert!(found.1.is_empty());
            assert_eq!(found.0.len(), 1);
            assert!(
                found.0[0].ends_with(" 2026-06-30T00:00:00Z doubtful"),
                "{found:?}"
            );
        };
        let later = look(Value::Another, "2026-05-01T00:00:00Z");
        // A notice told of a secret that was made after version 7 had been stored.
        let of_a_later_one = dated("7 2025-09-01T00:00:00Z 2026-06-30T00:00:00Z");
        doubtful(corrected(&of_a_later_one, &later));
        doubtful(corrected(&dated(&format!("{LOOKED_AT} doubtful")), &later));
        let unknown = look(Value::Unknown, "2026-05-01T00:00:00Z");
        doubtful(corrected(&dated(LOOKED_AT), &unknown));
    }

    #[test]
    fn the_value_before_is_asked_for_where_a_date_may_be_its_own() {
        let wanted = |record: &SecretRecord, value, since| {
            is_predecessor_wanted(record, value, at(since), 180)
        };
        let never = record(&[(tags::SECRET_EXPIRES_AT, EXPIRES)]);
        assert!(!wanted(&never, Value::New, "2026-01-07T00:00:00Z"));
        assert!(wanted(&never, Value::New, "2026-01-08T00:00:00Z"));
        assert!(!wanted(&record(&[]), Value::New, "2026-03-08T00:00:00Z"));
        let set_since = dated("7 2025-07-01T00:00:00Z 2025-12-30T00:00:00Z");
        assert!(wanted(&set_since, Value::Another, "2026-01-01T01:00:00Z"));
        assert!(!wanted(
            &dated(LOOKED_AT),
            Value::Another,
            "2026-03-01T01:00:00Z"
        ));
        // Stored before Amazon made the secret that the date tells of, or after.
        assert!(!is_predecessors(
            &never,
            Some(at("2025-12-31T00:00:00Z")),
            180
        ));
        assert!(is_predecessors(
            &never,
            Some(at("2026-01-01T01:00:00Z")),
            180
        ));
        assert!(is_predecessors(&never, None, 180));
    }
}

//! What Amazon's notice of expiry says about a stored secret.

use jiff::Timestamp;

use super::notification::SecretExpiry;
use crate::deadline::{
    CLOCKS_DIFFER_BY, DATES_DIFFER_BY, Deadline, OVERLAP_DAYS, days, end_of_overlap,
};
use crate::secret::SecretRecord;
use crate::tags;
use crate::vault::ports::NewTag;

/// What a notice's deadline is to a stored secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reported {
    /// About a secret that has been replaced since, or older than what is stored.
    Outdated,
    /// Later than what is stored, and not what follows from when the stored secret was made: it
    /// is about another secret, or false.
    Doubtful {
        /// The deadline of the notice.
        reported: Timestamp,
        /// The stored deadline, which stays.
        stored: Timestamp,
    },
    /// Stored already.
    Known,
    /// To be stored.
    New,
}

/// Compares a notice with what is stored.
///
/// A deadline moves forward only to where the stored secret's life ends, counted from when it was
/// issued or first stored; where neither is known, or another date is reported, the stored one
/// stays. It moves back only on a notice that Amazon wrote after the stored secret was issued, or
/// after it was written where the issue is not known: then Amazon has shortened it, or the stored
/// date was mistyped. A date within the overlap that began with the stored secret's issue, before
/// anything was stored, or long past is that of a secret before it. In doubt the earlier date is
/// believed: rotating early costs nothing, and rotating late an outage.
pub fn reported(
    notice: &SecretExpiry,
    record: &SecretRecord,
    lifetime_days: u32,
    now: Timestamp,
) -> Reported {
    let stored = record.reported_deadline(lifetime_days, now);
    if stored.is_some_and(|stored| stored.as_second() == notice.expires_at.as_second()) {
        return Reported::Known;
    }
    let issued_at = record.tags.issued_at;
    if issued_at.is_some_and(|issued_at| notice.expires_at <= end_of_overlap(issued_at)) {
        return Reported::Outdated;
    }
    // The first notice about a secret comes months after that was stored.
    if is_written_before(notice, record.tags.first_stored()) {
        return Reported::Outdated;
    }
    let is_over = |known_since: Timestamp| notice.expires_at <= known_since;
    if record.known_since().is_some_and(is_over) || notice.expires_at < long_past(now) {
        return Reported::Outdated;
    }
    let doubtful = |stored| Reported::Doubtful {
        reported: notice.expires_at,
        stored,
    };
    let Some(stored) = stored else {
        return match record.deadline(lifetime_days) {
            Some(known) if notice.expires_at.duration_since(known.at) > DATES_DIFFER_BY => {
                doubtful(known.at)
            }
            _ => Reported::New,
        };
    };
    if stored < notice.expires_at {
        let made_at = record.tags.issued_at.or(record.tags.first_stored());
        let ends = made_at.and_then(|at| Deadline::estimated(at, lifetime_days));
        let fits =
            |ends: Deadline| notice.expires_at.duration_since(ends.at).abs() <= DATES_DIFFER_BY;
        return if ends.is_some_and(fits) {
            Reported::New
        } else {
            doubtful(stored)
        };
    }
    let is_newer = record.known_since().is_none_or(|since| {
        notice
            .event_time
            .is_some_and(|event_time| event_time > since)
    });
    if is_newer {
        Reported::New
    } else {
        Reported::Outdated
    }
}

/// Takes a notice's date into a record, and returns the tags to write. Where the date belongs to
/// a version that was looked at, they say so: to the stored one, or, where Amazon wrote the notice
/// before something else was written, to the one before. Where the stored value is in doubt, it
/// stays so. Otherwise the date is taken as a statement about the stored value.
pub fn take(notice: &SecretExpiry, record: &mut SecretRecord) -> Vec<NewTag> {
    let mut written = vec![tags::instant(tags::SECRET_EXPIRES_AT, notice.expires_at)];
    let is_older = is_written_before(notice, record.written_at);
    record.tags.expires_at = Some(notice.expires_at);
    if let Some(known) = &mut record.tags.provenance {
        let is_stored = record.version.as_ref().is_some_and(|it| known.is_of(it));
        if is_older || known.is_doubtful || is_stored {
            known.date = Some(notice.expires_at);
            written.push((tags::SECRET_VERSION, known.to_text()));
        }
    }
    written
}

/// Before this instant even the secret before the stored one has ended.
fn long_past(now: Timestamp) -> Timestamp {
    now.saturating_sub(days(i64::from(OVERLAP_DAYS)))
        .unwrap_or(Timestamp::MIN)
}

/// Whether Amazon wrote a notice before something was stored.
pub fn is_written_before(notice: &SecretExpiry, stored_at: Option<Timestamp>) -> bool {
    notice
        .event_time
        .zip(stored_at)
        .is_some_and(|(event_time, at)| event_time.duration_since(at) < CLOCKS_DIFFER_BY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::application::ApplicationName;
    use crate::tags::{SECRET_EXPIRES_AT, SECRET_ISSUED_AT, SECRET_VERSION, SecretTags};
    use crate::vault::SecretVersion;

    const NOW: &str = "2026-06-01T05:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record(tags: &[(&str, &str)], written_at: Option<&str>) -> SecretRecord {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        SecretRecord {
            application: ApplicationName::parse("my-erp").unwrap(),
            version: None,
            written_at: written_at.map(at),
            tags: SecretTags::from_map(&tags),
        }
    }

    #[test]
    fn a_deadline_moves_back_only_on_newer_word() {
        let check = |tags: &[(&str, &str)], written: Option<&str>, expires, event, expected| {
            let notice = SecretExpiry {
                client_id: "id".into(),
                expires_at: at(expires),
                reason: None,
                event_time: Some(at(event)),
            };
            let found = reported(&notice, &record(tags, written), 180, at(NOW));
            assert_eq!(found, expected, "{tags:?} {written:?} {expires} {event}");
        };
        let stored = (SECRET_EXPIRES_AT, "2026-09-01T00:00:00Z");
        let issued = (SECRET_ISSUED_AT, "2026-03-05T00:00:00Z");
        // Nothing stored, the same, and later.
        check(
            &[],
            None,
            "2026-07-01T00:00:00Z",
            "2026-05-01T00:00:00Z",
            Reported::New,
        );
        check(
            &[stored],
            None,
            "2026-09-01T00:00:00.7Z",
            "2026-05-01T00:00:00Z",
            Reported::Known,
        );
        check(
            &[stored],
            None,
            "2026-10-01T00:00:00Z",
            "2026-05-01T00:00:00Z",
            Reported::Doubtful {
                reported: at("2026-10-01T00:00:00Z"),
                stored: at("2026-09-01T00:00:00Z"),
            },
        );
        // A late notice about the secret before the stored one.
        check(
            &[stored, issued],
            None,
            "2026-03-10T00:00:00Z",
            "2026-02-01T00:00:00Z",
            Reported::Outdated,
        );
        check(
            &[issued],
            None,
            "2026-03-12T00:00:00Z",
            "2026-03-06T00:00:00Z",
            Reported::Outdated,
        );
        // Amazon has shortened the life of the stored one.
        check(
            &[stored, issued],
            None,
            "2026-06-15T00:00:00Z",
            "2026-05-30T00:00:00Z",
            Reported::New,
        );
        // An earlier date, out of order.
        check(
            &[stored, issued],
            None,
            "2026-06-15T00:00:00Z",
            "2026-03-01T00:00:00Z",
            Reported::Outdated,
        );
        check(
            &[stored],
            Some("2026-05-01T00:00:00Z"),
            "2026-06-15T00:00:00Z",
            "2026-04-01T00:00:00Z",
            Reported::Outdated,
        );
        // A stored date that no secret can have.
        check(
            &[(SECRET_EXPIRES_AT, "2062-09-01T00:00:00Z")],
            Some("2026-05-01T00:00:00Z"),
            "2026-06-15T00:00:00Z",
            "2026-04-01T00:00:00Z",
            Reported::New,
        );
    }

    #[test]
    fn a_deadline_moves_forward_only_to_the_end_of_the_stored_secrets_life() {
        let check = |tags: &[(&str, &str)], written: Option<&str>, expires: &str, expected| {
            let notice = SecretExpiry {
                client_id: "id".into(),
                expires_at: at(expires),
                reason: None,
                event_time: Some(at("2026-05-31T00:00:00Z")),
            };
            let found = reported(&notice, &record(tags, written), 180, at(NOW));
            let is_doubtful = matches!(found, Reported::Doubtful { .. });
            let found = match found {
                _ if is_doubtful => "doubtful",
                Reported::New => "new",
                Reported::Outdated => "outdated",
                _ => "known",
            };
            assert_eq!(found, expected, "{tags:?} {written:?} {expires}");
        };
        let near = (SECRET_EXPIRES_AT, "2026-06-07T00:00:00Z");
        let issued = (SECRET_ISSUED_AT, "2026-03-05T00:00:00Z");
        let first_stored = (SECRET_VERSION, "7 2026-03-05T12:00:00Z");
        check(&[near, issued], None, "2026-09-01T00:00:00Z", "new");
        check(&[near, first_stored], None, "2026-09-01T00:00:00Z", "new");
        for later in [
            "2026-08-30T00:00:00Z",
            "2026-09-03T00:00:00Z",
            "2026-11-27T00:00:00Z",
        ] {
            check(&[near, issued], None, later, "doubtful");
            check(&[near, first_stored], None, later, "doubtful");
            check(&[near], Some("2026-03-05T00:00:00Z"), later, "doubtful");
        }
        // Without a reported date, at most to where the estimate is.
        let written = Some("2026-03-05T00:00:00Z");
        check(&[], written, "2026-08-01T00:00:00Z", "new");
        check(&[], written, "2026-09-03T00:00:00Z", "doubtful");
        // Before anything was stored, or long past: about a secret before it.
        check(&[], written, "2026-03-04T00:00:00Z", "outdated");
        check(&[], None, "2024-03-04T00:00:00Z", "outdated");
        check(&[], None, "2026-05-25T04:59:59Z", "outdated");
    }

    #[test]
    fn a_notice_is_about_what_was_stored_when_amazon_wrote_it() {
        let known = "7 2026-05-20T00:00:00Z";
        let notice = |event_time: &str| SecretExpiry {
            client_id: "id".into(),
            expires_at: at("2026-06-15T00:00:00Z"),
            reason: None,
            event_time: Some(at(event_time)),
        };
        let stored = |version: &str, written_at| SecretRecord {
            version: Some(SecretVersion::new(version)),
            ..record(&[(SECRET_VERSION, known)], Some(written_at))
        };
        let taken = |event_time, mut record: SecretRecord| {
            let notice = notice(event_time);
            let found = reported(&notice, &record, 180, at(NOW));
            let tags = take(&notice, &mut record);
            (found, tags.into_iter().nth(1).map(|(_, text)| text))
        };
        let of_seven = Some(format!("{known} 2026-06-15T00:00:00Z"));
        // Of the value that was looked at, or of one before it.
        let first = stored("7", "2026-05-20T00:00:00Z");
        let (found, tag) = taken("2026-05-30T00:00:00Z", first.clone());
        assert_eq!((found, tag), (Reported::New, of_seven.clone()));
        assert_eq!(taken("2026-05-19T00:00:00Z", first).0, Reported::Outdated);
        // Something was written since: what was there when the notice was written has the date.
        let second = stored("8", "2026-05-30T12:00:00Z");
        let (found, tag) = taken("2026-05-30T00:00:00Z", second.clone());
        assert_eq!((found, tag), (Reported::New, of_seven));
        // Written or not: a value in doubt is no more certain for it.
        let doubtful = format!("{known} 2026-06-03T00:00:00Z doubtful");
        let in_doubt = SecretRecord {
            version: Some(SecretVersion::new("8")),
            ..record(&[(SECRET_VERSION, &doubtful)], Some("2026-05-30T12:00:00Z"))
        };
        let (_, tag) = taken("2026-05-31T00:00:00Z", in_doubt);
        assert_eq!(tag, Some(format!("{known} 2026-06-15T00:00:00Z doubtful")));
        // A notice that came after that is taken as a statement about the stored value.
        let (found, tag) = taken("2026-05-31T00:00:00Z", second);
        assert_eq!((found, tag), (Reported::New, None));
    }
}

//! Which stored value the dates in the tags belong to.
//!
//! Tags stay when a value is replaced. Somebody who stores a new client secret by hand, and
//! leaves the tags, leaves the dates of the one before it; and metadata cannot tell that from
//! writing the same value once more. So one more tag, [`tag::SECRET_VERSION`], says which version
//! was looked at last, since when its value is stored, and which date was its own. Where the
//! version has moved on since and the date has not, the date is an estimate
//! ([`Provenance::vouches_for`]), until whoever may decrypt has compared the two values and
//! corrected the tags ([`correct`]).

use jiff::Timestamp;

use crate::deadline::{OVERLAP_DAYS, SecretTags, days, tag};
use crate::rotation::request::QUIET_AFTER_REQUEST;
use crate::text::tag_word;
use crate::vault::SecretVersion;

/// Stands for an instant that is not known.
const UNKNOWN: &str = "-";

/// The word for a date that may be another secret's.
const DOUBTFUL: &str = "doubtful";

/// Longest version that is written down, in characters: that of Secrets Manager,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretVersionsListEntry.html>.
const MAX_VERSION: usize = 64;

/// What is known of the value that a version of a client secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    version: String,
    /// Since when the value is stored, however often it was written again; none where that is
    /// not known.
    pub since: Option<Timestamp>,
    /// The date that belongs to it, of the tags' [`SecretTags::date`].
    date: Option<Timestamp>,
    is_doubtful: bool,
}

impl Provenance {
    /// The value of a version, with the date that belongs to it.
    pub fn new(version: &SecretVersion, since: Option<Timestamp>, date: Option<Timestamp>) -> Self {
        // People read it.
        let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
        Self {
            version: spelled(version),
            since: since.map(whole),
            date,
            is_doubtful: false,
        }
    }

    /// Reads the tag; none where it is not as [`Self::to_text`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let version = words.next()?.to_owned();
        let since = match words.next()? {
            UNKNOWN => None,
            instant => Some(instant.parse().ok()?),
        };
        let date = words.next().map(str::parse).transpose().ok()?;
        let is_doubtful = match words.next() {
            None => false,
            Some(DOUBTFUL) => true,
            Some(_) => return None,
        };
        Some(Self {
            version,
            since,
            date,
            is_doubtful,
        })
    }

    /// The value of [`tag::SECRET_VERSION`].
    pub fn to_text(&self) -> String {
        let mut text = self.version.clone();
        text.push(' ');
        match self.since {
            Some(since) => text.push_str(&since.to_string()),
            None => text.push_str(UNKNOWN),
        }
        if let Some(date) = self.date {
            text.push(' ');
            text.push_str(&date.to_string());
            if self.is_doubtful {
                text.push(' ');
                text.push_str(DOUBTFUL);
            }
        }
        text
    }

    /// Amazon has reported another date, of the newest secret there is. Where nobody knows whether
    /// that is the stored one, it stays unknown.
    pub fn set_date(&mut self, date: Timestamp) {
        self.date = Some(date);
    }

    /// The version that was looked at.
    pub fn version(&self) -> SecretVersion {
        SecretVersion::new(&*self.version)
    }

    /// Whether it speaks of a version.
    pub fn is_of(&self, version: &SecretVersion) -> bool {
        self.version == spelled(version)
    }

    /// Whether its date may be another secret's.
    pub const fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Whether a date in the tags can be taken for that of the stored `version`. One that was
    /// set since is somebody's word for what is stored; so is any where no version is known.
    pub fn vouches_for(&self, date: Timestamp, version: Option<&SecretVersion>) -> bool {
        let is_known = self.date == Some(date);
        let is_stored = version.is_none_or(|version| self.is_of(version));
        !is_known || (is_stored && !self.is_doubtful)
    }
}

/// A version as it stands in a tag.
fn spelled(version: &SecretVersion) -> String {
    tag_word(version.as_str(), MAX_VERSION)
}

/// What has to be found out before the tags of a stored version can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Nothing: somebody looked at this version, and the dates are still those that were there.
    None,
    /// Nothing but to note the date that somebody has set for this version.
    Date,
    /// The value, and whether it is that of the version which was looked at last, if one was.
    Value,
}

/// Tells what has to be found out about a stored version.
pub fn question(tags: &SecretTags, version: &SecretVersion) -> Question {
    match &tags.provenance {
        Some(known) if !known.is_of(version) => Question::Value,
        Some(known) if known.date == tags.date() => Question::None,
        Some(_) => Question::Date,
        None => Question::Value,
    }
}

/// What a look at the stored value has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What it is to the value that was looked at last.
    pub value: Value,
    /// Since when it is stored; none where what is kept does not tell.
    pub since: Option<Timestamp>,
    /// Whether the date that somebody has set may be that of the value before, as
    /// [`is_predecessors`] tells.
    pub is_date_inherited: bool,
}

/// What the stored value is to the one that was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Nobody has looked before.
    New,
    /// The same: somebody wrote it again, or changed what lies beside it.
    Same,
    /// Another one.
    Another,
    /// Nobody can tell, because the version that was looked at is not kept any more.
    Untold,
}

/// Whether the date in the tags may be that of the value before the stored one, and that one has
/// to be looked at, too. `since` is when the stored value came.
///
/// Where nobody has ever looked, a date is taken for that of the stored value unless the secret
/// that it tells of was so old by then that the one before it was dead. A secret of that age
/// may just have moved into the vault.
pub fn is_predecessor_wanted(
    tags: &SecretTags,
    value: Value,
    since: Timestamp,
    lifetime_days: u32,
) -> bool {
    let Some(date) = tags.date() else {
        return false;
    };
    match value {
        Value::New => overlap_end(tags, lifetime_days).is_some_and(|ends| since >= ends),
        Value::Another => {
            let known = tags.provenance.as_ref();
            known.is_none_or(|known| known.date != Some(date))
        }
        Value::Same | Value::Untold => false,
    }
}

/// Whether the date in the tags may be that of the value before the stored one, which was last
/// written at `written_at`: it was there when Amazon had made the secret that the date tells of.
pub fn is_predecessors(
    tags: &SecretTags,
    written_at: Option<Timestamp>,
    lifetime_days: u32,
) -> bool {
    made_at(tags, lifetime_days)
        .zip(written_at)
        .is_none_or(|(made_at, written_at)| made_at <= written_at)
}

/// Whether it is too early to correct the tags of a value that was replaced: the secret that they
/// tell of was made within 24 hours, upon a request perhaps. The correction may bring the deadline
/// so near that another one is requested, and none is within 24 hours. Until then the date is an
/// estimate as it is.
pub fn is_too_early(tags: &SecretTags, look: &Look, lifetime_days: u32, now: Timestamp) -> bool {
    look.value == Value::Another
        && tags
            .provenance
            .as_ref()
            .is_some_and(|known| known.date == tags.date())
        && made_at(tags, lifetime_days)
            .is_some_and(|made_at| now.duration_since(made_at) < QUIET_AFTER_REQUEST)
}

/// What is to be written and removed so that the tags tell the truth as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// Tags to write, [`tag::SECRET_VERSION`] among them.
    pub written: Vec<(&'static str, String)>,
    /// Tags to remove before that. Were they removed after it, and the removal failed, they would
    /// look like somebody's word for the stored version.
    pub removed: Vec<&'static str>,
    /// Whether dates that were there have turned out to be another secret's.
    pub is_replaced: bool,
}

/// Corrects the tags after a look at the stored `version`.
///
/// A date that somebody has set since the last look is their word for what is stored now, unless
/// it may be inherited. A date that was there before belongs to the value that was there before:
///
/// - Where another value has followed within the overlap, it may as well be the secret before
///   that one, put back by hand. It is taken for it, and ends with the overlap.
/// - Where another value has followed later, the dates are removed, and the deadline is estimated
///   from when it was stored.
/// - Where the date is that of a secret which Amazon made only after the value before was stored
///   (give or take a day, because people enter days), or nobody can tell whose it is, it stays as
///   an estimate.
pub fn correct(
    tags: &SecretTags,
    version: &SecretVersion,
    look: &Look,
    lifetime_days: u32,
) -> Correction {
    let date = tags.date();
    let mut provenance = Provenance::new(version, look.since, date);
    provenance.is_doubtful = look.is_date_inherited && date.is_some();
    let mut correction = Correction::default();
    if let Some(known) = &tags.provenance {
        let is_old_date = date.is_some() && known.date == date;
        match look.value {
            Value::Same | Value::Untold => {
                provenance.since = known.since.or(look.since);
                if is_old_date {
                    provenance.is_doubtful = known.is_doubtful || look.value == Value::Untold;
                }
            }
            Value::Another if is_old_date => {
                correction.is_replaced = true;
                match fate(tags, known, look, lifetime_days) {
                    Fate::Doubtful => provenance.is_doubtful = true,
                    Fate::EndsWithOverlap(ends) => {
                        correction.written = ending(tags, ends, lifetime_days);
                        provenance.date = Some(ends);
                        provenance.is_doubtful = true;
                    }
                    Fate::Removed => {
                        correction.removed = vec![tag::SECRET_EXPIRES_AT, tag::SECRET_ISSUED_AT];
                        provenance.date = None;
                    }
                }
            }
            Value::New | Value::Another => {}
        }
    }
    let text = provenance.to_text();
    correction.written.push((tag::SECRET_VERSION, text));
    correction
}

/// What becomes of the dates of a value that another one has followed.
enum Fate {
    /// They stay, as an estimate.
    Doubtful,
    /// The other value ends at this instant, if it is the secret before.
    EndsWithOverlap(Timestamp),
    /// They are nobody's.
    Removed,
}

fn fate(tags: &SecretTags, known: &Provenance, look: &Look, lifetime_days: u32) -> Fate {
    let is_of_a_later_one = made_at(tags, lifetime_days)
        .zip(known.since)
        .is_some_and(|(made_at, since)| made_at.duration_since(since) > days(1));
    if known.is_doubtful || is_of_a_later_one {
        return Fate::Doubtful;
    }
    match overlap_end(tags, lifetime_days).zip(look.since) {
        Some((ends, since)) if since < ends => Fate::EndsWithOverlap(ends),
        _ => Fate::Removed,
    }
}

/// The dates of a secret that ends at an instant.
fn ending(tags: &SecretTags, ends: Timestamp, lifetime_days: u32) -> Vec<(&'static str, String)> {
    let mut written = vec![(tag::SECRET_EXPIRES_AT, ends.to_string())];
    if tags.issued_at.is_some() {
        let issued_at = ends.checked_sub(days(i64::from(lifetime_days)));
        let issued_at = issued_at.unwrap_or(Timestamp::MIN);
        written.push((tag::SECRET_ISSUED_AT, issued_at.to_string()));
    }
    written
}

/// When the secret before the one with the tags' dates stopped working.
fn overlap_end(tags: &SecretTags, lifetime_days: u32) -> Option<Timestamp> {
    made_at(tags, lifetime_days)?
        .checked_add(days(i64::from(OVERLAP_DAYS)))
        .ok()
}

/// When the secret with the tags' dates was made, as they tell.
fn made_at(tags: &SecretTags, lifetime_days: u32) -> Option<Timestamp> {
    tags.issued_at.or_else(|| {
        let expires_at = tags.expires_at?;
        expires_at.checked_sub(days(i64::from(lifetime_days))).ok()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ISSUED: &str = "2026-01-01T00:00:00Z";
    const EXPIRES: &str = "2026-06-30T00:00:00Z";
    /// Version 7 was stored within an hour of its issue, and its date was there.
    const LOOKED_AT: &str = "7 2026-01-01T01:00:00Z 2026-06-30T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tags(pairs: &[(&str, &str)]) -> SecretTags {
        let map: BTreeMap<String, String> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        SecretTags::from_map(&map)
    }

    fn dated(known: &str) -> SecretTags {
        tags(&[
            (tag::SECRET_ISSUED_AT, ISSUED),
            (tag::SECRET_EXPIRES_AT, EXPIRES),
            (tag::SECRET_VERSION, known),
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
    fn corrected(tags: &SecretTags, look: &Look) -> (Vec<String>, Vec<&'static str>) {
        let correction = correct(tags, &SecretVersion::new("8"), look, 180);
        let written = correction.written.into_iter();
        (
            written
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
            correction.removed,
        )
    }

    #[test]
    fn the_tag_is_read_as_it_was_written_and_anything_else_is_not_read() {
        let version = SecretVersion::new("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
        for (since, date, is_doubtful) in [
            (None, None, false),
            (Some(at(ISSUED)), None, false),
            (None, Some(at(EXPIRES)), false),
            (Some(at(ISSUED)), Some(at(EXPIRES)), true),
        ] {
            let written = Provenance {
                is_doubtful,
                ..Provenance::new(&version, since, date)
            };
            let text = written.to_text();
            assert_eq!(Provenance::parse(&text), Some(written), "{text}");
        }
        for text in ["", "7", "7 soon", "7 - soon", "7 - - doubtful"] {
            assert_eq!(Provenance::parse(text), None, "{text}");
        }
        assert_eq!(Provenance::parse(&format!("{LOOKED_AT} certain")), None);
    }

    #[test]
    fn a_tag_takes_any_version_there_can_be() {
        let odd = SecretVersion::new(format!("a b\u{e9}\n{}", "x".repeat(300)));
        let longest = Provenance {
            is_doubtful: true,
            ..Provenance::new(&odd, Some(Timestamp::MIN), Some(Timestamp::MIN))
        };
        let text = longest.to_text();
        assert!(text.len() <= 256, "{}", text.len());
        let read = Provenance::parse(&text).unwrap();
        assert!(read.is_of(&odd) && !read.is_of(&SecretVersion::new("a-b--")));
    }

    #[test]
    fn only_what_nobody_has_looked_at_is_asked_about() {
        let version = |text| SecretVersion::new(text);
        let asked = |tags: &SecretTags, of| question(tags, &version(of));
        assert_eq!(asked(&dated(LOOKED_AT), "7"), Question::None);
        assert_eq!(asked(&dated(LOOKED_AT), "8"), Question::Value);
        assert_eq!(asked(&dated("7 -"), "7"), Question::Date);
        assert_eq!(asked(&dated("nonsense"), "7"), Question::Value);
        assert_eq!(asked(&SecretTags::default(), "7"), Question::Value);
        let undated = tags(&[(tag::SECRET_VERSION, "7 -")]);
        assert_eq!(asked(&undated, "7"), Question::None);
        let forgotten = tags(&[(tag::SECRET_VERSION, LOOKED_AT)]);
        assert_eq!(asked(&forgotten, "7"), Question::Date);
    }

    #[test]
    fn a_first_look_takes_the_date_that_is_there() {
        let never = tags(&[(tag::SECRET_EXPIRES_AT, EXPIRES)]);
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
        let undated = corrected(&SecretTags::default(), &inherited);
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
        // Another date is somebody's word.
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
        let removed = vec![tag::SECRET_EXPIRES_AT, tag::SECRET_ISSUED_AT];
        assert_eq!(found, (vec![written.clone()], removed));
        // Whoever died after removing them, and before writing that, is followed by one who does.
        let removed_already = tags(&[(tag::SECRET_VERSION, LOOKED_AT)]);
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
    fn a_date_that_may_be_anybodys_stays_as_an_estimate() {
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
        let untold = look(Value::Untold, "2026-05-01T00:00:00Z");
        doubtful(corrected(&dated(LOOKED_AT), &untold));
    }

    #[test]
    fn the_value_before_is_asked_for_where_a_date_may_be_its_own() {
        let wanted =
            |tags: &SecretTags, value, since| is_predecessor_wanted(tags, value, at(since), 180);
        let never = tags(&[(tag::SECRET_EXPIRES_AT, EXPIRES)]);
        assert!(!wanted(&never, Value::New, "2026-01-07T00:00:00Z"));
        assert!(wanted(&never, Value::New, "2026-01-08T00:00:00Z"));
        assert!(!wanted(
            &SecretTags::default(),
            Value::New,
            "2026-03-08T00:00:00Z"
        ));
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

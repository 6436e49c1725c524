//! The tags of a client secret: their names, and how their values are read and written.
//!
//! A value is one or more words with single spaces between them. A word is an instant, RFC 3339
//! in UTC, or `-` for one that is not known, or an identifier of letters, digits and
//! `_.:/=+-@`. `owner` and `lwa:exempt-reason` are free text, and the audit reads the two tags of
//! an exemption itself, because it alone needs them and says why one cannot be used.

use jiff::Timestamp;

use crate::deadline::days;
use crate::severity::Severity;
use crate::text::tag_word;
use crate::vault::SecretVersion;
use crate::vault::ports::{NewTag, Tags};

/// When Amazon issued the stored secret.
pub const SECRET_ISSUED_AT: &str = "lwa:secret-issued-at";
/// The reported deadline.
pub const SECRET_EXPIRES_AT: &str = "lwa:secret-expires-at";
/// When the rotation was requested that no secret has answered yet.
pub const ROTATION_REQUESTED_AT: &str = "lwa:rotation-requested-at";
/// Which value the dates above belong to: a [`Provenance`].
pub const SECRET_VERSION: &str = "lwa:secret-version";
/// A new secret has arrived, and its handling is not finished: a [`NewSecretPending`].
pub const NEW_SECRET_PENDING: &str = "lwa:new-secret-pending";
/// `lwa store` writes another client secret, and its dates are still missing: a [`StorePending`].
pub const STORE_PENDING: &str = "lwa:store-pending";
/// Since when a place is known to have another application's client id and not its secret.
pub const UNPROVEN_SINCE: &str = "lwa:unproven-since";
/// What people were reminded of last: a [`Reminded`].
pub const REMINDED: &str = "lwa:reminded";
/// Until which date findings are muted.
pub const EXEMPT_UNTIL: &str = "lwa:exempt-until";
/// Why findings are muted.
pub const EXEMPT_REASON: &str = "lwa:exempt-reason";
/// Who is responsible; shown, and groups the digest.
pub const OWNER: &str = "owner";

/// Every tag that is read or written, as the README lists them.
pub const ALL: [&str; 11] = [
    OWNER,
    SECRET_EXPIRES_AT,
    SECRET_ISSUED_AT,
    SECRET_VERSION,
    ROTATION_REQUESTED_AT,
    NEW_SECRET_PENDING,
    STORE_PENDING,
    UNPROVEN_SINCE,
    REMINDED,
    EXEMPT_UNTIL,
    EXEMPT_REASON,
];

/// Longest value of a tag that we write, in characters; Parameter Store and Secrets Manager
/// take 256, <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Tag.html>.
const MAX_TAG_VALUE: usize = 256;

/// Longest version that is written down, in characters: that of Secrets Manager,
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretVersionsListEntry.html>.
const MAX_VERSION: usize = 64;

/// Stands for an instant that is not known.
const UNKNOWN: &str = "-";

/// The word for a date that may be another secret's.
const DOUBTFUL: &str = "doubtful";

/// A tag whose value is an instant.
pub fn instant(name: &'static str, at: Timestamp) -> NewTag {
    (name, at.to_string())
}

/// An instant without the fraction of a second, for tags that people read.
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn read_instant(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

/// What the tags of a client secret say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretTags {
    /// [`SECRET_ISSUED_AT`].
    pub issued_at: Option<Timestamp>,
    /// [`SECRET_EXPIRES_AT`].
    pub expires_at: Option<Timestamp>,
    /// [`ROTATION_REQUESTED_AT`].
    pub rotation_requested_at: Option<Timestamp>,
    /// [`SECRET_VERSION`]; one that cannot be read counts as absent.
    pub provenance: Option<Provenance>,
    /// [`NEW_SECRET_PENDING`]; one that cannot be read counts as absent.
    pub new_secret_pending: Option<NewSecretPending>,
    /// [`STORE_PENDING`]; one that cannot be read counts as absent.
    pub store_pending: Option<StorePending>,
    /// [`UNPROVEN_SINCE`].
    pub unproven_since: Option<Timestamp>,
    /// [`REMINDED`]; one that cannot be read counts as absent.
    pub reminded: Option<Reminded>,
    /// [`OWNER`].
    pub owner: Option<String>,
    /// The names of tags whose value is no RFC 3339 instant; each counts as absent.
    pub unreadable: Vec<&'static str>,
}

impl SecretTags {
    /// Reads the tags that matter out of all tags of a parameter or secret.
    pub fn from_map(tags: &Tags) -> Self {
        let mut unreadable = Vec::new();
        let mut instant = |name: &'static str| {
            let instant = read_instant(tags.get(name)?);
            if instant.is_none() {
                unreadable.push(name);
            }
            instant
        };
        Self {
            issued_at: instant(SECRET_ISSUED_AT),
            expires_at: instant(SECRET_EXPIRES_AT),
            rotation_requested_at: instant(ROTATION_REQUESTED_AT),
            unproven_since: instant(UNPROVEN_SINCE),
            provenance: tags
                .get(SECRET_VERSION)
                .and_then(|it| Provenance::parse(it)),
            new_secret_pending: tags
                .get(NEW_SECRET_PENDING)
                .and_then(|it| NewSecretPending::parse(it)),
            store_pending: tags
                .get(STORE_PENDING)
                .and_then(|it| StorePending::parse(it)),
            reminded: tags.get(REMINDED).and_then(|it| Reminded::parse(it)),
            owner: tags
                .get(OWNER)
                .filter(|owner| !owner.trim().is_empty())
                .cloned(),
            unreadable,
        }
    }

    /// When the value was first stored that was looked at last.
    pub fn first_stored(&self) -> Option<Timestamp> {
        self.provenance.as_ref()?.since
    }

    /// The date that the deadline rests on: the reported deadline, or else the time of issue.
    pub fn date(&self) -> Option<Timestamp> {
        self.expires_at.or(self.issued_at)
    }

    /// When Amazon made the secret that the dates are about.
    pub fn made_at(&self, lifetime_days: u32) -> Option<Timestamp> {
        self.issued_at.or_else(|| {
            let expires_at = self.expires_at?;
            expires_at.checked_sub(days(i64::from(lifetime_days))).ok()
        })
    }
}

/// Which version of a client secret was looked at last, since when its value is stored, and which
/// date belongs to that value: the value of [`SECRET_VERSION`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    version: String,
    /// Since when the value is stored, however often it was written again; none where that is
    /// not known.
    pub since: Option<Timestamp>,
    /// The date that belongs to it, of the tags' [`SecretTags::date`].
    pub date: Option<Timestamp>,
    /// Whether that date may be another secret's.
    pub is_doubtful: bool,
}

impl Provenance {
    /// The value of a version, with the date that belongs to it.
    pub fn new(version: &SecretVersion, since: Option<Timestamp>, date: Option<Timestamp>) -> Self {
        Self {
            version: tag_word(version.as_str(), MAX_VERSION),
            since: since.map(whole_seconds),
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
            instant => Some(read_instant(instant)?),
        };
        let date = match words.next() {
            None => None,
            Some(instant) => Some(read_instant(instant)?),
        };
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

    /// The tag's value.
    pub fn to_text(&self) -> String {
        let since = self.since.map_or(UNKNOWN.to_owned(), |at| at.to_string());
        let mut text = format!("{} {since}", self.version);
        if let Some(date) = self.date {
            text = format!("{text} {date}");
            if self.is_doubtful {
                text = format!("{text} {DOUBTFUL}");
            }
        }
        text
    }

    /// The version that was looked at.
    pub fn version(&self) -> SecretVersion {
        SecretVersion::new(&*self.version)
    }

    /// Whether it is about a version.
    pub fn is_of(&self, version: &SecretVersion) -> bool {
        self.version == tag_word(version.as_str(), MAX_VERSION)
    }
}

/// A new secret that is being handled: the value of [`NEW_SECRET_PENDING`].
///
/// It does three things that no other tag can. People hear once a day, not at every try, that a
/// secret waits; no further secret is requested while one waits; and if an invocation stored a
/// secret and died before it published a notice, the next one publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecretPending {
    /// When the last notice about it was published.
    pub notified_at: Timestamp,
    /// The id of Amazon's notification, shortened to a word.
    notification: String,
    /// Another value was stored meanwhile, and neither is known to be the older one: the
    /// instant at which the older of the two stops working.
    pub older_ends: Option<Timestamp>,
}

impl NewSecretPending {
    /// The secret of a notification.
    pub fn new(notified_at: Timestamp, notification: &str, older_ends: Option<Timestamp>) -> Self {
        // Two instants of up to 31 characters, and the spaces.
        const TIMESTAMP_ROOM: usize = 72;
        Self {
            notified_at,
            notification: tag_word(notification, MAX_TAG_VALUE - TIMESTAMP_ROOM),
            older_ends,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        Some(Self {
            notified_at: read_instant(words.next()?)?,
            notification: words.next()?.to_owned(),
            older_ends: words.next().and_then(read_instant),
        })
    }

    /// The tag.
    pub fn to_tag(&self) -> NewTag {
        let mut text = format!("{} {}", self.notified_at, self.notification);
        if let Some(ends) = self.older_ends {
            text = format!("{text} {ends}");
        }
        (NEW_SECRET_PENDING, text)
    }

    /// Whether it is about the secret of a notification.
    pub fn is_of(&self, notification: &str) -> bool {
        self.notification == Self::new(self.notified_at, notification, None).notification
    }
}

/// A client secret that `lwa store` is writing: the value of [`STORE_PENDING`].
///
/// A value and its tags cannot be written in one call. Without this tag, a run that stops between
/// them would leave a new secret with the dates of the old one, and the next run could not tell
/// that from a value that was merely written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorePending {
    /// When the run began.
    pub begun_at: Timestamp,
    /// When the new secret was issued.
    pub issued_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl StorePending {
    fn parse(text: &str) -> Option<Self> {
        let mut instants = text.split_ascii_whitespace().map(read_instant);
        Some(Self {
            begun_at: instants.next()??,
            issued_at: instants.next()??,
            expires_at: instants.next()??,
        })
    }

    /// The tag.
    pub fn to_tag(self) -> NewTag {
        let text = format!("{} {} {}", self.begun_at, self.issued_at, self.expires_at);
        (STORE_PENDING, text)
    }
}

/// What people were reminded of last, so that several functions remind of it once: the value of
/// [`REMINDED`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminded {
    /// When.
    pub at: Timestamp,
    /// How urgent it was.
    pub severity: Severity,
    /// What they had to do: the [word](crate::outlook::Need::what) for it.
    pub what: String,
    /// The deadline of which they were reminded.
    pub deadline: Option<Timestamp>,
}

impl Reminded {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        Some(Self {
            at: read_instant(words.next()?)?,
            severity: words.next()?.parse().ok()?,
            what: words.next()?.to_owned(),
            deadline: words.next().and_then(read_instant),
        })
    }

    /// The tag.
    pub fn to_tag(&self) -> NewTag {
        let deadline = self
            .deadline
            .map_or(UNKNOWN.to_owned(), |at| at.to_string());
        let (at, severity, what) = (self.at, self.severity, &self.what);
        (REMINDED, format!("{at} {severity} {what} {deadline}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUED: &str = "2026-01-01T00:00:00Z";
    const EXPIRES: &str = "2026-06-30T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tags((key, value): (&str, &str)) -> SecretTags {
        SecretTags::from_map(&Tags::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn a_tag_that_is_no_instant_is_named_and_ignored() {
        let tags = tags((SECRET_EXPIRES_AT, "next summer"));
        assert_eq!(tags.expires_at, None);
        assert_eq!(tags.unreadable, [SECRET_EXPIRES_AT]);
    }

    #[test]
    fn a_pending_tag_is_read_as_it_was_written_whatever_the_id() {
        let now = at("2026-01-10T02:15:10.045Z");
        for (id, expected) in [
            ("0f1e2d3c-4b5a", "0f1e2d3c-4b5a"),
            ("an id\nwith ünfit", "an-id-with--nfit"),
            ("", ""),
        ] {
            let (name, text) = NewSecretPending::new(now, id, None).to_tag();
            let tags = tags((name, &format!("{text} ")));
            let expected = (!expected.is_empty()).then(|| NewSecretPending {
                notified_at: now,
                notification: expected.to_owned(),
                older_ends: None,
            });
            assert_eq!(tags.new_secret_pending, expected, "{id:?}");
            assert!(expected.is_none_or(|pending| pending.is_of(id) && !pending.is_of("n-2")));
        }
        let (longest, end) = ("x".repeat(1_000), Some(Timestamp::MIN));
        let (_, long) = NewSecretPending::new(Timestamp::MIN, &longest, end).to_tag();
        assert!(long.len() <= MAX_TAG_VALUE, "{}", long.len());
    }

    #[test]
    fn a_provenance_is_read_as_it_was_written_and_anything_else_is_not_read() {
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
        assert_eq!(
            Provenance::parse(&format!("7 {ISSUED} {EXPIRES} certain")),
            None
        );
    }

    #[test]
    fn a_provenance_takes_any_version_there_can_be() {
        let odd = SecretVersion::new(format!("a b\u{e9}\n{}", "x".repeat(300)));
        let longest = Provenance {
            is_doubtful: true,
            ..Provenance::new(&odd, Some(Timestamp::MIN), Some(Timestamp::MIN))
        };
        let text = longest.to_text();
        assert!(text.len() <= MAX_TAG_VALUE, "{}", text.len());
        let read = Provenance::parse(&text).unwrap();
        assert!(read.is_of(&odd) && !read.is_of(&SecretVersion::new("a-b--")));
    }
}

//! What becomes of the tags of a client secret that is stored by hand.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::deadline::{CLOCKS_DIFFER_BY, Deadline, days};
use crate::secret::SecretRecord;
use crate::store::Order;
use crate::tags::{self, SecretTags, StorePending, whole_seconds};
use crate::vault::ports::{NewTag, Tags};
use crate::vault::{SecretVersion, is_same_secret};
use crate::wording;

/// The changes of the tags, and what they come to.
#[derive(Default)]
pub(super) struct Dates {
    /// Written before the value.
    pub(super) before: Vec<NewTag>,
    /// Written after the value; with it, where that is possible.
    pub(super) after: Vec<NewTag>,
    /// Removed once all is written.
    pub(super) removed: Vec<&'static str>,
    /// What else has to be said.
    pub(super) note: Option<String>,
    /// The deadline once all is written.
    pub(super) deadline: Option<Deadline>,
}

/// How a client secret is going to change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// There is none yet.
    First,
    /// Another one is stored.
    Another,
    /// The stored one was given again.
    Same,
    /// None was given.
    Kept,
}

impl Change {
    pub(super) fn of(given: Option<&SecretString>, stored: Option<&SecretString>) -> Self {
        match (given, stored) {
            (None, _) => Self::Kept,
            (Some(_), None) => Self::First,
            (Some(given), Some(stored)) if is_same_secret(given, stored) => Self::Same,
            (Some(_), Some(_)) => Self::Another,
        }
    }
}

/// The client secret as it is stored, with all its tags, which are what changes.
pub(super) struct Stored {
    record: SecretRecord,
    tags: Tags,
    /// Whether the same value is about to be written again.
    is_rewritten: bool,
}

impl Stored {
    pub(super) fn new(
        order: &Order,
        tags: Option<&Tags>,
        version: Option<SecretVersion>,
        written_at: Option<Timestamp>,
        is_rewritten: bool,
    ) -> Self {
        let tags = tags.cloned().unwrap_or_default();
        let record = SecretRecord {
            application: order.application.clone(),
            version,
            written_at,
            tags: SecretTags::from_map(&tags),
        };
        Self {
            record,
            tags,
            is_rewritten,
        }
    }

    /// Whether the value was written by the run that left the tag: it was not written before that
    /// began, and no later deadline was reported since.
    fn is_of(&self, pending: &StorePending) -> bool {
        let written_at = self.record.written_at;
        let is_written = written_at
            .and_then(|at| at.checked_add(CLOCKS_DIFFER_BY).ok())
            .is_some_and(|at| at >= pending.begun_at);
        let reported = self.record.tags.expires_at;
        is_written && reported.is_none_or(|at| at <= pending.expires_at)
    }

    /// The deadline once all is written.
    fn deadline_after(
        mut self,
        dates: &Dates,
        change: Change,
        order: &Order,
        now: Timestamp,
    ) -> Option<Deadline> {
        for (key, value) in dates.before.iter().chain(&dates.after) {
            self.tags.insert((*key).to_owned(), value.clone());
        }
        for key in &dates.removed {
            self.tags.remove(*key);
        }
        let mut record = self.record;
        record.tags = SecretTags::from_map(&self.tags);
        if matches!(change, Change::First | Change::Another) {
            // Its version is not known yet, and its dates are what this command says.
            record.written_at = Some(now);
            record.version = None;
        } else if self.is_rewritten {
            record.version = None;
        }
        record.deadline(order.lifetime_days)
    }
}

/// Decides which tags change with a client secret.
pub(super) fn dates(order: &Order, change: Change, stored: Stored, now: Timestamp) -> Dates {
    let lifetime = days(i64::from(order.lifetime_days));
    let known = &stored.record.tags;
    let is_store_pending = stored.tags.contains_key(tags::STORE_PENDING);
    let mut dates = Dates::default();
    let reported = |(issued_at, expires_at)| {
        // What is there already needs no writing.
        let issued = (known.issued_at != Some(issued_at))
            .then(|| tags::instant(tags::SECRET_ISSUED_AT, issued_at));
        let expires = (known.expires_at != Some(expires_at))
            .then(|| tags::instant(tags::SECRET_EXPIRES_AT, expires_at));
        issued.into_iter().chain(expires).collect()
    };
    let issued_for = |expires_at: Timestamp| {
        let issued_at = expires_at.checked_sub(lifetime).unwrap_or(now);
        (order.first_stored.unwrap_or(issued_at).min(now), expires_at)
    };
    let finished = || {
        let request = tags::ROTATION_REQUESTED_AT;
        let is_requested = stored.tags.contains_key(request);
        let pending = std::iter::once(tags::STORE_PENDING);
        pending.chain(is_requested.then_some(request)).collect()
    };
    let interrupted = known.store_pending.filter(|pending| stored.is_of(pending));
    match (change, order.expires_at, interrupted) {
        (Change::First, None, _) => {
            dates.note = Some(format!(
                "When the client secret stops working is estimated: {} days from now. If you know \
                 better (the developer console shows it), give it with --expires-at.",
                order.lifetime_days
            ));
        }
        (Change::Another, expires_at, _) => {
            let furthest = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
            let (issued_at, expires_at) = expires_at.map_or((now, furthest), issued_for);
            let mark = StorePending {
                begun_at: now,
                issued_at,
                expires_at,
            };
            dates.before = vec![mark.to_tag()];
            dates.after = reported((issued_at, expires_at));
            dates.removed = finished();
        }
        // A run before this one wrote the value and not the dates.
        (Change::Same, expires_at, Some(pending)) => {
            let pending = (pending.issued_at, pending.expires_at);
            dates.after = reported(expires_at.map_or(pending, issued_for));
            dates.removed = finished();
        }
        (Change::First | Change::Same | Change::Kept, Some(at), _) => {
            dates.after = reported(issued_for(at));
        }
        (Change::Same | Change::Kept, None, _) => {
            // Writing a value again renews nothing, but moves the date that an estimate rests on.
            let written_at = stored.record.written_at.map(whole_seconds);
            let earlier = order.first_stored.filter(|first| Some(*first) < written_at);
            if (stored.is_rewritten || earlier.is_some())
                && known.date().is_none()
                && known.first_stored().is_none()
                && let Some(issued_at) = earlier.or(written_at)
            {
                dates.before = vec![tags::instant(tags::SECRET_ISSUED_AT, issued_at)];
                dates.note = earlier.map(|first| {
                    format!(
                        "The stored client secret was first stored on {}, and written again since: \
                         its days count from then.",
                        wording::date(first)
                    )
                });
            }
        }
    }
    if change == Change::Same && dates.removed.is_empty() && is_store_pending {
        dates.removed = vec![tags::STORE_PENDING];
    }
    if change == Change::Kept && is_store_pending {
        dates.note = Some(
            "A run of this command was interrupted while it stored another client secret. Run it \
             again with that secret, so that its dates are stored too."
                .to_owned(),
        );
    }
    // A date that is there, and was reported for another version perhaps, is confirmed by giving
    // it again.
    if order
        .expires_at
        .is_some_and(|at| stored.record.is_doubtful(at))
    {
        dates.removed.push(tags::SECRET_VERSION);
    }
    dates.deadline = stored.deadline_after(&dates, change, order, now);
    dates
}

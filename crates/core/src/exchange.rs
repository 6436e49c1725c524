//! Decisions about access tokens: how long to keep one, which secret to try next, how long to
//! wait, and how to recognise a credential that is stored in the wrong place.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::application::{ApplicationName, Role, SellerId};
use crate::deadline::{OVERLAP_DAYS, days};
use crate::lwa::Scope;
use crate::vault::{Credentials, StoredSecret};

pub use crate::shape::Shape;

/// How long before its expiry an access token is no longer returned, so that the caller has time
/// to use it.
pub const EXPIRY_MARGIN: Duration = Duration::from_mins(1);

/// How long after a forced exchange the next one for the same token may be forced. Until then the
/// kept token is new enough, unless the secret has changed since.
pub const FORCED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How long an access token works at most, whatever the answer says,
/// <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>. A token
/// that is believed to live longer would be returned after its end.
pub const LONGEST_LIFETIME: Duration = Duration::from_hours(1);

/// The pause before the second attempt, doubled before each further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between two attempts, unless the service asks for a longer one.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What must be left of the time for another attempt to make sense.
pub const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);

/// On whose behalf a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The application's own selling account, by its refresh token.
    OwnAccount,
    /// One seller, by the seller's refresh token.
    Seller(SellerId),
    /// The application itself, for a scope.
    Grantless(Scope),
}

/// What a token is for. Two requests get the same token if, and only if, their keys are equal
/// and the secret has not changed in between.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// The application.
    pub application: ApplicationName,
    /// On whose behalf.
    pub subject: Subject,
}

impl Subject {
    /// The refresh token that is needed for it; none for a grantless token.
    pub fn refresh_token(&self) -> Option<Role> {
        let seller = match self {
            Self::OwnAccount => None,
            Self::Seller(seller) => Some(seller.clone()),
            Self::Grantless(_) => return None,
        };
        Some(Role::RefreshToken { seller })
    }
}

/// When a token that was requested at `requested_at` expires. The lifetime counts from the
/// request, because the transit time of the answer is not known, and is at most
/// [`LONGEST_LIFETIME`].
pub fn expires_at(requested_at: Timestamp, expires_in: Duration) -> Timestamp {
    SignedDuration::try_from(expires_in.min(LONGEST_LIFETIME))
        .ok()
        .and_then(|expires_in| requested_at.checked_add(expires_in).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Whether a kept token may still be returned.
pub fn is_fresh(expires_at: Timestamp, now: Timestamp) -> bool {
    left(expires_at, now) > EXPIRY_MARGIN
}

/// Whether another exchange may be forced after the one at `last`.
pub fn may_force(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| left(now, last) >= FORCED_AGAIN_AFTER)
}

/// The time from `now` until `end`; zero if that has passed.
pub fn left(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// How long to pause before another attempt; none if too little time would be left.
///
/// `attempts` counts the attempts so far, from 1. `jitter`, from 0 to 1, spreads the upper half of
/// the pause, so that callers that failed together do not retry together. `asked` is the pause
/// that the service asked for; it can only lengthen the pause.
pub fn pause(
    attempts: u32,
    jitter: f64,
    asked: Option<Duration>,
    remaining: Duration,
) -> Option<Duration> {
    let doublings = attempts.saturating_sub(1).min(16);
    let full = FIRST_PAUSE
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE);
    let pause = full
        .mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
        .max(asked.unwrap_or_default());
    (pause.saturating_add(SHORTEST_ATTEMPT) <= remaining).then_some(pause)
}

/// Which client secret to try after LWA has refused one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// The one that the vault holds now: it differs from the refused ones.
    UseCurrent,
    /// The previous one: LWA may not know the current one yet, and the previous one is in its
    /// overlap.
    UsePrevious,
    /// None: the stored credentials must be replaced.
    GiveUp,
}

/// A client id and secret that LWA has refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The client id.
    pub client_id: String,
    /// The secret.
    pub secret: StoredSecret,
}

/// Decides what to try after LWA has refused everything in `refused`, when the vault holds
/// `current`.
///
/// Secrets are compared by value and not by version, because storing the same value again makes a
/// new version. That also makes a secret look younger than it is; then the previous one is tried
/// in vain, which costs one exchange.
pub fn after_refusal(refused: &[Refused], current: &Credentials, now: Timestamp) -> Recovery {
    let secret = &current.client_secret;
    let overlap = days(i64::from(OVERLAP_DAYS));
    let is_in_overlap = |written_at| now.duration_since(written_at) < overlap;
    let mut refused = refused.iter();
    if !refused.any(|refused| refused.is(&current.client_id, secret)) {
        Recovery::UseCurrent
    } else if secret.written_at.is_none_or(is_in_overlap) {
        Recovery::UsePrevious
    } else {
        Recovery::GiveUp
    }
}

impl Refused {
    /// Whether it has this client id and the value of this secret.
    pub fn is(&self, client_id: &str, secret: &StoredSecret) -> bool {
        self.client_id == client_id && self.secret.has_same_value(secret)
    }
}

/// A hint for a credential stored at `place` that has the prefix of another kind; none if it has
/// not.
pub fn misplaced(place: &str, role: &Role, shape: Option<Shape>) -> Option<String> {
    let shape = shape?;
    let expected = match role {
        Role::ClientId => Shape::ClientId,
        Role::ClientSecret => Shape::ClientSecret,
        Role::RefreshToken { .. } => Shape::RefreshToken,
    };
    if shape == expected {
        return None;
    }
    let advice = match (role, shape) {
        (Role::ClientId, Shape::ApplicationId) => {
            "; the client id is under `LWA credentials` in the developer console and begins with \
             `amzn1.application-oa2-client.`"
        }
        (Role::RefreshToken { .. }, Shape::AccessToken) => {
            "; the refresh token begins with `Atzr|` and is shown when the application is \
             authorised"
        }
        _ => "",
    };
    Some(format!(
        "{place} looks like {}, not like {}{advice}",
        shape.as_str(),
        expected.as_str()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretVersion;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn secret(value: &str, version: &str, written_at: Option<&str>) -> StoredSecret {
        StoredSecret {
            value: value.into(),
            version: SecretVersion::new(version),
            written_at: written_at.map(at),
        }
    }

    #[test]
    fn a_token_is_kept_until_a_minute_before_it_expires_as_its_issuer_said() {
        let requested = at("2026-01-01T00:00:00Z");
        let expires = expires_at(requested, Duration::from_mins(10));
        assert_eq!(expires, at("2026-01-01T00:10:00Z"));
        assert!(is_fresh(expires, at("2026-01-01T00:08:59Z")));
        assert!(!is_fresh(expires, at("2026-01-01T00:09:00Z")));
        assert!(!is_fresh(expires, at("2026-01-02T00:00:00Z")));
    }

    #[test]
    fn an_exchange_is_forced_once_a_minute() {
        let check = |last: Option<&str>, expected| {
            assert_eq!(
                may_force(last.map(at), at("2026-01-01T00:01:00Z")),
                expected
            );
        };
        check(None, true);
        check(Some("2026-01-01T00:00:00Z"), true);
        check(Some("2026-01-01T00:00:00.001Z"), false);
        check(Some("2026-01-01T00:01:00Z"), false);
    }

    #[test]
    fn no_token_is_believed_to_live_longer_than_an_hour() {
        let requested = at("2026-01-01T00:00:00Z");
        for seconds in [3600, 3601, 1_000_000_000, u64::MAX] {
            let expires = expires_at(requested, Duration::from_secs(seconds));
            assert_eq!(expires, at("2026-01-01T01:00:00Z"), "{seconds}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_half_of_each_is_jitter() {
        let minute = Duration::from_mins(1);
        let check = |attempts, jitter, millis| {
            let expected = Some(Duration::from_millis(millis));
            assert_eq!(
                pause(attempts, jitter, None, minute),
                expected,
                "{attempts} {jitter}"
            );
        };
        check(1, 0.0, 100);
        check(1, 1.0, 200);
        check(2, 1.0, 400);
        check(3, 0.5, 600);
        check(6, 1.0, 5_000);
        check(u32::MAX, 7.0, 5_000);
    }

    #[test]
    fn no_pause_eats_the_time_of_the_attempt_after_it() {
        let check = |asked, remaining, expected: Option<u64>| {
            let pause = pause(1, 1.0, asked, Duration::from_millis(remaining));
            assert_eq!(pause, expected.map(Duration::from_millis));
        };
        check(None, 450, Some(200));
        check(None, 449, None);
        check(Some(Duration::from_secs(3)), 3_250, Some(3_000));
        check(Some(Duration::from_secs(3)), 3_249, None);
        check(Some(Duration::ZERO), 1_000, Some(200));
        check(Some(Duration::MAX), 1_000, None);
    }

    fn refused(secret: &StoredSecret) -> Refused {
        Refused {
            client_id: "id".into(),
            secret: secret.clone(),
        }
    }

    fn holding(client_id: &str, secret: &StoredSecret) -> Credentials {
        Credentials {
            client_id: client_id.into(),
            client_secret: secret.clone(),
            refresh_token: None,
        }
    }

    #[test]
    fn a_refused_secret_is_followed_by_a_changed_one_then_by_a_previous_one_in_its_overlap() {
        let now = at("2026-01-10T00:00:00Z");
        let check = |tried: &[&StoredSecret], current: &StoredSecret, expected| {
            let tried: Vec<_> = tried.iter().map(|secret| refused(secret)).collect();
            assert_eq!(
                after_refusal(&tried, &holding("id", current), now),
                expected
            );
        };
        let old = secret("old", "3", Some("2025-08-01T00:00:00Z"));
        let new = secret("new", "4", Some("2026-01-09T00:00:00Z"));
        check(&[&old], &new, Recovery::UseCurrent);
        check(&[&new], &new, Recovery::UsePrevious);
        check(&[&old, &new], &new, Recovery::UsePrevious);
        check(&[&old], &old, Recovery::GiveUp);
        let undated = secret("x", "1", None);
        check(&[&undated], &undated, Recovery::UsePrevious);
        let week_old = secret("new", "4", Some("2026-01-03T00:00:00Z"));
        check(&[&week_old], &week_old, Recovery::GiveUp);
    }

    #[test]
    fn the_same_value_under_a_new_version_is_not_a_new_secret() {
        let tried = refused(&secret("same", "3", Some("2025-08-01T00:00:00Z")));
        let rewritten = secret("same", "4", Some("2026-01-09T00:00:00Z"));
        let now = at("2026-01-10T00:00:00Z");
        let recovery = after_refusal(&[tried], &holding("id", &rewritten), now);
        assert_eq!(recovery, Recovery::UsePrevious);
    }

    #[test]
    fn the_same_secret_under_a_corrected_client_id_is_tried() {
        let secret = secret("same", "3", Some("2025-08-01T00:00:00Z"));
        let now = at("2026-01-10T00:00:00Z");
        let recovery = after_refusal(&[refused(&secret)], &holding("other", &secret), now);
        assert_eq!(recovery, Recovery::UseCurrent);
    }

    #[test]
    fn what_was_pasted_into_the_wrong_place_is_named() {
        let check = |role: Role, text: &str, expected: Option<&str>| {
            let hint = misplaced("/my-erp/x", &role, Shape::of(text));
            match expected {
                None => assert_eq!(hint, None),
                Some(start) => assert!(hint.as_ref().unwrap().starts_with(start), "{hint:?}"),
            }
        };
        check(
            Role::ClientId,
            "amzn1.sp.solution.0",
            Some("/my-erp/x looks like an application id, not like a client id; the client id is"),
        );
        check(
            Role::ClientSecret,
            "Atzr|IwEB",
            Some("/my-erp/x looks like a refresh token, not like a client secret"),
        );
        check(
            Role::RefreshToken { seller: None },
            "Atza|x",
            Some("/my-erp/x looks like an access token, not like a refresh token; "),
        );
        check(Role::ClientSecret, "b5f7f8", None);
        check(Role::ClientSecret, "amzn1.oa2-cs.v1.0", None);
        check(Role::RefreshToken { seller: None }, "Aztr|misspelt", None);
        check(Role::ClientId, "amzn1.application-oa2-client.0", None);
    }
}

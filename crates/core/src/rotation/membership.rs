//! Which of the places with one client id share its secret.
//!
//! A client id is no secret: whoever may write to one place can copy it there from another. What
//! proves that a place belongs to an application is the secret that is stored in it. Login with
//! Amazon (LWA) accepts it with the client id, or it is one that a proven place holds or held.

use std::time::Duration;

use crate::application::ApplicationName;
use crate::lwa::{LwaError, LwaFailure, TokenEndpoint, TokenRequest};
use crate::vault::ports::{ReadMetadata, ReadValues};
use crate::vault::{StoredApplication, StoredSecret, Vault, VaultError};
use crate::wording;

/// Longest wait for LWA's answer about one stored secret.
const LWA_TIMEOUT: Duration = Duration::from_secs(5);

/// The places with one client id.
#[derive(Debug, Default)]
pub struct Members {
    proven: Vec<StoredApplication>,
    /// Those that hold something else, with the reason as a predicate.
    pub unproven: Vec<(StoredApplication, String)>,
    /// Those of which it is not known now, with what failed; later it may be.
    pub unknown: Vec<(StoredApplication, Unproven)>,
}

/// Why it is not known whether a place belongs to an application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// Its secret could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// LWA did not answer about its secret.
    #[error(transparent)]
    Lwa(#[from] LwaError),
    /// LWA accepts the secret of none of several places.
    #[error(
        "{} have the same client id, and Amazon accepts the secret of none of them, so it is not \
         known whose it is; store a secret that works in the right one with `lwa store`, or \
         delete the others",
        wording::names(_0)
    )]
    None(Vec<ApplicationName>),
}

impl Unproven {
    /// Whether trying again later may tell.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Vault(error) => error.is_transient(),
            Self::Lwa(error) => error.is_transient(),
            Self::None(_) => false,
        }
    }
}

/// One place whose secret was read.
struct Place {
    stored: StoredApplication,
    secret: StoredSecret,
}

/// Finds out which of the places with one client id share its secret. One alone needs no proof:
/// whatever comes with this client id has nowhere else to go.
pub async fn members(
    vault: &Vault<impl ReadMetadata + ReadValues>,
    lwa: &impl TokenEndpoint,
    group: Vec<StoredApplication>,
) -> Members {
    let mut members = Members::default();
    if group.len() < 2 {
        members.proven = group;
        return members;
    }
    let mut read: Vec<Place> = Vec::new();
    for stored in group {
        match vault.read(&stored.name, None).await {
            Ok(credentials) => read.push(Place {
                stored,
                secret: credentials.client_secret,
            }),
            // A denial is somebody's mistake, and can be mended.
            Err(error @ VaultError::Call(_)) => members.unknown.push((stored, error.into())),
            Err(error) => members
                .unproven
                .push((stored, format!("cannot be used: {error}"))),
        }
    }
    let holds_the_same = |place: &Place| place.secret.has_same_value(&read[0].secret);
    let is_one = members.unproven.is_empty() && members.unknown.is_empty();
    if is_one && read.iter().all(holds_the_same) {
        members.proven = read.into_iter().map(|place| place.stored).collect();
        return members;
    }
    let (proven, others) = tried(lwa, read, &mut members).await;
    for place in others {
        match was_in_one(vault, &proven, &place.secret).await {
            Ok(true) => members.proven.push(place.stored),
            Ok(false) => {
                let reason = "holds a secret that Amazon does not accept with this client id";
                members.unproven.push((place.stored, reason.to_owned()));
            }
            Err(error) => members.unknown.push((place.stored, error.into())),
        }
    }
    members
        .proven
        .extend(proven.into_iter().map(|it| it.stored));
    members
        .proven
        .sort_by(|one, other| one.name.cmp(&other.name));
    members
}

/// Divides the places into those whose secret LWA accepts and those whose secret it refuses, and
/// asks about each secret once.
async fn tried(
    lwa: &impl TokenEndpoint,
    read: Vec<Place>,
    members: &mut Members,
) -> (Vec<Place>, Vec<Place>) {
    let mut answers: Vec<(StoredSecret, Result<(), LwaError>)> = Vec::new();
    let (mut proven, mut others) = (Vec::new(), Vec::new());
    for place in read {
        let known = answers
            .iter()
            .find(|(secret, _)| secret.has_same_value(&place.secret));
        let answer = if let Some((_, answer)) = known {
            answer.clone()
        } else {
            let client_id = place.stored.client_id.clone().unwrap_or_default();
            let request = TokenRequest::for_rotation(client_id, place.secret.value.clone());
            let answer = lwa.exchange(&request, LWA_TIMEOUT).await.map(drop);
            answers.push((place.secret.clone(), answer.clone()));
            answer
        };
        match answer {
            Ok(()) => proven.push(place),
            Err(error) if error.failure == LwaFailure::ClientRefused => others.push(place),
            Err(error) => members.unknown.push((place.stored, error.into())),
        }
    }
    (proven, others)
}

/// Whether a proven place holds a secret, or held it before the one that it holds.
async fn was_in_one(
    vault: &Vault<impl ReadMetadata + ReadValues>,
    proven: &[Place],
    secret: &StoredSecret,
) -> Result<bool, VaultError> {
    for place in proven {
        let name = &place.stored.name;
        let before = match vault.read_previous_secret(name, &place.secret).await {
            Err(error) if !error.is_transient() => None,
            before => before?,
        };
        if before.is_some_and(|before| before.has_same_value(secret)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Members {
    /// The places that share the application's secret; the reason where there are none.
    pub fn proven(&self) -> Result<&[StoredApplication], Unproven> {
        if !self.proven.is_empty() {
            return Ok(&self.proven);
        }
        Err(self.first_unknown().cloned().unwrap_or_else(|| {
            let names = self.unproven.iter().map(|(place, _)| place.name.clone());
            Unproven::None(names.collect())
        }))
    }

    /// The first reason for which nothing is known of a place that may belong to the application.
    pub fn first_unknown(&self) -> Option<&Unproven> {
        self.unknown.first().map(|(_, error)| error)
    }
}

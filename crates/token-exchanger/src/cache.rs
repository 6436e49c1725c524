//! The kept tokens and the exchanges in progress.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lwa_core::application::ApplicationName;
use lwa_core::exchange::{TokenKey, is_fresh, may_force};
use lwa_core::lwa::AccessToken;
use lwa_core::vault::{Credentials, SecretVersion};
use tokio::sync::watch;

use crate::error::ExchangerError;

/// The number of keys from which on keys without a fresh token are dropped before another one is
/// added. Few deployments have that many sellers.
const CROWDED: usize = 1024;

/// A token and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct KeptToken {
    pub(crate) token: AccessToken,
    pub(crate) expires_at: Timestamp,
    /// The version of the secret that it was minted with.
    pub(crate) secret_version: SecretVersion,
    /// The version of the secret that the vault held then.
    pub(crate) vault_version: SecretVersion,
}

/// How an exchange ended, for every request that waits for it.
pub(crate) type Ending = Result<KeptToken, ExchangerError>;

/// Tokens by key. One lock for all of them: nothing waits while it is held.
#[derive(Default)]
pub(crate) struct Cache(Mutex<State>);

#[derive(Default)]
struct State {
    slots: HashMap<TokenKey, Slot>,
    /// The version of the secret at the last reading of the vault, and that reading's number.
    versions: HashMap<ApplicationName, (u64, SecretVersion)>,
    readings: u64,
}

#[derive(Default)]
struct Slot {
    token: Option<KeptToken>,
    /// The credentials that last worked, for when the vault does not answer.
    credentials: Option<Credentials>,
    flight: Option<watch::Receiver<Option<Ending>>>,
    /// When the token was last renewed because a caller forced it.
    forced_at: Option<Timestamp>,
}

/// What a request has to do.
pub(crate) enum Turn<'a> {
    /// Take this token.
    Take(KeptToken),
    /// Wait for another caller's exchange.
    Wait(watch::Receiver<Option<Ending>>),
    /// Exchange, and share the result.
    Lead(Flight<'a>),
}

/// An exchange in progress. If it is dropped without an ending, because its invocation was
/// cancelled, one of the waiting requests leads another.
pub(crate) struct Flight<'a> {
    cache: &'a Cache,
    key: TokenKey,
    ending: watch::Sender<Option<Ending>>,
    is_forced: bool,
    has_ended: bool,
}

impl Cache {
    /// Decides what the next request for a key does. With `force` it does not get a kept token,
    /// unless that was renewed by force within the last minute, but it may wait for an exchange in
    /// progress, because that token is new.
    pub(crate) fn turn(&self, key: &TokenKey, force: bool, now: Timestamp) -> Turn<'_> {
        let mut state = self.lock();
        if state.slots.len() >= CROWDED && !state.slots.contains_key(key) {
            state.slots.retain(|_, slot| {
                slot.flight.is_some()
                    || slot
                        .token
                        .as_ref()
                        .is_some_and(|token| is_fresh(token.expires_at, now))
            });
        }
        let State {
            slots, versions, ..
        } = &mut *state;
        let slot = slots.entry(key.clone()).or_default();
        if let Some(token) = &slot.token
            && !(force && may_force(slot.forced_at, now))
            && is_fresh(token.expires_at, now)
            // The secret has changed since: the token may die with the old one.
            && versions
                .get(&key.application)
                .is_some_and(|(_, version)| *version == token.vault_version)
        {
            return Turn::Take(token.clone());
        }
        if let Some(flight) = &slot.flight {
            return Turn::Wait(flight.clone());
        }
        let (ending, receiver) = watch::channel(None);
        slot.flight = Some(receiver);
        Turn::Lead(Flight {
            cache: self,
            key: key.clone(),
            ending,
            is_forced: force,
            has_ended: false,
        })
    }

    /// Numbers a reading of the vault that begins now.
    pub(crate) fn begin_reading(&self) -> u64 {
        let mut state = self.lock();
        state.readings += 1;
        state.readings
    }

    /// Remembers the version that a reading found, unless a later reading has finished first.
    pub(crate) fn note_version(
        &self,
        application: &ApplicationName,
        reading: u64,
        version: &SecretVersion,
    ) {
        let mut state = self.lock();
        let newest = state
            .versions
            .entry(application.clone())
            .or_insert_with(|| (0, version.clone()));
        if reading >= newest.0 {
            *newest = (reading, version.clone());
        }
    }

    /// The credentials that last worked for a key.
    pub(crate) fn credentials(&self, key: &TokenKey) -> Option<Credentials> {
        self.lock().slots.get(key)?.credentials.clone()
    }

    /// Keeps credentials that worked.
    pub(crate) fn keep_credentials(&self, key: &TokenKey, credentials: Credentials) {
        self.lock()
            .slots
            .entry(key.clone())
            .or_default()
            .credentials = Some(credentials);
    }

    /// Drops the credentials for a key, and the token that was minted with them.
    pub(crate) fn drop_credentials(&self, key: &TokenKey) {
        if let Some(slot) = self.lock().slots.get_mut(key) {
            slot.credentials = None;
            slot.token = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// Keeps the token and shares the result with every waiting request.
    pub(crate) fn end(mut self, ending: &Ending, now: Timestamp) {
        self.has_ended = true;
        self.leave(ending.as_ref().ok().map(|token| (token, now)));
        self.ending.send_replace(Some(ending.clone()));
    }

    /// Makes room for another exchange, before a waiting request wakes up and leads one.
    fn leave(&self, ended: Option<(&KeptToken, Timestamp)>) {
        let mut state = self.cache.lock();
        if let Some(slot) = state.slots.get_mut(&self.key) {
            slot.flight = None;
            if let Some((token, now)) = ended {
                slot.token = Some(token.clone());
                if self.is_forced {
                    slot.forced_at = Some(now);
                }
            }
            // A key without any token, for example of a mistyped seller.
            if slot.token.is_none() && slot.credentials.is_none() {
                state.slots.remove(&self.key);
            }
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.leave(None);
        }
    }
}

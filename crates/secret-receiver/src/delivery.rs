//! One new secret, on its way to where it belongs.

use jiff::{SignedDuration, Timestamp};
use lwa_core::application::ApplicationName;
use lwa_core::lwa::{LwaError, TokenEndpoint};
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::membership::members;
use lwa_core::rotation::notices;
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::receive::{Delivery, Destination, Earlier, Judgement, is_stored_since};
use lwa_core::secret::SecretRecord;
use lwa_core::tags::{self, SecretTags};
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};
use lwa_core::vault::{StoreError, StoredApplication, StoredSecret, VaultError, is_same_secret};

use crate::receiver::SecretReceiver;
use crate::report::Outcome;
use crate::returned::{Trouble, UPON_A_MESSAGE};

/// How many secrets before the stored one are compared with a new one: those of two years.
const PREDECESSORS: usize = 5;

/// How long removing the tags of a rotation that is over is tried.
const FINISH_WITHIN: SignedDuration = SignedDuration::from_mins(30);

impl<A, T, Q, N, C, M> SecretReceiver<A, T, Q, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags + WriteValues,
    T: TokenEndpoint,
    Q: MessageQueue,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// Takes one new secret to where it belongs. A place where that fails holds up only itself:
    /// the message comes back for it, and finds the others done.
    pub(crate) async fn deliver(
        &self,
        delivery: &Delivery,
        group: Vec<StoredApplication>,
    ) -> Result<Outcome, Trouble> {
        let members = members(&self.shared.vault, &self.lwa, group).await;
        let proven = members.proven()?;
        let mut held_up = members.first_unknown().cloned().map(Trouble::from);
        let mut places = Vec::with_capacity(proven.len());
        for member in proven {
            match self.destination(delivery, &member.name).await {
                Ok(place) => places.push(place),
                Err(trouble) => held_up = Some(trouble),
            }
        }
        if !places.iter().any(Destination::is_open) {
            return match held_up {
                Some(trouble) => Err(trouble),
                None => self.nothing_to_store(delivery, &places).await,
            };
        }
        places.retain(Destination::is_open);
        let new = &delivery.new;
        let tried = self.try_secret(&new.client_id, &new.secret).await;
        if let Err(refusal) = &tried {
            let open = self.open_unverified(delivery, &places, refusal).await;
            if !open.contains(&true) {
                self.wait(delivery, &places, refusal).await?;
                return Err(Trouble::Waits(refusal.clone()));
            }
            if open.contains(&false) {
                held_up = Some(Trouble::Waits(refusal.clone()));
            }
            let mut open = open.into_iter();
            places.retain(|_| open.next().unwrap_or_default());
        }
        let mut stored = Vec::with_capacity(places.len());
        for place in places {
            match self.store(delivery, &place).await {
                Ok(()) => stored.push(place),
                Err(trouble) => held_up = Some(trouble),
            }
        }
        if !stored.is_empty() {
            let left_out = &members.unproven;
            if let Err(trouble) = self.tell(delivery, &stored, left_out, &tried).await {
                held_up = Some(trouble);
            }
        }
        match (held_up, tried) {
            (Some(trouble), _) => Err(trouble),
            (None, Ok(())) => Ok(Outcome::Stored),
            (None, Err(_)) => Ok(Outcome::StoredUnverified),
        }
    }

    /// Publishes that a secret is stored, and ends the rotation.
    async fn tell(
        &self,
        delivery: &Delivery,
        stored: &[Destination],
        left_out: &[(StoredApplication, String)],
        tried: &Result<(), LwaError>,
    ) -> Result<(), Trouble> {
        let now = self.shared.clock.now();
        let context = self.shared.context(UPON_A_MESSAGE, now);
        let names = Destination::names(stored);
        let notice = match tried {
            Ok(()) => notices::secret_stored(context, &names, delivery),
            Err(refusal) => notices::secret_stored_unverified(context, &names, delivery, refusal),
        };
        let notice = notices::without_look_alikes(context, notice, left_out);
        self.shared.publish(&notice).await?;
        for place in stored {
            self.finish(delivery, place, now).await?;
        }
        Ok(())
    }

    /// What is to be done in one place, once LWA was asked where that is not certain.
    async fn destination(
        &self,
        delivery: &Delivery,
        application: &ApplicationName,
    ) -> Result<Destination, Trouble> {
        let mut place = self.look_at(delivery, application).await?;
        self.settle_contest(delivery, &mut place).await?;
        Ok(place)
    }

    /// Reads what is stored in one place, and judges it.
    async fn look_at(
        &self,
        delivery: &Delivery,
        application: &ApplicationName,
    ) -> Result<Destination, Trouble> {
        let vault = &self.shared.vault;
        let tags = SecretTags::from_map(&vault.tags(application).await?);
        let read = vault.read(application, None).await;
        let current = match read {
            Ok(credentials) => Some(credentials.client_secret),
            // An application without a secret is one that waits for its first.
            Err(VaultError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let since = match &current {
            Some(current) if is_stored_since(&delivery.new, current.written_at) => {
                let since = vault.value_unchanged_since(application, current).await;
                known(since)?
            }
            _ => None,
        };
        let earlier = match &current {
            Some(current) => self.was_before(application, current, delivery).await?,
            None => Earlier::Never,
        };
        let record = SecretRecord {
            application: application.clone(),
            version: current.as_ref().map(|current| current.version.clone()),
            written_at: current.as_ref().and_then(|current| current.written_at),
            tags,
        };
        Ok(Destination::judged(
            delivery,
            record,
            current.map(|current| current.value),
            since,
            earlier,
            self.shared.deployment.policy.secret_lifetime_days,
            self.shared.clock.now(),
        ))
    }

    /// Whether the new secret was stored before the present one. LWA may go on accepting it after
    /// its end, so that trying it proves nothing.
    async fn was_before(
        &self,
        application: &ApplicationName,
        current: &StoredSecret,
        delivery: &Delivery,
    ) -> Result<Earlier, VaultError> {
        let is_new = |stored: &StoredSecret| is_same_secret(&stored.value, &delivery.new.secret);
        let vault = &self.shared.vault;
        // The present one is no predecessor of itself.
        if is_new(current) {
            return Ok(Earlier::Never);
        }
        let mut stored = current.clone();
        for _ in 0..PREDECESSORS {
            match known(vault.read_previous_secret(application, &stored).await)? {
                Some(before) => stored = before,
                None => return Ok(Earlier::Never),
            }
            if is_new(&stored) {
                let since = vault.value_unchanged_since(application, &stored).await;
                return Ok(Earlier::Stored(known(since)?.or(stored.written_at)));
            }
        }
        Ok(Earlier::Never)
    }

    async fn nothing_to_store(
        &self,
        delivery: &Delivery,
        places: &[Destination],
    ) -> Result<Outcome, Trouble> {
        let mut ends = places.iter().map(|place| match place.judgement {
            Judgement::Stale { stored } => Some(stored),
            _ => None,
        });
        // Where it is stored in one place and stale in another, nothing is lost.
        let Some(ends) = ends.try_fold(Timestamp::MAX, |least, it| Some(least.min(it?))) else {
            return Ok(Outcome::Duplicate);
        };
        let now = self.shared.clock.now();
        let context = self.shared.context(UPON_A_MESSAGE, now);
        let notice =
            notices::secret_stale(context, &Destination::names(places), &delivery.new, ends);
        self.shared.publish(&notice).await?;
        for place in places {
            if place.is_pending(delivery) {
                let name = &place.record.application;
                let vault = &self.shared.vault;
                vault.remove_tags(name, &[tags::NEW_SECRET_PENDING]).await?;
            }
        }
        Ok(Outcome::Stale)
    }

    /// Stores the secret in one place, with its dates.
    async fn store(&self, delivery: &Delivery, place: &Destination) -> Result<(), Trouble> {
        let (vault, record) = (&self.shared.vault, &place.record);
        let (name, now) = (&record.application, self.shared.clock.now());
        let (version, since) = match &record.version {
            Some(version) if place.judgement == Judgement::Finish => {
                (version.clone(), record.written_at.unwrap_or(now))
            }
            _ => {
                let stored = vault.store(name, &delivery.new.secret, &delivery.id).await;
                let version = stored.map_err(|error| match error {
                    StoreError::Vault(error) => error.into(),
                    StoreError::Unstorable { .. } => {
                        Trouble::Unstorable(name.clone(), error.to_string())
                    }
                })?;
                tracing::info!(
                    application.name = name.as_str(),
                    secret.version = version.as_str(),
                    notification.id = delivery.id,
                    "stored a new client secret"
                );
                (version, now)
            }
        };
        let dates = delivery.dates(&version, since, place.begun_at(delivery, now));
        Ok(vault.write_tags(name, &dates).await?)
    }

    /// Removes the tags of a rotation that is over. If that cannot be done, or not within half
    /// an hour since they were written, they are left: the secret is stored and people know,
    /// and every further try would publish that again.
    async fn finish(
        &self,
        delivery: &Delivery,
        place: &Destination,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let name = &place.record.application;
        let keys = place.finished(&delivery.new);
        let Err(error) = self.shared.vault.remove_tags(name, keys).await else {
            return Ok(());
        };
        let since = place.begun_at(delivery, now);
        let tried_for = self.shared.clock.now().duration_since(since);
        if error.failure.is_transient() && tried_for < FINISH_WITHIN {
            return Err(error.into());
        }
        tracing::error!(
            application.name = name.as_str(),
            "the tags {} were left behind: {error}",
            keys.join(" and ")
        );
        Ok(())
    }
}

/// What the versions before the stored one tell. One that cannot be used tells nothing, and keeps
/// no new secret out.
fn known<T>(found: Result<Option<T>, VaultError>) -> Result<Option<T>, VaultError> {
    match found {
        Err(error @ (VaultError::Missing { .. } | VaultError::Malformed { .. })) => {
            tracing::warn!("an earlier version is unknown: {error}");
            Ok(None)
        }
        found => found,
    }
}

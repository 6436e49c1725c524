//! One new secret, on its way to where it belongs.

use jiff::{SignedDuration, Timestamp};
use lwa_core::application::ApplicationName;
use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::notices;
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::receive::{
    Delivery, Destination, Judgement, Verdict, is_stored_since, verdict,
};
use lwa_core::secret::SecretRecord;
use lwa_core::tags::{self, SecretTags};
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};
use lwa_core::vault::{SecretVersion, StoreError, VaultError};

use crate::receiver::SecretReceiver;
use crate::report::Outcome;
use crate::returned::{Trouble, UPON_A_MESSAGE};

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
    /// Takes one new secret to where it belongs.
    pub(crate) async fn deliver(
        &self,
        delivery: &Delivery,
        names: &[ApplicationName],
    ) -> Result<Outcome, Trouble> {
        let new = &delivery.new;
        let mut places = Vec::with_capacity(names.len());
        for name in names {
            places.push(self.look_at(delivery, name).await?);
        }
        let is_contested = self.settle_contests(delivery, &mut places).await?;
        if !places.iter().any(Destination::is_open) {
            if is_contested {
                return Err(Trouble::Contested);
            }
            return self.nothing_to_store(delivery, &places).await;
        }
        places.retain(Destination::is_open);
        let tried = self.try_secret(&new.client_id, &new.secret).await;
        let now = self.shared.clock.now();
        let is_replaced = places.iter().any(|place| {
            new.event_time
                .zip(place.record.written_at)
                .is_some_and(|(issued, written)| written > issued)
        });
        let verdict = verdict(&tried, delivery.old_ends, is_replaced, now);
        if let (Verdict::Wait, Err(refusal)) = (verdict, tried.clone()) {
            self.wait(delivery, &places, &refusal).await?;
            return Err(Trouble::Waits(refusal));
        }
        let mut versions = Vec::with_capacity(places.len());
        for place in &places {
            let record = &place.record;
            versions.push(match &record.version {
                Some(version) if place.judgement == Judgement::Finish => {
                    (version.clone(), record.written_at.unwrap_or(now))
                }
                _ => (self.store(delivery, record).await?, now),
            });
        }
        for (place, (version, since)) in places.iter().zip(&versions) {
            let dates = delivery.dates(version, *since, place.begun_at(delivery, now));
            let name = &place.record.application;
            self.shared.vault.write_tags(name, &dates).await?;
        }
        let context = self.shared.context(UPON_A_MESSAGE, now);
        let (names, old_ends) = (Destination::names(&places), delivery.old_ends);
        let notice = match &tried {
            Ok(()) => notices::secret_stored(context, &names, new, old_ends),
            Err(refusal) => {
                notices::secret_stored_unverified(context, &names, new, old_ends, refusal)
            }
        };
        self.shared.publish(&notice).await?;
        for place in &places {
            self.finish(delivery, place, now).await?;
        }
        match tried {
            _ if is_contested => Err(Trouble::Contested),
            Ok(()) => Ok(Outcome::Stored),
            Err(_) => Ok(Outcome::StoredUnverified),
        }
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
                match vault.value_unchanged_since(application, current).await {
                    Err(error) if !error.is_transient() => {
                        tracing::warn!(
                            "since when {application} has its secret is unknown: {error}"
                        );
                        None
                    }
                    since => since?,
                }
            }
            _ => None,
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
            self.shared.deployment.secret_lifetime_days,
            self.shared.clock.now(),
        ))
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

    async fn store(
        &self,
        delivery: &Delivery,
        record: &SecretRecord,
    ) -> Result<SecretVersion, Trouble> {
        let name = &record.application;
        let vault = &self.shared.vault;
        let stored = vault.store(name, &delivery.new.secret, &delivery.id);
        let version = stored.await.map_err(|error| match error {
            StoreError::Vault(error) => error.into(),
            StoreError::Unstorable { .. } => Trouble::Unstorable(name.clone(), error.to_string()),
        })?;
        tracing::info!(
            application.name = name.as_str(),
            secret.version = version.as_str(),
            notification.id = delivery.id,
            "stored a new client secret"
        );
        Ok(version)
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

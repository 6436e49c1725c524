//! New secrets that wait: until LWA accepts them, or until it is known which of two is newer.

use std::time::Duration;

use lwa_core::SecretString;
use lwa_core::lwa::{LwaError, TokenEndpoint, TokenRequest};
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::rotation::notices;
use lwa_core::rotation::ports::MessageQueue;
use lwa_core::rotation::receive::{Delivery, Destination, Judgement, is_spreading, keep_stored};
use lwa_core::tags::{self, NewSecretPending, Provenance};
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags, WriteValues};

use crate::receiver::SecretReceiver;
use crate::returned::{Trouble, UPON_A_MESSAGE};

/// Longest wait for LWA's answer. A message whose secret could not be tried comes again.
const LWA_TIMEOUT: Duration = Duration::from_secs(10);

impl<A, T, Q, N, C, M> SecretReceiver<A, T, Q, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags + WriteValues,
    T: TokenEndpoint,
    Q: MessageQueue,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// Asks LWA whether it knows a secret, with the scope that a rotation needs: an application
    /// that has rotated has it.
    pub(crate) async fn try_secret(
        &self,
        client_id: &str,
        secret: &SecretString,
    ) -> Result<(), LwaError> {
        let request = TokenRequest::for_rotation(client_id.to_owned(), secret.clone());
        self.lwa.exchange(&request, LWA_TIMEOUT).await.map(drop)
    }

    /// Where it is not certain that the new secret is newer than the stored one, LWA is asked
    /// whether that works. People hear of one that is [kept](keep_stored).
    pub(crate) async fn settle_contest(
        &self,
        delivery: &Delivery,
        place: &mut Destination,
    ) -> Result<(), Trouble> {
        let (Judgement::Contested, Some(value)) = (place.judgement, &place.value) else {
            return Ok(());
        };
        let tried = self.try_secret(&delivery.new.client_id, value).await;
        if let Err(error) = &tried
            && !is_spreading(error.failure)
        {
            return Err(Trouble::Failed {
                error: error.to_string(),
                may_mend_itself: true,
            });
        }
        if keep_stored(&tried, delivery.old_ends, self.shared.clock.now()) {
            self.notify_contest(delivery, place).await?;
            return Err(Trouble::Contested);
        }
        place.judgement = Judgement::Store;
        Ok(())
    }

    /// In which of several places a secret that LWA does not accept is to be stored all the same:
    /// the one before it is about to end, and LWA refuses what is stored. What works stays, and
    /// while LWA does not answer nothing is known.
    pub(crate) async fn open_unverified(
        &self,
        delivery: &Delivery,
        places: &[Destination],
        refusal: &LwaError,
    ) -> Vec<bool> {
        let now = self.shared.clock.now();
        let is_due = is_spreading(refusal.failure) && delivery.is_dying(now);
        let mut open = Vec::with_capacity(places.len());
        for place in places {
            open.push(match &place.value {
                _ if !is_due => false,
                // It is stored already, and waits for its dates.
                Some(_) if place.judgement == Judgement::Finish => true,
                Some(_) if place.may_be_spreading(now) => false,
                Some(value) => {
                    let tried = self.try_secret(&delivery.new.client_id, value).await;
                    tried.is_err_and(|error| is_spreading(error.failure))
                }
                None => true,
            });
        }
        open
    }

    /// Once a day, like every secret that waits. The tag keeps no rotation off: another one is
    /// newer than both, and settles the matter.
    async fn notify_contest(
        &self,
        delivery: &Delivery,
        place: &Destination,
    ) -> Result<(), Trouble> {
        let now = self.shared.clock.now();
        if !place.should_notify_waiting(delivery, now) {
            return Ok(());
        }
        let (context, older_ends) = (self.shared.context(UPON_A_MESSAGE, now), delivery.old_ends);
        let name = &place.record.application;
        let (names, new) = ([name.clone()], &delivery.new);
        let notice = notices::secret_contested(context, &names, new, place.since, older_ends);
        self.shared.publish(&notice).await?;
        let pending = NewSecretPending::new(now, &delivery.id, Some(older_ends));
        let mut written = vec![pending.to_tag()];
        // If the stored one is the older, its date was true only before the new one was made.
        if let Some(version) = &place.record.version {
            let date = place.record.tags.date();
            let since = place.since.or(place.record.written_at);
            let mut provenance = Provenance::new(version, since, date);
            provenance.is_doubtful = date.is_some();
            written.push((tags::SECRET_VERSION, provenance.to_text()));
        }
        Ok(self.shared.vault.write_tags(name, &written).await?)
    }

    /// Notifies people, daily, that a secret still waits, and keeps others from being requested.
    pub(crate) async fn wait(
        &self,
        delivery: &Delivery,
        places: &[Destination],
        refusal: &LwaError,
    ) -> Result<(), Trouble> {
        let now = self.shared.clock.now();
        let due: Vec<_> = places
            .iter()
            .filter(|place| place.should_notify_waiting(delivery, now))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let is_first = due
            .iter()
            .all(|place| place.record.tags.new_secret_pending.is_none());
        // LWA usually knows it within minutes, and then people hear that it is stored.
        if !is_first || delivery.is_dying(now) {
            let context = self.shared.context(UPON_A_MESSAGE, now);
            let names = Destination::names(places);
            let notice = notices::secret_waiting(context, &names, delivery, refusal);
            self.shared.publish(&notice).await?;
        }
        let pending = [NewSecretPending::new(now, &delivery.id, None).to_tag()];
        for place in due {
            let name = &place.record.application;
            self.shared.vault.write_tags(name, &pending).await?;
        }
        Ok(())
    }
}

//! Places with the client id of an application and not its secret.

use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};
use lwa_core::rotation::membership::Members;
use lwa_core::rotation::notices;
use lwa_core::secret::SecretRecord;
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::tags::{self, SecretTags};
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};

use crate::request::BY_SCHEDULE;
use crate::requester::RotationRequester;

impl<A, T, S, N, C, M> RotationRequester<A, T, S, N, C, M>
where
    A: ReadMetadata + ReadValues + WriteTags,
    T: TokenEndpoint,
    S: SellingPartnerApi,
    N: Notifier,
    C: Clock,
    M: Metrics,
{
    /// Notifies people of places that were found to be unproven, and marks them, so that people
    /// hear of each once from here, and from then on from the audit. Places that are proven by
    /// now lose the mark.
    pub(crate) async fn tell_look_alikes(
        &self,
        members: &Members,
        records: &[SecretRecord],
    ) -> Result<(), CallError> {
        let (vault, now) = (&self.shared.vault, self.shared.clock.now());
        for (place, reason) in &members.unproven {
            let known = SecretTags::from_map(&vault.tags(&place.name).await?);
            if known.unproven_since.is_some() {
                continue;
            }
            let context = self.shared.context(BY_SCHEDULE, now);
            let notice = notices::look_alike(context, place, reason, records);
            self.shared.publish(&notice).await?;
            let mark = tags::instant(tags::UNPROVEN_SINCE, now);
            vault.write_tags(&place.name, &[mark]).await?;
        }
        let marked = |record: &&SecretRecord| record.tags.unproven_since.is_some();
        for record in records.iter().filter(marked) {
            let name = &record.application;
            vault.remove_tags(name, &[tags::UNPROVEN_SINCE]).await?;
        }
        Ok(())
    }
}

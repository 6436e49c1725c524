//! A look at a stored value, to find out whether the dates in its tags are its own.

use lwa_core::lwa::TokenEndpoint;
use lwa_core::ports::{Clock, Metrics, Notifier};
use lwa_core::provenance::{
    Look, Question, Value, correct, is_predecessor_wanted, is_predecessors, is_too_early, question,
};
use lwa_core::secret::SecretRecord;
use lwa_core::sp_api::SellingPartnerApi;
use lwa_core::tags::SecretTags;
use lwa_core::vault::ports::{ReadMetadata, ReadValues, WriteTags};
use lwa_core::vault::{SecretVersion, Vault, VaultError};

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
    /// Looks whose the dates of a record are, and corrects them. If that fails, they may be an
    /// estimate, which is no reason to fail.
    pub(crate) async fn look_whose_dates(&self, record: &mut SecretRecord) {
        let (vault, clock) = (&self.shared.vault, &self.shared.clock);
        let lifetime_days = self.policy().secret_lifetime_days;
        if let Err(error) = look_whose_dates(vault, record, lifetime_days, clock).await {
            tracing::warn!(
                application.name = record.application.as_str(),
                "the deadline may be an estimate, because the stored value could not be compared \
                 with the one before it: {error}"
            );
        }
    }
}

/// Finds out whether the dates in the tags are those of the stored value, where a version is
/// stored that was not looked at, and corrects the tags. Usually there is nothing to find
/// out, and nothing is read.
async fn look_whose_dates(
    vault: &Vault<impl ReadMetadata + ReadValues + WriteTags>,
    record: &mut SecretRecord,
    lifetime_days: u32,
    clock: &impl Clock,
) -> Result<(), VaultError> {
    let look = match question(record) {
        Question::None => return Ok(()),
        Question::Date => Look {
            value: Value::Same,
            since: None,
            is_date_inherited: false,
        },
        Question::Value => match look(vault, record, lifetime_days).await? {
            Some(look) => look,
            // It is not kept any more, so others are; the next run looks at the last of them.
            None => return Ok(()),
        },
    };
    if is_too_early(record, &look, lifetime_days, clock.now()) {
        return Ok(());
    }
    let name = &record.application;
    // Another secret may have been stored and dated meanwhile.
    if SecretTags::from_map(&vault.tags(name).await?) != record.tags {
        return Ok(());
    }
    let correction = correct(record, &look, lifetime_days);
    if !correction.removed.is_empty() {
        vault.remove_tags(name, &correction.removed).await?;
    }
    vault.write_tags(name, &correction.written).await?;
    if correction.is_replaced {
        tracing::warn!(
            application.name = name.as_str(),
            secret.version = record.version.as_ref().map(SecretVersion::as_str),
            "another client secret was stored without its dates"
        );
    }
    record.tags = SecretTags::from_map(&vault.tags(name).await?);
    Ok(())
}

/// Looks at the value of the stored version, and at those before it as far as they matter;
/// none where the version is not kept any more.
async fn look(
    vault: &Vault<impl ReadMetadata + ReadValues>,
    record: &SecretRecord,
    lifetime_days: u32,
) -> Result<Option<Look>, VaultError> {
    let name = &record.application;
    let Some(version) = &record.version else {
        return Ok(None);
    };
    let Some(current) = vault.read_version(name, version).await? else {
        return Ok(None);
    };
    let value = match &record.tags.provenance {
        None => Value::New,
        Some(known) => match vault.read_version(name, &known.version()).await? {
            None => Value::Unknown,
            Some(before) if before.has_same_value(&current) => Value::Same,
            Some(_) => Value::Another,
        },
    };
    let mut look = Look {
        value,
        since: None,
        is_date_inherited: false,
    };
    if matches!(value, Value::New | Value::Another) {
        look.since = vault.value_unchanged_since(name, &current).await?;
        if let Some(since) = look.since
            && is_predecessor_wanted(record, value, since, lifetime_days)
        {
            let before = vault.read_previous_secret(name, &current).await?;
            look.is_date_inherited =
                before.is_some_and(|it| is_predecessors(record, it.written_at, lifetime_days));
        }
    }
    if value == Value::Another {
        look.since = look.since.or(current.written_at);
    }
    Ok(Some(look))
}

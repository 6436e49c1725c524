//! How listings come: in pages, and as incomplete and late as AWS documents them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lwa_core::vault::ports::{Page, SecretMetadata};

/// What a listing of the account leaves out, and how it is cut into pages.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Names that `DescribeParameters` and `ListSecrets` leave out: both are best effort,
    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>,
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>.
    pub hidden: BTreeSet<String>,
    /// How far `ListSecrets` is behind; up to five minutes, same source.
    pub secrets_lag: SignedDuration,
    /// Whether an empty page with a token comes before every other page, which both may do.
    pub has_empty_pages: bool,
    /// What each secret looked like until when, oldest first; none before it existed.
    past_secrets: BTreeMap<String, Vec<(Timestamp, Option<SecretMetadata>)>>,
}

/// Marks the token that an empty page gives.
const AFTER_EMPTY: char = '!';

impl Listing {
    /// The page that a token asks for, of entries in the order of their names. The token is the
    /// last name of the page before, so that a page does not shift when an entry before it goes.
    pub(crate) fn page<'a, T, U>(
        &self,
        entries: impl Iterator<Item = (&'a String, T)>,
        token: Option<&str>,
        size: usize,
        show: impl Fn(&str, T) -> U,
    ) -> Page<U> {
        let token = token.unwrap_or_default();
        let begin = match token.strip_prefix(AFTER_EMPTY) {
            Some(begin) => begin,
            None if self.has_empty_pages => {
                return Page {
                    items: Vec::new(),
                    next: Some(format!("{AFTER_EMPTY}{token}")),
                };
            }
            None => token,
        };
        let mut entries = entries
            .filter(|(name, _)| name.as_str() > begin && !self.hidden.contains(*name))
            .peekable();
        let mut last = None;
        let page = entries.by_ref().take(size).map(|(name, entry)| {
            last = Some(name);
            show(name, entry)
        });
        let items = page.collect();
        let next = last.filter(|_| entries.peek().is_some()).cloned();
        Page { items, next }
    }

    /// Keeps what a secret looks like before a change, for `ListSecrets` to show until it
    /// catches up.
    pub(crate) fn remember(
        &mut self,
        name: &str,
        now: Timestamp,
        look: impl FnOnce() -> Option<SecretMetadata>,
    ) {
        let lag = self.secrets_lag;
        if !lag.is_zero() {
            let past = self.past_secrets.entry(name.to_owned()).or_default();
            past.retain(|(until, _)| now.duration_since(*until) <= lag);
            past.push((now, look()));
        }
    }

    /// What `ListSecrets` shows of a secret; none before it existed.
    pub(crate) fn look(
        &self,
        name: &str,
        now: Timestamp,
        present: impl FnOnce() -> SecretMetadata,
    ) -> Option<SecretMetadata> {
        let at = now.saturating_sub(self.secrets_lag);
        let at = at.unwrap_or(Timestamp::MIN);
        let mut past = self.past_secrets.get(name).into_iter().flatten();
        match past.find(|(until, _)| at < *until) {
            Some((_, look)) => look.clone(),
            None => Some(present()),
        }
    }
}

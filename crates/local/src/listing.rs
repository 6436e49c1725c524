//! How listings come: in pages, and as incomplete and late as AWS documents them.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lwa_core::vault::ports::Page;

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
}

/// Marks the token that an empty page gives.
const AFTER_EMPTY: char = '!';

impl Listing {
    /// The page that a token asks for, of entries in the order of their names. The token is the
    /// last name of the page before, so that a page does not shift when an entry before it goes.
    pub(crate) fn page<T>(
        &self,
        entries: impl Iterator<Item = (String, T)>,
        token: Option<&str>,
        size: usize,
    ) -> Page<T> {
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
            .filter(|(name, _)| name.as_str() > begin && !self.hidden.contains(name))
            .peekable();
        let mut last = None;
        let mut items = Vec::new();
        while items.len() < size
            && let Some((name, item)) = entries.next()
        {
            items.push(item);
            last = Some(name);
        }
        Page {
            items,
            next: last.filter(|_| entries.peek().is_some()),
        }
    }
}

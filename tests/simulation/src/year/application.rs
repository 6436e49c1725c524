//! An application, as Amazon and its people know it.

use lwa_core::application::{ApplicationName, SellerId};

/// One application.
pub(super) struct Application {
    pub(super) name: ApplicationName,
    pub(super) client_id: String,
    pub(super) sellers: Vec<SellerId>,
    /// Every client secret that Amazon has made for it.
    pub(super) issued: Vec<Issued>,
    /// Which of them the vault holds.
    pub(super) stored: usize,
    /// Whether a person did something that the system cannot repair, until the vault holds the
    /// newest secret.
    pub(super) is_irreparable: bool,
    /// Whether the system has asked for another secret in one overlap, because the message of the
    /// newest was lost, or the first request was. It cannot go on asking.
    pub(super) is_asked_again: bool,
    /// The secret in whose place a person put the previous one back, until the newest is stored
    /// again. The vault keeps it as an earlier version.
    pub(super) put_back_from: Option<usize>,
    /// Until when services may use tokens from before the repair, which live for an hour.
    pub(super) excused_until: i64,
}

impl Application {
    /// The newest secret that the vault holds or has held.
    pub(super) fn newest_stored(&self) -> usize {
        self.put_back_from.unwrap_or(0).max(self.stored)
    }
}

pub(super) struct Issued {
    pub(super) value: String,
    pub(super) at: i64,
    pub(super) expires_at: i64,
    /// Whether its message is sure to reach the queue.
    pub(super) is_posted: bool,
}

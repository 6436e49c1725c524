//! Handlers that are broken on purpose, to prove that the simulation notices.
//!
//! No handler contains test code for this: a port, or the platform around the function, behaves as
//! if the handler had the defect.

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakage {
    /// The requester does not record that it is about to request a rotation.
    SkipsTheIntent,
    /// The requester repeats a request that was not answered.
    RepeatsUnansweredRequests,
    /// The receiver's messages are acknowledged before they are handled.
    AcknowledgesBeforeStoring,
    /// The receiver does not report which messages of a batch failed.
    ReportsNoFailures,
    /// The receiver stores a secret without exchanging it for a token first.
    StoresWithoutVerifying,
    /// The receiver ignores the stored deadline, and stores an older secret.
    ForgetsTheStoredDeadline,
    /// The receiver stores a secret and forgets to write its dates.
    ForgetsTheDates,
    /// The receiver reports a secret as stored that it did not store.
    PretendsToStore,
    /// The formatter forgets which events it has published.
    ForgetsDuplicates,
    /// The auditor forgets what it has published today.
    ForgetsTheDigest,
    /// The auditor reads the first page only.
    DropsAPage,
    /// Messages to people are dropped, and reported as published.
    SwallowsMessages,
    /// Messages to people quote the stored secret.
    QuotesTheSecret,
    /// The auditor takes its days from a clock that is two days slow.
    CountsFromAWrongDay,
    /// The auditor takes every date in a tag for the date of the stored value.
    TrustsStaleDates,
    /// The requester does not record to which version the dates in the tags belong.
    OmitsTheVersionTag,
    /// The exchanger keeps using the credentials that it read first.
    KeepsCredentialsForever,
    /// The dead-letter queues have no alarm.
    IgnoresDeadLetters,
    /// No function notes what people were reminded of.
    ForgetsWhatItSaid,
    /// The auditor does not see that a rotation was requested.
    OverlooksTheRequest,
}

impl Breakage {
    /// Every defect.
    pub const ALL: [Self; 20] = [
        Self::SkipsTheIntent,
        Self::RepeatsUnansweredRequests,
        Self::AcknowledgesBeforeStoring,
        Self::ReportsNoFailures,
        Self::StoresWithoutVerifying,
        Self::ForgetsTheStoredDeadline,
        Self::ForgetsTheDates,
        Self::PretendsToStore,
        Self::ForgetsDuplicates,
        Self::ForgetsTheDigest,
        Self::DropsAPage,
        Self::SwallowsMessages,
        Self::QuotesTheSecret,
        Self::CountsFromAWrongDay,
        Self::TrustsStaleDates,
        Self::OmitsTheVersionTag,
        Self::KeepsCredentialsForever,
        Self::IgnoresDeadLetters,
        Self::ForgetsWhatItSaid,
        Self::OverlooksTheRequest,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SkipsTheIntent => "skips-the-intent",
            Self::RepeatsUnansweredRequests => "repeats-unanswered-requests",
            Self::AcknowledgesBeforeStoring => "acknowledges-before-storing",
            Self::ReportsNoFailures => "reports-no-failures",
            Self::StoresWithoutVerifying => "stores-without-verifying",
            Self::ForgetsTheStoredDeadline => "forgets-the-stored-deadline",
            Self::ForgetsTheDates => "forgets-the-dates",
            Self::PretendsToStore => "pretends-to-store",
            Self::ForgetsDuplicates => "forgets-duplicates",
            Self::ForgetsTheDigest => "forgets-the-digest",
            Self::DropsAPage => "drops-a-page",
            Self::SwallowsMessages => "swallows-messages",
            Self::QuotesTheSecret => "quotes-the-secret",
            Self::CountsFromAWrongDay => "counts-from-a-wrong-day",
            Self::TrustsStaleDates => "trusts-stale-dates",
            Self::OmitsTheVersionTag => "omits-the-version-tag",
            Self::KeepsCredentialsForever => "keeps-credentials-forever",
            Self::IgnoresDeadLetters => "ignores-dead-letters",
            Self::ForgetsWhatItSaid => "forgets-what-it-said",
            Self::OverlooksTheRequest => "overlooks-the-request",
        }
    }
}

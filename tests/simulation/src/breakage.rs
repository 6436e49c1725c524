//! Handlers that are broken on purpose, to see that the simulation notices.
//!
//! None of them is test code in a handler: each is a port, or the platform around the function,
//! that behaves as if the handler had the defect.

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakage {
    /// The requester does not write down that it is about to request a rotation.
    SkipsTheIntent,
    /// The requester repeats a request that was not answered.
    RepeatsUnansweredRequests,
    /// The receiver's messages are acknowledged before they are handled.
    AcknowledgesBeforeStoring,
    /// The receiver does not report which messages of a batch failed.
    ReportsNoFailures,
    /// The receiver stores a secret without trying it.
    StoresWithoutVerifying,
    /// The receiver does not look at the stored deadline, and stores what is older.
    ForgetsTheStoredDeadline,
    /// The receiver stores a secret and forgets to write its dates.
    ForgetsTheDates,
    /// The receiver says that it stored what it did not.
    PretendsToStore,
    /// The formatter forgets which events it has published.
    ForgetsDuplicates,
    /// The auditor forgets what it has published today.
    ForgetsTheDigest,
    /// The auditor reads the first page only.
    DropsAPage,
    /// Messages to people are thrown away, and reported as published.
    SwallowsMessages,
    /// Messages to people quote what is stored.
    QuotesTheSecret,
    /// The auditor takes its days from a clock that is two days slow.
    CountsFromAWrongDay,
    /// The auditor takes every date in a tag for that of the value which is stored.
    TrustsStaleDates,
    /// The requester does not write down whose dates stand in the tags.
    OmitsTheVersionTag,
    /// The exchanger holds on to the credentials that it read first.
    KeepsCredentialsForever,
    /// Nobody watches the dead-letter queues.
    IgnoresDeadLetters,
}

impl Breakage {
    /// Every defect.
    pub const ALL: [Self; 18] = [
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
    ];

    /// The word for it.
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
        }
    }
}

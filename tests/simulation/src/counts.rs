//! How much happened.

/// How much happened in a simulation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Applications times days.
    pub application_days: u64,
    /// Invocations of all functions.
    pub invocations: u64,
    /// Calls to services outside.
    pub calls: u64,
    /// Calls that went wrong.
    pub faults: u64,
    /// Invocations that died or that the platform ended.
    pub deaths: u64,
    /// Secrets that Amazon made on the system's request.
    pub rotations: u64,
    /// Secrets that people made in the console.
    pub console_rotations: u64,
    /// Reminders that were due and were sent.
    pub reminders: u64,
    /// Messages to people.
    pub messages: u64,
    /// Tokens that services asked for.
    pub tokens: u64,
    /// Of those, refused for a credential reason that the system could not prevent.
    pub excused: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.application_days += more.application_days;
        self.invocations += more.invocations;
        self.calls += more.calls;
        self.faults += more.faults;
        self.deaths += more.deaths;
        self.rotations += more.rotations;
        self.console_rotations += more.console_rotations;
        self.reminders += more.reminders;
        self.messages += more.messages;
        self.tokens += more.tokens;
        self.excused += more.excused;
        self.dead_letters += more.dead_letters;
    }
}

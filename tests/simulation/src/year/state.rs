//! The state of a simulation, and how the other files change it.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;
use jiff::Timestamp;
use lwa_core::Severity;
use lwa_core::ports::Clock;
use lwa_local::World;

use super::application::Application;
use super::event_queue::{Event, EventQueue};
use super::insiders::Copy;
use crate::amazon::Queue;
use crate::counts::Counts;
use crate::fault_model::SharedFaultModel;
use crate::faulty_ports::SharedTraffic;
use crate::invariant::{Invariant, Violation};
use crate::leak_detector::FirstLeak;
use crate::platform::{Environments, Platform};
use crate::settings::{FaultKind, Settings};
use crate::story::{Entry, Kind, Story};
use crate::time::{DAY, HOUR, instant};
use crate::vault_fixture::VaultFixture;

/// Everything that the simulation knows.
pub(super) struct Year {
    pub(super) settings: Settings,
    pub(super) world: World,
    pub(super) fault_model: SharedFaultModel,
    pub(super) traffic: SharedTraffic,
    pub(super) first_leak: FirstLeak,
    pub(super) platform: Platform,
    pub(super) vault: VaultFixture,
    pub(super) environments: Environments,
    pub(super) applications: Vec<Application>,
    pub(super) by_client: HashMap<String, usize>,
    pub(super) by_name: HashMap<String, usize>,
    pub(super) event_queue: EventQueue,
    pub(super) expiry: Queue,
    pub(super) new_secrets: Queue,
    pub(super) rng: Rng,
    /// What an insider does.
    pub(super) insider: Rng,
    /// Where an insider has copied client ids to.
    pub(super) copies: Vec<Copy>,
    pub(super) now: i64,
    pub(super) rotated_seen: usize,
    pub(super) ids: u64,
    pub(super) audit: AuditDay,
    /// The last request of each client that may have made a secret.
    pub(super) requests: HashMap<String, Timestamp>,
    /// What people heard of each deadline last.
    pub(super) told: HashMap<usize, Told>,
    /// How many messages people got, by kind and severity.
    pub(super) heard: BTreeMap<&'static str, [u64; 3]>,
    pub(super) formatted: HashMap<String, (u64, bool)>,
    pub(super) counts: Counts,
    pub(super) story: Story,
    pub(super) recording: bool,
    pub(super) violation: Option<Violation>,
}

/// What people heard of a deadline last.
pub(super) struct Told {
    pub(super) at: i64,
    pub(super) severity: Severity,
    /// Whether the function certainly noted it.
    pub(super) is_certain: bool,
}

/// The audit of one day.
#[derive(Default)]
pub(super) struct AuditDay {
    pub(super) day: i64,
    pub(super) digests: Vec<String>,
    /// How often it failed while nothing was down.
    pub(super) fair_tries: u32,
    pub(super) days_left: HashMap<String, i64>,
    /// Whether an answer of this day may have been lost.
    pub(super) is_uncertain: bool,
}

impl Year {
    /// Milliseconds until the next of something that happens every `mean_days` days on average.
    pub(super) fn gap(&mut self, mean_days: i64) -> i64 {
        self.rng.i64(HOUR..2 * mean_days * DAY)
    }

    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.settings.faults.contains(kind)
    }

    /// Whether something that happens once in so many times happens this time.
    pub(super) fn once_in(&mut self, kind: FaultKind, times: u32) -> bool {
        self.has(kind) && self.rng.u32(..times) == 0
    }

    pub(super) fn at(&mut self, at: i64, event: Event) {
        self.event_queue.plan(at, event);
    }

    pub(super) fn id(&mut self) -> String {
        self.ids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.ids)
    }

    pub(super) fn record(
        &mut self,
        application: Option<usize>,
        kind: Kind,
        text: impl FnOnce() -> String,
    ) {
        self.record_until(application, kind, None, text);
    }

    pub(super) fn record_until(
        &mut self,
        application: Option<usize>,
        kind: Kind,
        until: Option<i64>,
        text: impl FnOnce() -> String,
    ) {
        if self.recording {
            self.story.entries.push(Entry {
                at: self.world.now(),
                application,
                kind,
                text: text(),
                until: until.map(instant),
            });
        }
    }

    pub(super) fn violate(
        &mut self,
        invariant: Invariant,
        application: Option<usize>,
        detail: impl FnOnce() -> String,
    ) {
        if self.violation.is_some() {
            return;
        }
        let violation = Violation {
            invariant,
            at: self.world.now(),
            application,
            detail: detail(),
        };
        self.record(application, Kind::Violation, || violation.to_string());
        self.violation = Some(violation);
    }
}

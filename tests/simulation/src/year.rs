//! The course of the year: what happens when, and what is checked after each step.

mod application;
mod estate;
mod event_queue;
mod insiders;
mod invariants;
mod invocation;
mod outages;
mod parameter_events;
mod people;
mod queues;
mod schedules;
mod secrets;
mod services;
mod state;

use std::collections::{BTreeMap, HashMap};
use std::mem;

use fastrand::Rng;
use lwa_core::ports::Clock;
use lwa_local::World;

use self::event_queue::{Event, EventQueue, Scheduled};
use self::state::{AuditDay, Year};
use crate::amazon::Queue;
use crate::counts::Counts;
use crate::fault_model::{Service, SharedFaultModel, deniable};
use crate::faulty_ports::SharedTraffic;
use crate::invariant::{Invariant, Violation};
use crate::leak_detector::{FirstLeak, LeakDetector};
use crate::outcome::Outcome;
use crate::platform::{Environments, Platform};
use crate::settings::{FaultKind, Settings};
use crate::story::Story;
use crate::time::{DAY, HOUR, MINUTE, START, instant};
use crate::vault_fixture::VaultFixture;

/// Runs the year.
pub(crate) fn run(settings: &Settings, recording: bool) -> Outcome {
    // The handlers' jitter comes from here.
    fastrand::seed(settings.seed);
    let first_leak = FirstLeak::default();
    lwa_local::log::prepare();
    tracing::subscriber::with_default(LeakDetector(first_leak.clone()), || {
        match Year::new(settings, recording, first_leak) {
            Ok(mut year) => year.run(),
            Err(error) => Outcome {
                settings: settings.clone(),
                counts: Counts::default(),
                heard: BTreeMap::new(),
                violation: Some(Violation {
                    invariant: Invariant::EveryApplicationIsAudited,
                    at: instant(START),
                    application: None,
                    detail: format!("the functions cannot be configured: {error}"),
                }),
                story: Story::default(),
            },
        }
    })
}

impl Year {
    fn new(
        settings: &Settings,
        recording: bool,
        first_leak: FirstLeak,
    ) -> Result<Self, lwa_core::config::ConfigError> {
        let mut rng = Rng::with_seed(settings.seed);
        let world = World::new(instant(START));
        let fault_model = SharedFaultModel::new(rng.fork(), settings.faults, recording);
        world.state().fault_injector = Some(Box::new(fault_model.clone()));
        let traffic = SharedTraffic::new(rng.fork());
        let platform = Platform::new(&world, &traffic, settings, rng.fork())?;
        let vault = VaultFixture::new(world.clone(), platform.layout(), settings.vault);
        let mut year = Self {
            settings: settings.clone(),
            world,
            fault_model,
            traffic,
            first_leak,
            platform,
            vault,
            environments: Environments::default(),
            applications: Vec::new(),
            by_client: HashMap::new(),
            by_name: HashMap::new(),
            event_queue: EventQueue::default(),
            expiry: Queue::new("lwa-secret-expiry", 6 * MINUTE, 5, 4 * DAY),
            new_secrets: Queue::new("lwa-new-secret", 15 * MINUTE, 700, 8 * DAY),
            rng,
            // Its own, so that the other faults of a seed are the same with and without it.
            insider: Rng::with_seed(settings.seed ^ 0x1d51_de12),
            copies: Vec::new(),
            now: START,
            rotated_seen: 0,
            ids: 0,
            audit: AuditDay::default(),
            requests: HashMap::new(),
            told: HashMap::new(),
            heard: BTreeMap::new(),
            formatted: HashMap::new(),
            counts: Counts::default(),
            story: Story::default(),
            recording,
            violation: None,
        };
        for number in 0..settings.applications {
            year.create(number);
        }
        year.plan();
        Ok(year)
    }

    fn run(&mut self) -> Outcome {
        let end = START + i64::from(self.settings.days) * DAY;
        while self.violation.is_none()
            && let Some((at, event)) = self.event_queue.next()
        {
            if at >= end {
                break;
            }
            // A long invocation delays what follows.
            self.now = self.now.max(at);
            self.world.set_now(instant(self.now));
            self.handle(event);
            self.now = self.now.max(self.world.now().as_millisecond());
        }
        // The last hours, in which nothing happened, count as well.
        let until = if self.violation.is_none() {
            end
        } else {
            self.now.min(end)
        };
        let lived = (until - START) / DAY;
        self.counts.application_days =
            u64::try_from(lived).unwrap_or_default() * self.settings.applications as u64;
        {
            let fault_model = self.fault_model.lock();
            self.counts.calls = fault_model.calls;
            self.counts.faults = fault_model.injected;
        }
        Outcome {
            settings: self.settings.clone(),
            counts: self.counts,
            heard: mem::take(&mut self.heard),
            violation: self.violation.take(),
            story: mem::take(&mut self.story),
        }
    }

    /// Plans what is known beforehand: schedules, and the first of each kind of fault.
    fn plan(&mut self) {
        self.at(START + 6 * HOUR, Event::Schedule(Scheduled::Audit));
        self.at(
            START + 6 * HOUR + 30 * MINUTE,
            Event::Schedule(Scheduled::Canary),
        );
        self.at(START + 5 * HOUR, Event::Schedule(Scheduled::Rotation));
        self.at(START + HOUR, Event::Services);
        if self.has(FaultKind::Outages) {
            for service in Service::ALL {
                let at = START + self.gap(45);
                self.at(at, Event::Down(service));
            }
        }
        if self.has(FaultKind::Denials) {
            for operation in deniable(self.settings.vault) {
                let at = START + self.gap(150);
                self.at(at, Event::Deny(operation));
            }
        }
        if self.has(FaultKind::People) {
            for number in 0..self.applications.len() {
                let at = START + self.gap(140);
                self.at(at, Event::ManualChange(number));
            }
        }
        if self.has(FaultKind::PoisonMessages) {
            let at = START + self.gap(60);
            self.at(at, Event::Poison);
        }
        if self.has(FaultKind::Insiders) {
            let at = START + self.insider.i64(0..90 * DAY);
            self.at(at, Event::Insider);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Schedule(scheduled) => self.schedule(scheduled),
            Event::Invoke(Scheduled::Audit, attempt) => self.audit(attempt),
            Event::Invoke(Scheduled::Rotation, attempt) => self.daily_rotation(attempt),
            Event::Invoke(Scheduled::Canary, _) => self.canary(),
            Event::Services => self.services(),
            Event::Use(number, token) => self.use_token(number, &token),
            Event::Poll(name) => self.poll(name),
            Event::Arrive(name, message) => self.arrive(name, *message),
            Event::Notice(number, secret, left) => self.notice(number, secret, left),
            Event::Policy(number, written, after) => self.policy(number, written, after),
            Event::Format(event, attempt) => self.format(*event, attempt),
            Event::ManualRotation(number, secret) => self.manual_rotation(number, secret),
            Event::ManualChange(number) => self.manual_change(number),
            Event::PutBack(number, secret, before) => self.put_back(number, secret, before),
            Event::StoreLate(number) => {
                if self.applications[number].is_irreparable {
                    self.store_by_hand(number, true);
                }
            }
            Event::Down(service) => self.down(service),
            Event::Up(service) => {
                let mut fault_model = self.fault_model.lock();
                fault_model.down.retain(|down| *down != service);
            }
            Event::Deny(operation) => self.deny(operation),
            Event::Allow(operation) => {
                let mut fault_model = self.fault_model.lock();
                fault_model.denied.retain(|denied| *denied != operation);
            }
            Event::Alarm(name) => self.alarm(name),
            Event::CheckAlarm(name) => self.check_alarm(name),
            Event::Purge(name) => {
                let queue = self.queue(name);
                queue.dead.clear();
                queue.alarmed = false;
            }
            Event::Poison => self.poison(),
            Event::Insider => self.insider(),
        }
    }
}

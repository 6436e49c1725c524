//! The days themselves: what happens when, and what is checked after each step.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::mem;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::deadline::{OVERLAP_DAYS, SECRET_LIFETIME_DAYS, tag};
use lwa_core::lwa::AccessToken;
use lwa_core::message::Message;
use lwa_core::ports::Clock;
use lwa_core::rotation::queue::Payload;
use lwa_core::sp_api::{Refusal, SellingPartnerApi};
use lwa_core::{ExposeSecret, SecretString};
use lwa_local::World;
use lwa_local::lwa::{ClientSecret, Consent, OAuthClient};
use serde_json::{Value, json};
use token_exchanger::{ErrorKind, Response};

use crate::Outcome;
use crate::amazon::{self, About, NOTICE_DAYS, POLICY_DAYS, Queue, QueuedMessage};
use crate::breakage::Breakage;
use crate::drive::{Ending, drive};
use crate::ears::{Ears, Heard, secret_in};
use crate::edge::{RotationRequest, SharedTraffic};
use crate::invariant::{Invariant, Violation};
use crate::platform::{
    Auditor, Environment, Exchanger, Formatter, PREFIX, Platform, Receiver, Requester,
};
use crate::settings::{FaultKind, Settings};
use crate::story::{Entry, Kind, Story};
use crate::weather::{DENIABLE, Function, Service, SharedWeather};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The first instant, 2026-01-01T00:00:00Z: a Thursday.
const START: i64 = 1_767_225_600_000;

/// Days before a deadline on which the audit reminds, as it is configured unless set otherwise.
const REMINDER_DAYS: [i64; 7] = [90, 60, 30, 14, 7, 3, 1];

/// How much happened.
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
    /// Invocations that died or were ended by the platform.
    pub deaths: u64,
    /// Secrets that Amazon made for the system.
    pub rotations: u64,
    /// Secrets that Amazon made for people.
    pub console_rotations: u64,
    /// Reminders that had to come and came.
    pub reminders: u64,
    /// Messages to people.
    pub messages: u64,
    /// Tokens that services asked for.
    pub tokens: u64,
    /// Of those, refused for a credential reason that no system could have prevented.
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

/// One application as Amazon and its people know it.
struct Application {
    name: ApplicationName,
    secret: String,
    client_id: String,
    sellers: Vec<String>,
    /// Every client secret that Amazon ever made for it.
    issued: Vec<Issued>,
    /// Which of them the vault holds.
    stored: usize,
    /// Whether somebody did what no system can mend, until the vault holds the newest secret.
    is_unmendable: bool,
    /// Until when services may hold tokens from before it was mended, which live for an hour.
    excused_until: i64,
    /// Whether somebody stored a value and left the tags as they were.
    is_mistagged: bool,
}

struct Issued {
    value: String,
    at: i64,
    expires_at: i64,
    /// Whether its message is sure to reach the queue.
    is_posted: bool,
}

/// What happens next.
enum Event {
    Schedule(Scheduled),
    Invoke(Scheduled, u32),
    Services,
    Use(usize, AccessToken),
    Poll(QueueName),
    Arrive(QueueName, Box<QueuedMessage>),
    Notice(usize, usize, i64),
    Policy(usize, i64, i64),
    Format(Box<Value>, u32),
    Habit(usize, usize),
    Deed(usize),
    StoreAtLast(usize),
    Down(Service),
    Up(Service),
    Deny(&'static str),
    Allow(&'static str),
    Alarm(QueueName),
    CheckAlarm(QueueName),
    Purge(QueueName),
    Poison,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheduled {
    Audit,
    Canary,
    Rotation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueueName {
    Expiry,
    NewSecret,
}

struct Appointment {
    at: i64,
    number: u64,
    event: Event,
}

impl PartialEq for Appointment {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Appointment {}

impl PartialOrd for Appointment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Appointment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What became of the audit of one day.
#[derive(Default)]
struct AuditDay {
    day: i64,
    digests: Vec<String>,
    days_left: HashMap<String, i64>,
    /// Whether an answer of this day may have been lost.
    is_unsure: bool,
}

#[derive(Default)]
struct Environments {
    exchanger: Option<Environment<Exchanger>>,
    formatter: Option<Environment<Formatter>>,
    auditor: Option<Environment<Auditor>>,
    requester: Option<Environment<Requester>>,
    receiver: Option<Environment<Receiver>>,
}

struct Year {
    settings: Settings,
    world: World,
    weather: SharedWeather,
    traffic: SharedTraffic,
    heard: Heard,
    platform: Platform,
    environments: Environments,
    applications: Vec<Application>,
    by_client: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
    by_secret: HashMap<String, usize>,
    agenda: BinaryHeap<Reverse<Appointment>>,
    appointments: u64,
    expiry: Queue,
    new_secrets: Queue,
    rng: Rng,
    now: i64,
    rotated_seen: usize,
    ids: u64,
    audit: AuditDay,
    /// The last requests that count, by client.
    requests: HashMap<String, Timestamp>,
    /// When people were last told to rotate, and whether that was for certain.
    told_to_rotate: HashMap<(usize, &'static str), (i64, u64, bool)>,
    formatted: HashMap<String, (u64, bool)>,
    counts: Counts,
    story: Story,
    telling: bool,
    violation: Option<Violation>,
}

/// The first instant of every story.
pub(crate) fn start() -> Timestamp {
    instant(START)
}

pub(crate) fn live(settings: &Settings, telling: bool) -> Outcome {
    // The handlers' jitter comes from here.
    fastrand::seed(settings.seed);
    let heard = Heard::default();
    lwa_local::log::prepare();
    tracing::subscriber::with_default(Ears(heard.clone()), || {
        match Year::new(settings, telling, heard) {
            Ok(mut year) => year.live(),
            Err(error) => Outcome {
                settings: settings.clone(),
                counts: Counts::default(),
                violation: Some(Violation {
                    invariant: Invariant::EveryApplicationIsSeen,
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
        telling: bool,
        heard: Heard,
    ) -> Result<Self, lwa_core::config::ConfigError> {
        let mut rng = Rng::with_seed(settings.seed);
        let world = World::new(instant(START));
        let weather = SharedWeather::new(rng.fork(), settings.faults, telling);
        world.state().fate = Some(Box::new(weather.clone()));
        let traffic = SharedTraffic::new(rng.fork());
        let platform = Platform::new(&world, &traffic, settings, rng.fork())?;
        let mut year = Self {
            settings: settings.clone(),
            world,
            weather,
            traffic,
            heard,
            platform,
            environments: Environments::default(),
            applications: Vec::new(),
            by_client: HashMap::new(),
            by_name: HashMap::new(),
            by_secret: HashMap::new(),
            agenda: BinaryHeap::new(),
            appointments: 0,
            expiry: queue("lwa-secret-expiry", 6 * MINUTE, 5, 4 * DAY),
            new_secrets: queue("lwa-new-secret", 15 * MINUTE, 600, 8 * DAY),
            rng,
            now: START,
            rotated_seen: 0,
            ids: 0,
            audit: AuditDay::default(),
            requests: HashMap::new(),
            told_to_rotate: HashMap::new(),
            formatted: HashMap::new(),
            counts: Counts::default(),
            story: Story::default(),
            telling,
            violation: None,
        };
        for number in 0..settings.applications {
            year.found(number);
        }
        year.plan();
        Ok(year)
    }

    fn live(&mut self) -> Outcome {
        let end = START + i64::from(self.settings.days) * DAY;
        while self.violation.is_none()
            && let Some(Reverse(next)) = self.agenda.pop()
        {
            if next.at >= end {
                break;
            }
            // An invocation that took long makes what follows late.
            self.now = self.now.max(next.at);
            self.world.set_now(instant(self.now));
            self.happen(next.event);
            self.now = self.now.max(self.world.now().as_millisecond());
        }
        let lived = (self.now.min(end) - START) / DAY;
        self.counts.application_days =
            u64::try_from(lived).unwrap_or_default() * self.settings.applications as u64;
        {
            let weather = self.weather.lock();
            self.counts.calls = weather.calls;
            self.counts.faults = weather.blows;
        }
        Outcome {
            settings: self.settings.clone(),
            counts: self.counts,
            violation: self.violation.take(),
            story: mem::take(&mut self.story),
        }
    }

    // Before the first day.

    /// An application with a secret of any age, stored with more or less care.
    fn found(&mut self, number: usize) {
        let root = format!("{PREFIX}/app-{number:02}");
        let Ok(name) = ApplicationName::parse(&root) else {
            return;
        };
        let layout = layout();
        let client_id = format!("amzn1.application-oa2-client.{number:04}");
        let value = format!("amzn1.oa2-cs.v1.local-{number:04}-0000");
        let issued_at = START - self.rng.i64(2 * HOUR..170 * DAY);
        let expires_at = issued_at + i64::from(SECRET_LIFETIME_DAYS) * DAY;
        let secret = layout.parameter(&name, &Role::ClientSecret);
        let written = instant(issued_at + HOUR);
        self.world.put_parameter(
            &layout.parameter(&name, &Role::ClientId),
            &client_id,
            written,
        );
        self.world.put_parameter(&secret, &value, written);
        let mut client = OAuthClient::default();
        let mut first = ClientSecret::new(&value, Timestamp::MIN);
        first.works_until = Some(instant(expires_at));
        first.lwa_looks_away = self.rng.bool();
        client.secrets.push(first);
        let mut sellers = Vec::new();
        for seller in 0..=self.settings.sellers {
            let token = format!("Atzr|planted-{number:04}-{seller:02}");
            let role = if seller == 0 {
                Role::RefreshToken { seller: None }
            } else {
                let id = format!("A{seller:02}");
                sellers.push(id.clone());
                Role::RefreshToken {
                    seller: lwa_core::application::SellerId::parse(&id).ok(),
                }
            };
            self.world
                .put_parameter(&layout.parameter(&name, &role), &token, written);
            client.refresh_tokens.insert(token, Consent::Given);
        }
        {
            let mut state = self.world.state();
            state.lwa.applications.insert(client_id.clone(), client);
            if let Some(parameter) = state.parameters.get_mut(&secret) {
                let care = self.rng.u8(..10);
                if care < 8 {
                    let at = instant(issued_at).to_string();
                    parameter.tags.insert(tag::SECRET_ISSUED_AT.into(), at);
                }
                if care < 7 {
                    let at = instant(expires_at).to_string();
                    parameter.tags.insert(tag::SECRET_EXPIRES_AT.into(), at);
                }
            }
        }
        self.by_client.insert(client_id.clone(), number);
        self.by_name.insert(name.to_string(), number);
        self.by_secret.insert(secret.clone(), number);
        self.applications.push(Application {
            name,
            secret,
            client_id,
            sellers,
            issued: vec![Issued {
                value,
                at: issued_at,
                expires_at,
                is_posted: true,
            }],
            stored: 0,
            is_unmendable: false,
            excused_until: 0,
            is_mistagged: false,
        });
        self.tell_until(Some(number), Kind::Stored, Some(expires_at), || {
            format!("begins with a secret that works until {}", date(expires_at))
        });
        self.announce(number, 0);
        self.arm_policies(number, issued_at + HOUR);
    }

    /// What is known beforehand: schedules, and how much bad luck there will be.
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
            for operation in DENIABLE {
                let at = START + self.gap(150);
                self.at(at, Event::Deny(operation));
            }
        }
        if self.has(FaultKind::People) {
            for number in 0..self.applications.len() {
                let at = START + self.gap(140);
                self.at(at, Event::Deed(number));
            }
        }
        if self.has(FaultKind::PoisonMessages) {
            let at = START + self.gap(60);
            self.at(at, Event::Poison);
        }
    }

    /// Milliseconds until something that happens every so many days on average.
    fn gap(&mut self, mean_days: i64) -> i64 {
        self.rng.i64(HOUR..2 * mean_days * DAY)
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.settings.faults.contains(kind)
    }

    /// Whether something happens this time that happens every so many times.
    fn once_in(&mut self, kind: FaultKind, times: u32) -> bool {
        self.has(kind) && self.rng.u32(..times) == 0
    }

    fn at(&mut self, at: i64, event: Event) {
        self.appointments += 1;
        self.agenda.push(Reverse(Appointment {
            at,
            number: self.appointments,
            event,
        }));
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.ids)
    }

    fn happen(&mut self, event: Event) {
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
            Event::Habit(number, secret) => self.habit(number, secret),
            Event::Deed(number) => self.deed(number),
            Event::StoreAtLast(number) => {
                if self.applications[number].is_unmendable {
                    self.store_by_hand(number, true);
                }
            }
            Event::Down(service) => self.down(service),
            Event::Up(service) => {
                let mut weather = self.weather.lock();
                weather.down.retain(|down| *down != service);
            }
            Event::Deny(operation) => self.deny(operation),
            Event::Allow(operation) => {
                let mut weather = self.weather.lock();
                weather.denied.retain(|denied| *denied != operation);
            }
            Event::Alarm(name) => self.alarm(name),
            Event::CheckAlarm(name) => self.check_alarm(name),
            Event::Purge(name) => {
                let queue = self.queue(name);
                queue.dead.clear();
                queue.alarmed = false;
            }
            Event::Poison => self.poison(),
        }
    }

    // Amazon.

    /// Sends notices about a secret for as long as it is the newest, and in a system that leaves
    /// rotating to people, makes somebody rotate it at some time.
    fn announce(&mut self, number: usize, secret: usize) {
        let expires_at = self.applications[number].issued[secret].expires_at;
        for left in NOTICE_DAYS {
            let at = expires_at - left * DAY;
            if at > self.now {
                self.at(at, Event::Notice(number, secret, left));
            }
        }
        if !self.settings.auto_rotate {
            let early = match self.rng.u8(..10) {
                0..5 => self.rng.i64(2..45) * DAY,
                5..8 => self.rng.i64(-3 * DAY..3 * DAY),
                _ => self.rng.i64(-40 * DAY..-3 * DAY),
            };
            let at = (expires_at - early).max(self.now + HOUR);
            self.at(at, Event::Habit(number, secret));
        }
    }

    fn notice(&mut self, number: usize, secret: usize, left: i64) {
        let application = &self.applications[number];
        if secret + 1 != application.issued.len() {
            return;
        }
        let issued = &application.issued[secret];
        let (expires_at, client_id) = (issued.expires_at, application.client_id.clone());
        if self.once_in(FaultKind::LostEvents, 3) {
            self.tell(Some(number), Kind::Notice, || {
                format!("Amazon's notice of {left} days is lost")
            });
            return;
        }
        self.tell(Some(number), Kind::Notice, || {
            format!("Amazon sends its notice of {left} days")
        });
        let body = amazon::secret_expiry(&client_id, instant(expires_at), instant(self.now));
        // It may well arrive after a rotation.
        let late = if self.once_in(FaultKind::LateEvents, 8) {
            self.rng.i64(HOUR..5 * DAY)
        } else {
            self.rng.i64(0..10 * MINUTE)
        };
        self.send(QueueName::Expiry, &body, About::Expiry(number), late);
    }

    /// Whatever has been rotated through SP-API since the last look.
    fn notice_rotations(&mut self) {
        let new: Vec<(String, SecretString)> = {
            let state = self.world.state();
            state.sp_api.rotated[self.rotated_seen..].to_vec()
        };
        self.rotated_seen += new.len();
        for (client_id, secret) in new {
            self.counts.rotations += 1;
            if let Some(&number) = self.by_client.get(&client_id) {
                self.issue(number, secret.expose_secret(), true, true);
            }
        }
    }

    /// Amazon has made a new secret, which is the last that LWA knows for this application.
    fn issue(&mut self, number: usize, value: &str, by_system: bool, posted: bool) {
        let now = self.world.now();
        let expires_at = now.as_millisecond() + i64::from(SECRET_LIFETIME_DAYS) * DAY;
        let looks_away = self.rng.bool();
        let (works_from, old_ends) = {
            let mut state = self.world.state();
            let client_id = &self.applications[number].client_id;
            let mut works_from = now;
            let mut old_ends = now;
            if let Some(client) = state.lwa.applications.get_mut(client_id) {
                if let Some(newest) = client.secrets.last_mut() {
                    newest.works_until = Some(instant(expires_at));
                    newest.lwa_looks_away = looks_away;
                    works_from = newest.works_from;
                }
                let before = client.secrets.iter().rev().nth(1);
                old_ends = before
                    .and_then(|before| before.works_until)
                    .unwrap_or(now)
                    .max(now);
            }
            (works_from, old_ends)
        };
        if self.once_in(FaultKind::SlowPropagation, 3) {
            let patchy = works_from + SignedDuration::from_mins(self.rng.i64(1..360));
            self.traffic.lock().patchy.insert(value.to_owned(), patchy);
        }
        let propagation = if self.once_in(FaultKind::SlowPropagation, 5) {
            self.rng.u64(600..48 * 3600)
        } else {
            self.rng.u64(..180)
        };
        self.traffic.lock().propagation = Duration::from_secs(propagation);
        let lost = posted && by_system && self.once_in(FaultKind::LostEvents, 25);
        let application = &mut self.applications[number];
        let secret = application.issued.len();
        application.issued.push(Issued {
            value: value.to_owned(),
            at: now.as_millisecond(),
            expires_at,
            is_posted: posted && !lost,
        });
        let client_id = application.client_id.clone();
        self.tell_until(Some(number), Kind::Issued, Some(expires_at), || {
            format!(
                "Amazon makes secret {secret}, good to {}{}",
                date(expires_at),
                if lost {
                    ", and its message is lost"
                } else {
                    ""
                }
            )
        });
        if posted && !lost {
            let id = self.id();
            let body =
                amazon::new_secret(&client_id, value, instant(expires_at), old_ends, now, &id);
            let late = if self.once_in(FaultKind::LateEvents, 8) {
                self.rng.i64(HOUR..50 * HOUR)
            } else {
                self.rng.i64(1_000..2 * MINUTE)
            };
            self.send(
                QueueName::NewSecret,
                &body,
                About::NewSecret(number, secret),
                late,
            );
        }
        self.announce(number, secret);
    }

    // Queues.

    fn queue(&mut self, name: QueueName) -> &mut Queue {
        match name {
            QueueName::Expiry => &mut self.expiry,
            QueueName::NewSecret => &mut self.new_secrets,
        }
    }

    fn send(&mut self, name: QueueName, body: &str, about: About, late: i64) {
        let times = if self.once_in(FaultKind::DuplicatedEvents, 6) {
            2
        } else {
            1
        };
        for _ in 0..times {
            let message = QueuedMessage {
                id: self.id(),
                body: body.to_owned(),
                about,
                sent_at: 0,
                visible_at: 0,
                receives: 0,
            };
            let spread = self.rng.i64(0..5 * MINUTE);
            let at = self.now + late + spread;
            self.at(at, Event::Arrive(name, Box::new(message)));
        }
    }

    fn arrive(&mut self, name: QueueName, mut message: QueuedMessage) {
        message.sent_at = self.now;
        message.visible_at = self.now;
        self.queue(name).messages.push(message);
        let at = self.now;
        self.at(at, Event::Poll(name));
    }

    /// Hands a batch to the function behind a queue, out of order.
    fn poll(&mut self, name: QueueName) {
        let now = self.now;
        let queue = match name {
            QueueName::Expiry => &mut self.expiry,
            QueueName::NewSecret => &mut self.new_secrets,
        };
        let mut due: Vec<usize> = (0..queue.messages.len())
            .filter(|&index| queue.messages[index].visible_at <= now)
            .collect();
        if due.is_empty() {
            return;
        }
        self.rng.shuffle(&mut due);
        due.truncate(10);
        let mut ids = Vec::new();
        let (mut gone, mut dead) = (Vec::new(), Vec::new());
        let visibility = queue.visibility;
        for index in due {
            let (max, retention) = (queue.max_receives, queue.retention);
            let message = &mut queue.messages[index];
            if now - message.sent_at > retention {
                gone.push(message.id.clone());
                continue;
            }
            message.receives += 1;
            message.visible_at = now + visibility;
            if message.receives > max {
                dead.push(message.id.clone());
            } else {
                ids.push(message.id.clone());
            }
        }
        for id in gone {
            self.acknowledge(name, &id, "was too old for its queue");
        }
        for id in dead {
            self.bury(name, &id);
        }
        if !ids.is_empty() {
            let batch = self.queue(name).batch(&ids);
            self.deliver(name, &ids, batch);
        }
        let visible_at = self
            .queue(name)
            .messages
            .iter()
            .map(|message| message.visible_at)
            .min();
        if let Some(at) = visible_at {
            self.at(at.max(now), Event::Poll(name));
        }
    }

    fn deliver(&mut self, name: QueueName, ids: &[String], batch: String) {
        let until = self.world.now() + SignedDuration::from_mins(1);
        let payload = Payload::new(batch);
        let (ending, serial) = match name {
            QueueName::Expiry => {
                let function = Function::RotationRequester;
                let warm = self.environments.requester.take();
                let environment =
                    self.platform
                        .lease(warm, function, self.now, Platform::requester);
                self.begin(function);
                let ending = drive(
                    &self.world,
                    &self.weather,
                    until,
                    Box::pin(environment.handler.handle(payload)),
                );
                let serial = environment.serial;
                let ending = lived(ending, &mut self.environments.requester, environment);
                let answer = ending.map(|result| result.map(|report| report.to_json()));
                (flatten(answer), serial)
            }
            QueueName::NewSecret => {
                let function = Function::SecretReceiver;
                let warm = self.environments.receiver.take();
                let environment = self
                    .platform
                    .lease(warm, function, self.now, Platform::receiver);
                self.begin(function);
                let ending = drive(
                    &self.world,
                    &self.weather,
                    until,
                    Box::pin(
                        environment
                            .handler
                            .handle(payload, Some(until + environment.skew)),
                    ),
                );
                let serial = environment.serial;
                let ending = lived(ending, &mut self.environments.receiver, environment);
                let answer = ending.map(|result| result.map(|report| report.to_json()));
                (flatten(answer), serial)
            }
        };
        let function = match name {
            QueueName::Expiry => Function::RotationRequester,
            QueueName::NewSecret => Function::SecretReceiver,
        };
        let is_sure = self.settle(function, serial, &ending);
        let come_backs = mem::take(&mut self.traffic.lock().come_backs);
        for (id, delay) in come_backs {
            let at = self.world.now().as_millisecond()
                + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            let queue = self.queue(name);
            if let Some(message) = queue.messages.iter_mut().find(|message| message.id == id) {
                message.visible_at = at;
            }
        }
        if !is_sure {
            self.forget_certainty();
        }
        let forgotten = name == QueueName::NewSecret
            && self.settings.breakage == Some(Breakage::AcknowledgesBeforeStoring);
        let Ok(answer) = ending else {
            if forgotten {
                for id in ids {
                    self.acknowledge(name, id, "was acknowledged before it was handled");
                }
            }
            return;
        };
        let returned: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["itemIdentifier"].as_str())
            .collect();
        let reports_none = forgotten
            || name == QueueName::NewSecret
                && self.settings.breakage == Some(Breakage::ReportsNoFailures);
        for id in ids {
            if reports_none || !returned.contains(&id.as_str()) {
                self.acknowledge(name, id, "was acknowledged");
            }
        }
    }

    /// A message leaves its queue for good. Its secret has to be in the vault, or older than
    /// what is.
    fn acknowledge(&mut self, name: QueueName, id: &str, how: &str) {
        let queue = self.queue(name);
        let Some(index) = queue.messages.iter().position(|message| message.id == id) else {
            return;
        };
        let message = queue.messages.swap_remove(index);
        if let About::NewSecret(number, secret) = message.about
            && self.applications[number].stored < secret
        {
            self.violate(Invariant::NoSecretIsLost, Some(number), || {
                format!("the message with secret {secret} {how}, and the secret is not stored")
            });
        }
        if self.once_in(FaultKind::DuplicatedEvents, 20) {
            // At least once.
            let late = self.rng.i64(0..20 * MINUTE);
            let (sent_at, at) = (message.sent_at, self.now + late);
            let again = QueuedMessage {
                visible_at: at,
                sent_at,
                ..message
            };
            self.queue(name).messages.push(again);
            self.at(at, Event::Poll(name));
        }
    }

    /// A message becomes a dead letter.
    fn bury(&mut self, name: QueueName, id: &str) {
        let now = self.now;
        let queue = self.queue(name);
        let Some(index) = queue.messages.iter().position(|message| message.id == id) else {
            return;
        };
        let message = queue.messages.swap_remove(index);
        queue.dead.push(now);
        let queue_name = queue.name;
        self.counts.dead_letters += 1;
        let number = match message.about {
            About::NewSecret(number, _) | About::Expiry(number) => Some(number),
            About::Poison => None,
        };
        self.tell(number, Kind::DeadLetter, || {
            format!("a message of {queue_name} becomes a dead letter")
        });
        match message.about {
            About::NewSecret(number, secret) if self.applications[number].stored < secret => {
                self.violate(Invariant::NoSecretIsLost, Some(number), || {
                    format!(
                        "secret {secret} is a dead letter after {} tries",
                        message.receives - 1
                    )
                });
            }
            About::Poison
                if now - message.sent_at > HOUR && self.settings.faults == crate::Faults::NONE =>
            {
                let minutes = (now - message.sent_at) / MINUTE;
                self.violate(Invariant::HopelessMessagesEnd, None, || {
                    format!("it took {minutes} minutes")
                });
            }
            _ => {}
        }
        let at = now + self.rng.i64(MINUTE..6 * MINUTE);
        self.at(at, Event::Alarm(name));
        self.at(now + 15 * MINUTE, Event::CheckAlarm(name));
        let at = now + self.rng.i64(HOUR..3 * DAY);
        self.at(at, Event::Purge(name));
    }

    fn alarm(&mut self, name: QueueName) {
        if self.settings.breakage == Some(Breakage::WatchesNoDeadLetters) {
            return;
        }
        let queue = self.queue(name);
        if queue.dead.is_empty() || queue.alarmed {
            return;
        }
        queue.alarmed = true;
        let queue_name = queue.name;
        self.tell(None, Kind::Alarm, || {
            format!("alarm: {queue_name} has dead letters")
        });
    }

    fn check_alarm(&mut self, name: QueueName) {
        let now = self.now;
        let queue = self.queue(name);
        let is_old = queue.dead.iter().any(|&at| now - at >= 15 * MINUTE);
        if is_old && !queue.alarmed {
            let queue_name = queue.name;
            self.violate(Invariant::DeadLettersAlarm, None, || {
                format!("{queue_name} holds a dead letter, and nobody was told")
            });
        }
    }

    fn poison(&mut self) {
        let kind = self.rng.u8(..4);
        let body = match kind {
            0 => "not JSON".to_owned(),
            1 => json!({"notificationType": "ANY_OFFER_CHANGED", "payload": {}}).to_string(),
            2 => {
                let id = self.id();
                amazon::new_secret(
                    "amzn1.application-oa2-client.nobody",
                    "amzn1.oa2-cs.v1.local-nobody",
                    instant(self.now + 180 * DAY),
                    instant(self.now + 7 * DAY),
                    instant(self.now),
                    &id,
                )
            }
            _ => amazon::secret_expiry(
                "amzn1.application-oa2-client.nobody",
                instant(self.now + 30 * DAY),
                instant(self.now),
            ),
        };
        let name = if self.rng.bool() {
            QueueName::Expiry
        } else {
            QueueName::NewSecret
        };
        self.tell(None, Kind::Trouble, || {
            "a message that nobody can handle is sent".to_owned()
        });
        self.send(name, &body, About::Poison, 0);
        let at = self.now + self.gap(60);
        self.at(at, Event::Poison);
    }

    // Schedules.

    fn schedule(&mut self, scheduled: Scheduled) {
        self.at(
            self.now - self.now % MINUTE + DAY,
            Event::Schedule(scheduled),
        );
        let at = self.now + self.rng.i64(0..30_000);
        self.at(at, Event::Invoke(scheduled, 0));
        if scheduled != Scheduled::Canary && self.once_in(FaultKind::DuplicatedEvents, 30) {
            let at = at + self.rng.i64(20_000..2 * MINUTE);
            self.at(at, Event::Invoke(scheduled, 0));
        }
    }

    /// What retries make of an invocation that failed, and an alarm after them.
    fn again(&mut self, scheduled: Scheduled, attempt: u32) {
        if attempt < 2 {
            let at = self.now + (MINUTE << attempt);
            self.at(at, Event::Invoke(scheduled, attempt + 1));
        } else {
            self.tell(None, Kind::Alarm, || {
                format!("alarm: {scheduled:?} failed three times")
            });
        }
    }

    fn daily_rotation(&mut self, attempt: u32) {
        let until = self.world.now() + SignedDuration::from_mins(1);
        let function = Function::RotationRequester;
        let warm = self.environments.requester.take();
        let environment = self
            .platform
            .lease(warm, function, self.now, Platform::requester);
        self.begin(function);
        let ending = drive(
            &self.world,
            &self.weather,
            until,
            Box::pin(environment.handler.handle(Payload::new("{}"))),
        );
        let serial = environment.serial;
        let ending = lived(ending, &mut self.environments.requester, environment);
        let answer = flatten(ending.map(|result| result.map(|report| report.to_json())));
        if !self.settle(function, serial, &answer) {
            self.forget_certainty();
        }
        if answer.is_err() {
            self.again(Scheduled::Rotation, attempt);
        }
    }

    fn canary(&mut self) {
        for number in 0..self.applications.len() {
            let name = self.applications[number].name.to_string();
            let event = json!({"action": "check", "application": name});
            let answer = self.exchange(event);
            let problem = match answer {
                Some(Ok(Response::Check(check))) if !check.is_ok() => Some(check.detail),
                Some(Err(error)) if is_credential_problem(error.kind) => Some(error.to_string()),
                _ => None,
            };
            if let Some(problem) = problem {
                self.service_failed(number, &format!("the canary: {problem}"));
            }
        }
        self.check_patience();
    }

    fn audit(&mut self, attempt: u32) {
        let day = self.now.div_euclid(DAY);
        if self.audit.day != day {
            self.audit = AuditDay {
                day,
                ..AuditDay::default()
            };
        }
        let function = Function::Auditor;
        let beliefs = self.beliefs();
        let mut event = json!({});
        loop {
            let until = self.world.now() + SignedDuration::from_mins(5);
            let warm = self.environments.auditor.take();
            let environment = self
                .platform
                .lease(warm, function, self.now, Platform::auditor);
            self.begin(function);
            let ending = drive(
                &self.world,
                &self.weather,
                until,
                Box::pin(environment.handler.handle(event, Duration::from_mins(5))),
            );
            let serial = environment.serial;
            let ending = lived(ending, &mut self.environments.auditor, environment);
            let answer = flatten(ending.map(|result| {
                result.map(|response| serde_json::to_value(response).unwrap_or_default())
            }));
            self.settle(function, serial, &answer);
            match answer {
                Err(()) => {
                    self.again(Scheduled::Audit, attempt);
                    return;
                }
                Ok(response) if response["continuation"].is_object() => {
                    event = json!({"continuation": response["continuation"]});
                }
                Ok(response) => {
                    self.check_audit(&response, &beliefs);
                    return;
                }
            }
        }
    }

    // Services.

    fn services(&mut self) {
        let at = self.now + self.rng.i64(5 * HOUR..15 * HOUR);
        self.at(at, Event::Services);
        for number in 0..self.applications.len() {
            let application = &self.applications[number];
            let mut event = json!({"application": application.name.to_string()});
            let which = self.rng.usize(..=application.sellers.len());
            if let Some(seller) = which.checked_sub(1) {
                event["seller"] = application.sellers[seller].clone().into();
            }
            self.counts.tokens += 1;
            match self.exchange(event) {
                Some(Ok(Response::Token(token))) => {
                    let seconds = token.expires_in.as_secs();
                    let token = AccessToken {
                        value: token.access_token,
                        token_type: token.token_type,
                        expires_in: token.expires_in,
                    };
                    self.use_token(number, &token);
                    if self.rng.u8(..4) == 0 {
                        let hold = self.rng.u64(1..seconds.saturating_sub(5).max(2));
                        let at = self.now + i64::try_from(hold).unwrap_or(1) * 1_000;
                        self.at(at, Event::Use(number, token));
                    }
                }
                Some(Err(error)) if is_credential_problem(error.kind) => {
                    self.service_failed(number, &error.to_string());
                }
                _ => {}
            }
            if self.violation.is_some() {
                return;
            }
        }
        // Tokens of hours ago only cost memory.
        let before = instant(self.now - HOUR);
        self.world.state().lwa.forget_tokens_expired(before);
    }

    /// One request to the exchanger; none when the invocation died.
    fn exchange(
        &mut self,
        event: Value,
    ) -> Option<Result<Response, token_exchanger::ExchangerError>> {
        let function = Function::TokenExchanger;
        let limit = Duration::from_secs(30);
        let until = self.world.now() + SignedDuration::from_secs(30);
        let warm = self.environments.exchanger.take();
        let environment = self
            .platform
            .lease(warm, function, self.now, Platform::exchanger);
        self.begin(function);
        let ending = drive(
            &self.world,
            &self.weather,
            until,
            Box::pin(environment.handler.handle(event, limit)),
        );
        let serial = environment.serial;
        let ending = lived(ending, &mut self.environments.exchanger, environment);
        let said = match &ending {
            Some(Err(error)) => Ok(Value::from(error.to_string())),
            Some(Ok(Response::Check(check))) => Ok(Value::from(check.detail.clone())),
            Some(Ok(Response::Token(token))) => Ok(Value::from(token.secret_version.as_str())),
            None => Err(()),
        };
        self.settle(function, serial, &said);
        ending
    }

    /// A service calls SP-API.
    fn use_token(&mut self, number: usize, token: &AccessToken) {
        self.weather.lock().suspended = true;
        let until = self.world.now() + SignedDuration::from_secs(30);
        let call = self
            .world
            .marketplace_participations(token, Duration::from_secs(10));
        let ending = drive(&self.world, &self.weather, until, call);
        self.weather.lock().suspended = false;
        if let Ending::Returned(Err(error)) = ending
            && error.refusal() == Some(Refusal::SecretExpired)
        {
            self.service_failed(number, &error.to_string());
        }
    }

    fn service_failed(&mut self, number: usize, problem: &str) {
        self.tell(Some(number), Kind::ServiceFailed, || {
            format!("a service fails: {problem}")
        });
        let application = &self.applications[number];
        let is_excused = application.is_unmendable || self.now < application.excused_until;
        if !self.settings.auto_rotate || is_excused {
            self.counts.excused += 1;
            return;
        }
        self.violate(Invariant::ServicesWork, Some(number), || problem.to_owned());
    }

    /// A secret that waits for long is lost all the same.
    fn check_patience(&mut self) {
        for number in 0..self.applications.len() {
            let application = &self.applications[number];
            let Some(newest) = application.issued.last() else {
                continue;
            };
            let waits = application.stored + 1 < application.issued.len() && newest.is_posted;
            if waits && self.now - newest.at > 7 * DAY {
                self.violate(Invariant::NoSecretIsLost, Some(number), || {
                    "its newest secret is not stored after seven days".to_owned()
                });
            }
        }
    }

    // Events.

    fn arm_policies(&mut self, number: usize, written: i64) {
        for after in POLICY_DAYS {
            let late = if self.once_in(FaultKind::LateEvents, 8) {
                self.rng.i64(HOUR..4 * DAY)
            } else {
                self.rng.i64(0..6 * HOUR)
            };
            let at = written + after * DAY + late;
            if at > self.now {
                self.at(at, Event::Policy(number, written, after));
            }
        }
    }

    fn policy(&mut self, number: usize, written: i64, after: i64) {
        let secret = self.applications[number].secret.clone();
        let last = {
            let state = self.world.state();
            let parameter = state.parameters.get(&secret);
            parameter
                .and_then(|parameter| parameter.versions.last())
                .map(|version| version.written_at.as_millisecond())
        };
        if last != Some(written) || self.once_in(FaultKind::LostEvents, 4) {
            return;
        }
        let id = self.id();
        self.emit(amazon::policy_action(
            &secret,
            after,
            &id,
            instant(self.now),
        ));
    }

    fn emit(&mut self, event: Value) {
        if self.once_in(FaultKind::DuplicatedEvents, 5) {
            let at = self.now + self.rng.i64(1_000..2 * MINUTE);
            self.at(at, Event::Format(Box::new(event.clone()), 0));
        }
        let at = self.now;
        self.at(at, Event::Format(Box::new(event), 0));
    }

    fn format(&mut self, event: Value, attempt: u32) {
        let function = Function::PolicyFormatter;
        let until = self.world.now() + SignedDuration::from_secs(30);
        let warm = self.environments.formatter.take();
        let environment = self
            .platform
            .lease(warm, function, self.now, Platform::formatter);
        self.begin(function);
        let ending = drive(
            &self.world,
            &self.weather,
            until,
            Box::pin(environment.handler.handle(event.clone())),
        );
        let serial = environment.serial;
        let ending = lived(ending, &mut self.environments.formatter, environment);
        let answer = flatten(ending.map(|result| {
            result.map(|response| serde_json::to_value(response).unwrap_or_default())
        }));
        let is_sure = self.settle(function, serial, &answer);
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        match answer {
            Err(()) if attempt < 2 => {
                let at = self.now + (MINUTE << attempt);
                self.at(at, Event::Format(Box::new(event), attempt + 1));
            }
            Err(()) => self.tell(None, Kind::Alarm, || {
                "alarm: an event is among the failed invocations".to_owned()
            }),
            Ok(response) if response["message_id"].is_string() => {
                let before = self.formatted.insert(id.clone(), (serial, is_sure));
                if before == Some((serial, true)) {
                    self.violate(Invariant::NoMessageComesTwice, None, || {
                        format!("event {id} was published twice by one environment")
                    });
                }
            }
            Ok(_) => {}
        }
    }

    // People.

    /// Somebody rotates in time, late, or after weeks of messages.
    fn habit(&mut self, number: usize, secret: usize) {
        if secret + 1 == self.applications[number].issued.len() {
            let with_tags = self.rng.u8(..5) < 3;
            let posted = self.rng.bool();
            self.rotate_by_hand(number, posted);
            self.store_by_hand(number, with_tags);
        }
    }

    fn deed(&mut self, number: usize) {
        let at = self.now + self.gap(140);
        self.at(at, Event::Deed(number));
        match self.rng.u8(..20) {
            0..9 => self.rewrite(number),
            9..13 => {
                let posted = self.rng.bool();
                self.rotate_by_hand(number, posted);
                self.store_by_hand(number, true);
            }
            13..16 => {
                let posted = self.rng.bool();
                self.rotate_by_hand(number, posted);
                self.store_by_hand(number, false);
            }
            16..18 => self.rotate_by_hand(number, true),
            18 => {
                self.rotate_by_hand(number, false);
                self.applications[number].is_unmendable = true;
                let at = self.now + self.rng.i64(DAY..9 * DAY);
                self.at(at, Event::StoreAtLast(number));
            }
            _ => {
                let application = &self.applications[number];
                let mut state = self.world.state();
                if let Some(parameter) = state.parameters.get_mut(&application.secret) {
                    parameter.tags.insert(tag::OWNER.into(), "Team ERP".into());
                }
            }
        }
    }

    fn rewrite(&mut self, number: usize) {
        let application = &self.applications[number];
        let value = application.issued[application.stored].value.clone();
        let (secret, now) = (application.secret.clone(), self.world.now());
        self.world.put_parameter(&secret, &value, now);
        let is_dated = {
            let state = self.world.state();
            state.parameters.get(&secret).is_some_and(|parameter| {
                parameter.tags.contains_key(tag::SECRET_EXPIRES_AT)
                    || parameter.tags.contains_key(tag::SECRET_ISSUED_AT)
            })
        };
        // Then only a notice of Amazon's can tell, and it may be lost.
        self.applications[number].is_unmendable |= !is_dated;
        self.tell(Some(number), Kind::Person, || {
            "somebody edits the description, which writes the same value again".to_owned()
        });
        self.written(number);
    }

    fn rotate_by_hand(&mut self, number: usize, posted: bool) {
        self.counts.console_rotations += 1;
        let application = &self.applications[number];
        let value = format!(
            "amzn1.oa2-cs.v1.local-{number:04}-{:04}",
            application.issued.len()
        );
        let now = self.world.now();
        let spread = i64::try_from(self.traffic.lock().propagation.as_secs()).unwrap_or_default();
        {
            let mut state = self.world.state();
            if let Some(client) = state.lwa.applications.get_mut(&application.client_id) {
                client.rotate(&value, now, now + SignedDuration::from_secs(spread));
            }
        }
        self.tell(Some(number), Kind::Person, || {
            "somebody rotates in the developer console".to_owned()
        });
        self.issue(number, &value, false, posted);
    }

    /// Somebody stores the newest secret: with `lwa store`, or the value alone.
    fn store_by_hand(&mut self, number: usize, with_tags: bool) {
        let application = &mut self.applications[number];
        let secret = application.issued.len() - 1;
        let issued = &application.issued[secret];
        let (value, name) = (issued.value.clone(), application.secret.clone());
        let (issued_at, expires_at) = (instant(issued.at), instant(issued.expires_at));
        application.is_mistagged = !with_tags;
        self.world.put_parameter(&name, &value, self.world.now());
        if with_tags && let Some(parameter) = self.world.state().parameters.get_mut(&name) {
            let tags = &mut parameter.tags;
            tags.insert(tag::SECRET_ISSUED_AT.into(), issued_at.to_string());
            tags.insert(tag::SECRET_EXPIRES_AT.into(), expires_at.to_string());
        }
        self.tell_until(
            Some(number),
            Kind::Stored,
            Some(expires_at.as_millisecond()),
            || {
                format!(
                    "somebody stores secret {secret} by hand{}",
                    if with_tags { "" } else { ", without its dates" }
                )
            },
        );
        self.stored(number, secret);
        self.written(number);
    }

    /// The vault holds another secret.
    fn stored(&mut self, number: usize, secret: usize) {
        let application = &mut self.applications[number];
        application.stored = secret;
        if secret + 1 == application.issued.len() && application.is_unmendable {
            application.is_unmendable = false;
            application.excused_until = self.now + HOUR;
        }
    }

    /// The parameter was written, by whomever: AWS says so, and the policies begin anew.
    fn written(&mut self, number: usize) {
        let written = self.world.now().as_millisecond();
        self.arm_policies(number, written);
        if !self.once_in(FaultKind::LostEvents, 10) {
            let id = self.id();
            let secret = self.applications[number].secret.clone();
            let event = amazon::parameter_update(&secret, &id, instant(written));
            self.emit(event);
        }
    }

    // Outages.

    fn down(&mut self, service: Service) {
        let lasts = self.rng.i64(5 * MINUTE..12 * HOUR);
        let until = self.now + lasts;
        self.weather.lock().down.push(service);
        self.at(until, Event::Up(service));
        let at = until + self.gap(45);
        self.at(at, Event::Down(service));
        self.tell_until(None, Kind::Outage, Some(until), || {
            format!("{} is down until {}", service.as_str(), minute(until))
        });
    }

    fn deny(&mut self, operation: &'static str) {
        let until = self.now + self.rng.i64(HOUR..20 * HOUR);
        self.weather.lock().denied.push(operation);
        self.at(until, Event::Allow(operation));
        let at = until + self.gap(150);
        self.at(at, Event::Deny(operation));
        self.tell_until(None, Kind::Outage, Some(until), || {
            format!("{operation} is denied until {}", minute(until))
        });
    }

    // After each invocation.

    fn begin(&mut self, function: Function) {
        self.counts.invocations += 1;
        let mut weather = self.weather.lock();
        weather.function = function;
        weather.died = false;
        weather.struck = false;
        weather.last = None;
    }

    /// Looks at everything that an invocation did. Answers whether nothing went wrong in it, so
    /// that what it did it did for certain.
    fn settle(&mut self, function: Function, serial: u64, answer: &Result<Value, ()>) -> bool {
        let (struck, last) = {
            let mut weather = self.weather.lock();
            weather.died = false;
            (weather.struck, weather.last.take())
        };
        if let Some(last) = last {
            let number = mentioned(&last);
            self.tell(number, Kind::Trouble, || {
                format!("{}: {last}", function.as_str())
            });
        }
        if answer.is_err() {
            self.counts.deaths += 1;
        }
        let is_sure = !struck && answer.is_ok();
        if function == Function::Auditor {
            self.audit.is_unsure |= !is_sure;
        }
        let (calls, published, metrics) = {
            let mut state = self.world.state();
            (
                mem::take(&mut state.calls),
                mem::take(&mut state.published),
                mem::take(&mut state.metrics),
            )
        };
        if let Ok(answer) = answer {
            let text = answer.to_string();
            self.check_words(&text, "an answer");
        }
        if let Some(line) = self.heard.take() {
            self.violate(Invariant::NothingSecretIsSaid, None, || {
                format!("a log line says a secret:{}", line.replace("local", "…"))
            });
        }
        self.notice_rotations();
        let requests = mem::take(&mut self.traffic.lock().requests);
        for request in requests {
            self.check_request(&request);
        }
        for call in calls {
            if let Some(name) = call.strip_prefix("PutParameter ")
                && let Some(&number) = self.by_secret.get(name)
            {
                self.check_put(number);
            }
        }
        for message in published {
            self.told(function, serial, &message, is_sure);
        }
        if function == Function::Auditor {
            for set in metrics {
                if let [("Application", name)] = set.dimensions.as_slice() {
                    let days = set
                        .metrics
                        .iter()
                        .find(|metric| metric.name == "DaysToDeadline");
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "a number of days is far below 2^53"
                    )]
                    if let Some(days) = days {
                        self.audit.days_left.insert(name.clone(), days.value as i64);
                    }
                }
            }
        }
        is_sure
    }

    fn check_words(&mut self, text: &str, what: &str) {
        if let Some(mark) = secret_in(text) {
            self.violate(Invariant::NothingSecretIsSaid, None, || {
                format!("{what} has `{mark}` in it")
            });
        }
    }

    /// People got a message.
    fn told(&mut self, function: Function, serial: u64, message: &Message, is_sure: bool) {
        self.counts.messages += 1;
        for text in [
            &message.subject,
            &message.default,
            &message.email,
            &message.sms,
            &message.https,
        ] {
            self.check_words(text, "a message to people");
        }
        let number = message
            .attributes
            .application
            .as_ref()
            .and_then(|name| self.by_name.get(name))
            .copied();
        let kind = if message.attributes.kind == "rotation-due" {
            Kind::Reminder
        } else {
            Kind::Message
        };
        self.tell(number, kind, || format!("people read: {}", message.subject));
        match (function, message.attributes.kind) {
            (Function::Auditor, _) => {
                let body = |text: &str| {
                    text.rsplit_once("\nAudit of")
                        .map_or_else(String::new, |(body, _)| body.to_owned())
                };
                let same = self
                    .audit
                    .digests
                    .iter()
                    .any(|earlier| body(earlier) == body(&message.email));
                if same && !self.audit.is_unsure {
                    self.violate(Invariant::NoReminderComesTwice, None, || {
                        format!("a second digest on one day: {}", message.subject)
                    });
                }
                self.audit.digests.push(message.email.clone());
            }
            (Function::RotationRequester, "rotation-due") => {
                let Some(number) = number else { return };
                // A date that Amazon reports for the first time is told at once, besides the
                // schedule's own reminder.
                let origin = if message.email.contains("upon a notification") {
                    "notice"
                } else {
                    "schedule"
                };
                let day = self.now.div_euclid(DAY);
                let before = self
                    .told_to_rotate
                    .insert((number, origin), (day, serial, is_sure));
                if before == Some((day, serial, true)) && is_sure {
                    self.violate(Invariant::NoReminderComesTwice, Some(number), || {
                        format!("a second time on one day: {}", message.subject)
                    });
                }
            }
            _ => {}
        }
    }

    /// What was told in an invocation that did not end well may be told again.
    fn forget_certainty(&mut self) {
        let day = self.now.div_euclid(DAY);
        for (told, _, is_sure) in self.told_to_rotate.values_mut() {
            *is_sure &= *told != day;
        }
    }

    /// A rotation was requested.
    fn check_request(&mut self, request: &RotationRequest) {
        let Some(&number) = self.by_client.get(&request.client_id) else {
            return;
        };
        self.tell(Some(number), Kind::Requested, || {
            if request.counts {
                "the system requests a new secret".to_owned()
            } else {
                "the system requests a new secret, and is refused".to_owned()
            }
        });
        if !self.settings.auto_rotate {
            self.violate(Invariant::RotationsAreRequestedOnce, Some(number), || {
                "AUTO_ROTATE is false, and a rotation was requested".to_owned()
            });
        }
        if !request.counts {
            return;
        }
        let before = self.requests.insert(request.client_id.clone(), request.at);
        // Two environments' clocks may differ by four minutes.
        let quiet = SignedDuration::from_mins(24 * 60 - 5);
        if let Some(before) = before
            && request.at.duration_since(before) < quiet
        {
            self.violate(Invariant::RotationsAreRequestedOnce, Some(number), || {
                format!(
                    "a second request, {} after the first",
                    span(request.at, before)
                )
            });
        }
    }

    /// A function wrote a client secret.
    fn check_put(&mut self, number: usize) {
        let application = &self.applications[number];
        let (current, written) = {
            let state = self.world.state();
            let version = state
                .parameters
                .get(&application.secret)
                .and_then(|parameter| parameter.versions.last());
            let Some(version) = version else { return };
            (version.value.expose_secret().to_owned(), version.written_at)
        };
        let Some(secret) = application
            .issued
            .iter()
            .position(|issued| issued.value == current)
        else {
            return;
        };
        let before = application.stored;
        if secret == before {
            return;
        }
        // Nobody can tell that a value without dates is newer than a secret with dates.
        if secret < before && self.applications[number].is_mistagged {
            self.applications[number].is_unmendable = true;
        } else if secret < before {
            self.violate(Invariant::NothingOlderIsStored, Some(number), || {
                format!("secret {secret} replaces secret {before}")
            });
        }
        let (works_from, old_ends) = {
            let state = self.world.state();
            let secrets = state
                .lwa
                .applications
                .get(&self.applications[number].client_id)
                .map(|client| &client.secrets);
            (
                secrets.and_then(|secrets| Some(secrets.get(secret)?.works_from)),
                secrets.and_then(|secrets| secrets.get(before)?.works_until),
            )
        };
        let is_unknown = works_from.is_some_and(|from| from > written);
        let is_dying = old_ends
            .is_some_and(|ends| ends.duration_since(written) < SignedDuration::from_hours(24 + 1));
        if is_unknown && !is_dying {
            self.violate(Invariant::StoredSecretsWork, Some(number), || {
                format!("secret {secret} is stored before LWA knows it")
            });
        }
        let expires_at = self.applications[number].issued[secret].expires_at;
        self.tell_until(Some(number), Kind::Stored, Some(expires_at), || {
            format!("secret {secret} is stored")
        });
        self.stored(number, secret);
        self.written(number);
    }

    // Audits.

    /// What the vault says about each deadline, worked out here once more: the instant, and
    /// whether it was reported.
    fn beliefs(&self) -> Vec<(i64, bool)> {
        let state = self.world.state();
        self.applications
            .iter()
            .map(|application| {
                let Some(parameter) = state.parameters.get(&application.secret) else {
                    return (0, false);
                };
                let read = |name: &str| {
                    let at: Timestamp = parameter.tags.get(name)?.parse().ok()?;
                    Some(at.as_millisecond())
                };
                let lifetime = i64::from(SECRET_LIFETIME_DAYS) * DAY;
                let written = parameter
                    .versions
                    .last()
                    .map_or(0, |version| version.written_at.as_millisecond());
                match (read(tag::SECRET_EXPIRES_AT), read(tag::SECRET_ISSUED_AT)) {
                    (Some(at), _) => (at, true),
                    (None, Some(at)) => (at + lifetime, false),
                    (None, None) => (written + lifetime, false),
                }
            })
            .collect()
    }

    /// The day on which Amazon ends the secret that is stored.
    fn truth(&self, number: usize) -> Option<i64> {
        let application = &self.applications[number];
        let state = self.world.state();
        let client = state.lwa.applications.get(&application.client_id)?;
        let until = client.secrets.get(application.stored)?.works_until?;
        Some(until.as_millisecond())
    }

    fn check_audit(&mut self, response: &Value, beliefs: &[(i64, bool)]) {
        let partial = response["partial"].as_bool().unwrap_or_default();
        let started: Option<Timestamp> = response["started_at"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let now = started.map_or(self.now, Timestamp::as_millisecond);
        let days_left = mem::take(&mut self.audit.days_left);
        let listed = self
            .audit
            .digests
            .iter()
            .filter_map(|digest| {
                let (_, list) = digest.split_once("Client secrets to rotate\n")?;
                Some(list.split("\n\n").next().unwrap_or(list).to_owned())
            })
            .collect::<Vec<_>>();
        for (number, &(belief, reported)) in beliefs.iter().enumerate() {
            let name = self.applications[number].name.to_string();
            let left = belief.div_euclid(DAY) - now.div_euclid(DAY);
            match days_left.get(&name) {
                None if partial => {}
                None => self.violate(Invariant::EveryApplicationIsSeen, Some(number), || {
                    "the audit of the day does not say when its secret ends".to_owned()
                }),
                Some(&said) => self.check_belief(number, said, reported, partial),
            }
            let is_due = REMINDER_DAYS.contains(&left) || now >= belief;
            if !is_due || self.violation.is_some() {
                continue;
            }
            let entry = format!("  - {name}: ");
            if listed.iter().any(|list| list.contains(&entry)) {
                self.counts.reminders += 1;
                self.tell(Some(number), Kind::Reminder, || {
                    format!("the digest reminds of {left} days")
                });
            } else if !partial {
                self.violate(Invariant::EveryReminderComes, Some(number), || {
                    format!("{left} days before the deadline the digest does not name it")
                });
            }
        }
    }

    /// Holds what the audit says about a deadline against when Amazon really ends the secret.
    fn check_belief(&mut self, number: usize, said: i64, reported: bool, partial: bool) {
        let Some(truth) = self.truth(number) else {
            return;
        };
        let today = self.now.div_euclid(DAY);
        let left = truth.div_euclid(DAY) - today;
        if said == left {
            self.applications[number].is_mistagged &= !reported || partial;
            return;
        }
        let application = &self.applications[number];
        let newest = application.issued.last();
        // Until the new secret is stored, its predecessor lives for the overlap, and people
        // have been told so.
        let is_waited_for = application.stored + 1 < application.issued.len()
            && newest
                .is_some_and(|newest| self.now - newest.at < i64::from(OVERLAP_DAYS + 1) * DAY);
        // Stored, and not dated yet: the message goes round until it is.
        let is_half_done = self
            .new_secrets
            .messages
            .iter()
            .any(|message| matches!(message.about, About::NewSecret(of, _) if of == number));
        let is_rotating = is_waited_for || is_half_done;
        let is_excused =
            is_rotating || application.is_mistagged || application.is_unmendable || partial;
        if reported && !is_excused {
            self.violate(Invariant::BeliefsAreTrue, Some(number), || {
                format!("the audit says {said} days, and Amazon ends the secret in {left}")
            });
        }
    }

    // The story.

    fn tell(&mut self, application: Option<usize>, kind: Kind, text: impl FnOnce() -> String) {
        self.tell_until(application, kind, None, text);
    }

    fn tell_until(
        &mut self,
        application: Option<usize>,
        kind: Kind,
        until: Option<i64>,
        text: impl FnOnce() -> String,
    ) {
        if self.telling {
            self.story.entries.push(Entry {
                at: self.world.now(),
                application,
                kind,
                text: text(),
                until: until.map(instant),
            });
        }
    }

    fn violate(
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
        self.tell(application, Kind::Violation, || violation.to_string());
        self.violation = Some(violation);
    }
}

/// Keeps an environment whose invocation returned; what died is gone.
fn lived<T, H>(
    ending: Ending<T>,
    slot: &mut Option<Environment<H>>,
    environment: Environment<H>,
) -> Option<T> {
    match ending {
        Ending::Returned(output) => {
            *slot = Some(environment);
            Some(output)
        }
        Ending::Died | Ending::TimedOut => None,
    }
}

/// An answer, or nothing where the invocation failed in whatever way.
fn flatten<E: std::fmt::Display>(answer: Option<Result<Value, E>>) -> Result<Value, ()> {
    match answer {
        Some(Ok(answer)) => Ok(answer),
        _ => Err(()),
    }
}

/// The application that a call is about, by its name.
fn mentioned(call: &str) -> Option<usize> {
    let (_, rest) = call.split_once("erp/app-")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

fn is_credential_problem(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::CredentialRejected | ErrorKind::CredentialMissing
    )
}

fn queue(name: &'static str, visibility: i64, max_receives: u32, retention: i64) -> Queue {
    Queue {
        name,
        visibility,
        max_receives,
        retention,
        messages: Vec::new(),
        dead: Vec::new(),
        alarmed: false,
    }
}

fn layout() -> Layout {
    Layout {
        prefixes: vec![PREFIX.to_owned()],
        client_id_leaf: "lwa/clientidentifier".into(),
        client_secret_leaf: "lwa/clientsecret".into(),
        refresh_token_leaf: "refreshToken".into(),
    }
}

fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

fn date(milliseconds: i64) -> String {
    lwa_core::wording::date(instant(milliseconds))
}

fn minute(milliseconds: i64) -> String {
    lwa_core::wording::minute(instant(milliseconds))
}

fn span(later: Timestamp, earlier: Timestamp) -> String {
    let minutes = later.duration_since(earlier).as_mins();
    format!("{} hours {} minutes", minutes / 60, minutes % 60)
}

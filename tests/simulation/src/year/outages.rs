//! Services that are down, and permissions that are missing.

use super::event_queue::Event;
use super::state::Year;
use crate::fault_model::Service;
use crate::story::Kind;
use crate::time::{HOUR, MINUTE, minute};

impl Year {
    pub(super) fn down(&mut self, service: Service) {
        let lasts = self.rng.i64(5 * MINUTE..12 * HOUR);
        let until = self.now + lasts;
        self.fault_model.lock().down.push(service);
        self.at(until, Event::Up(service));
        let at = until + self.gap(45);
        self.at(at, Event::Down(service));
        self.record_until(None, Kind::Outage, Some(until), || {
            format!("{} is down until {}", service.as_str(), minute(until))
        });
    }

    pub(super) fn deny(&mut self, operation: &'static str) {
        let until = self.now + self.rng.i64(HOUR..20 * HOUR);
        self.fault_model.lock().denied.push(operation);
        self.at(until, Event::Allow(operation));
        let at = until + self.gap(150);
        self.at(at, Event::Deny(operation));
        self.record_until(None, Kind::Outage, Some(until), || {
            format!("{operation} is denied until {}", minute(until))
        });
    }
}

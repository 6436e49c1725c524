//! Searches everything that the handlers log for secrets.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What every secret of the model contains: client secrets, refresh tokens, access tokens.
const MARKS: [&str; 3] = ["oa2-cs.v1.local", "|planted", "|local-"];

/// The first secret in a text, if there is one.
pub(crate) fn secret_in(text: &str) -> Option<&'static str> {
    MARKS.into_iter().find(|mark| text.contains(mark))
}

/// The first log line with a secret, if there was one.
#[derive(Clone, Default)]
pub(crate) struct FirstLeak(Arc<Mutex<Option<String>>>);

impl FirstLeak {
    /// Takes the line.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Reads what is logged at INFO and above, as a deployed function logs.
pub(crate) struct LeakDetector(pub(crate) FirstLeak);

impl Subscriber for LeakDetector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        if secret_in(&line.0).is_some() {
            let mut first_leak = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            first_leak.get_or_insert(line.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push(' ');
        self.0.push_str(value);
    }

    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {value:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_log_line_is_found() {
        let first_leak = FirstLeak::default();
        lwa_local::log::prepare();
        tracing::subscriber::with_default(LeakDetector(first_leak.clone()), || {
            tracing::info!(field = "harmless", "nothing");
            assert!(first_leak.take().is_none());
            tracing::warn!(field = "Atzr|planted-1", "something");
            tracing::debug!("Atza|local-1 is not logged by a deployed function");
        });
        assert!(first_leak.take().unwrap().contains("planted"));
        assert!(first_leak.take().is_none());
    }
}

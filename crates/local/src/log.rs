//! Listening to what the handlers log.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A sink that keeps every byte. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// An empty log, and the promise of [`prepare`].
    pub fn new() -> Self {
        prepare();
        Self::default()
    }

    /// Everything written so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a subscriber of one thread hear every line of that thread from here on. Does nothing
/// where a subscriber of the process is set.
///
/// While there is only one subscriber, `tracing` asks the thread that comes by a line first
/// whether there is a listener, and keeps the answer for all threads. A second subscriber, which
/// hears nothing, makes it ask all of them:
/// <https://docs.rs/tracing-core/0.1/src/tracing_core/callsite.rs.html>.
pub fn prepare() {
    // An error says that one is set, which is as good.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default());
}

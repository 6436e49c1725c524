//! Questions whose answers the terminal does not show.
//!
//! The terminal is as it was once the questions are over, also where a signal ends them, and
//! what was pasted and not read does not reach the shell, which would run it and keep it.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
};
use secrecy::zeroize::{Zeroize, Zeroizing};
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::{emulate_default_handler, pipe, unregister};

/// More than a terminal takes as one line,
/// <https://man7.org/linux/man-pages/man3/termios.3.html>.
const LONGEST_LINE: usize = 4096;

/// What ends a program at a question, or stops it.
const SIGNALS: [i32; 5] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP];

/// A terminal that does not show what is typed, until this is dropped. A process makes one: signals
/// have their usual effect from then on.
pub(crate) struct Hidden {
    shown: Termios,
    signals: Signals,
}

/// The signals that arrive while a terminal is hidden.
struct Signals {
    /// Whether they have their usual effect at once.
    are_default: Arc<AtomicBool>,
    /// The one that arrived last; 0 for none.
    last: Arc<AtomicUsize>,
    /// Can be read once one has arrived.
    arrival: UnixStream,
    ids: Vec<SigId>,
}

impl Hidden {
    /// Hides what is typed into standard input, which must be a terminal.
    pub(crate) fn new() -> io::Result<Self> {
        let signals = Signals::new()?;
        let shown = tcgetattr(io::stdin())?;
        let hidden = Self { shown, signals };
        hidden.hide()?;
        Ok(hidden)
    }

    /// Asks on standard error. The answer is what is typed after the question, without the end
    /// of its line.
    pub(crate) fn ask(&self, question: &str) -> io::Result<Zeroizing<String>> {
        tcflush(io::stdin(), QueueSelector::IFlush)?;
        let mut err = anstream::stderr();
        write!(err, "{question}")?;
        err.flush()?;
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
        loop {
            if self.wait()? {
                // It was stopped and goes on: the question is far up.
                line.zeroize();
                write!(err, "{question}")?;
                err.flush()?;
                continue;
            }
            let start = line.len();
            line.resize(LONGEST_LINE, 0);
            let length = match rustix::io::read(io::stdin(), &mut line[start..]) {
                Err(Errno::INTR) => 0,
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => read?,
            };
            line.truncate(start + length);
            if line.ends_with(b"\n") || line.len() == LONGEST_LINE {
                break;
            }
        }
        writeln!(err)?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = str::from_utf8(line)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn hide(&self) -> io::Result<()> {
        let mut modes = self.shown.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        // Also in case that standard input was left without lines.
        modes.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
        Ok(tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?)
    }

    /// Shows again what is typed, and throws away what was typed and not read.
    fn show(&self) -> io::Result<()> {
        Ok(tcsetattr(io::stdin(), OptionalActions::Flush, &self.shown)?)
    }

    /// Waits until there is something to read. Whether the program was stopped meanwhile.
    fn wait(&self) -> io::Result<bool> {
        let stdin = io::stdin();
        let mut events = [
            PollFd::new(&self.signals.arrival, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
        ];
        loop {
            match poll(&mut events, None) {
                Err(Errno::INTR) => {}
                polled => {
                    polled?;
                }
            }
            if let Some(signal) = self.signals.take() {
                self.show()?;
                let _ = writeln!(io::stderr());
                // Ends the program, unless it only stops it.
                emulate_default_handler(signal)?;
                self.hide()?;
                return Ok(true);
            }
            if !events[1].revents().is_empty() {
                return Ok(false);
            }
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is no other way to bring it back.
        let _ = self.show();
    }
}

impl Signals {
    fn new() -> io::Result<Self> {
        let (arrival, sender) = UnixStream::pair()?;
        arrival.set_nonblocking(true)?;
        let mut signals = Self {
            are_default: Arc::new(AtomicBool::new(false)),
            last: Arc::new(AtomicUsize::new(0)),
            arrival,
            ids: Vec::new(),
        };
        for signal in SIGNALS {
            let are_default = Arc::clone(&signals.are_default);
            // It stays, because without it the signal would have no effect any more.
            signal_hook::flag::register_conditional_default(signal, are_default)?;
            let last = Arc::clone(&signals.last);
            let number = usize::try_from(signal).unwrap_or_default();
            let recorded = signal_hook::flag::register_usize(signal, last, number)?;
            let told = pipe::register(signal, sender.try_clone()?)?;
            signals.ids.extend([recorded, told]);
        }
        Ok(signals)
    }

    /// The signal that arrived, once.
    fn take(&self) -> Option<i32> {
        let signal = self.last.swap(0, Ordering::SeqCst);
        // What woke the waiting up.
        let mut bytes = [0; 16];
        while io::Read::read(&mut &self.arrival, &mut bytes).is_ok_and(|length| length > 0) {}
        i32::try_from(signal).ok().filter(|signal| *signal != 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.are_default.store(true, Ordering::SeqCst);
        for id in self.ids.drain(..) {
            unregister(id);
        }
        // One that came too late for the last question.
        if let Some(signal) = self.take() {
            let _ = emulate_default_handler(signal);
        }
    }
}

//! Runs one invocation to its end, on one thread and without waiting.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use jiff::Timestamp;
use lwa_core::ports::Clock;
use lwa_local::World;

use crate::fault_model::SharedFaultModel;

/// How an invocation ended.
pub(crate) enum Ending<T> {
    /// With an answer.
    Returned(T),
    /// Its process died.
    Died,
    /// The platform ended it.
    TimedOut,
}

/// Polls a handler until it returns, dies, or has used up its time. Time passes only in the
/// world; a future that waits for something that no longer happens has waited until `until`.
pub(crate) fn drive<F: Future>(
    world: &World,
    fault_model: &SharedFaultModel,
    until: Timestamp,
    future: F,
) -> Ending<F::Output> {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        let poll = future.as_mut().poll(&mut context);
        if fault_model.lock().died {
            return Ending::Died;
        }
        match poll {
            _ if world.now() > until => return Ending::TimedOut,
            Poll::Ready(output) => return Ending::Returned(output),
            Poll::Pending if woken.0.swap(false, Ordering::Relaxed) => {}
            Poll::Pending => {
                world.set_now(until);
                return Ending::TimedOut;
            }
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

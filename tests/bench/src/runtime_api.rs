//! The Lambda Runtime API, <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>, one
//! for each process. It records when requests come, and the measurement decides when and with
//! what they are answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::http::{Request, Server, answer};

/// How long a function has for one invocation.
const TIMEOUT: Duration = Duration::from_mins(15);

/// The Runtime API of one process.
pub(crate) struct RuntimeApi {
    server: Server,
    /// The function asks for an event.
    pub(crate) polls: mpsc::UnboundedReceiver<Poll>,
    /// The function answers an event, or says that it cannot start.
    pub(crate) answers: mpsc::UnboundedReceiver<Answer>,
}

/// A function that waits for an event.
pub(crate) struct Poll {
    /// When it asked.
    pub(crate) at: Instant,
    reply: oneshot::Sender<Vec<u8>>,
}

/// What a function made of an event.
pub(crate) struct Answer {
    /// When it came.
    pub(crate) at: Instant,
    /// The response, or the error.
    pub(crate) outcome: Result<Vec<u8>, Vec<u8>>,
    acknowledge: oneshot::Sender<()>,
}

impl RuntimeApi {
    /// Starts one on a free port.
    pub(crate) async fn start() -> Result<Self> {
        let (poll, polls) = mpsc::unbounded_channel();
        let (tell, answers) = mpsc::unbounded_channel();
        let server = Server::start(None, async move |request: Request| {
            let at = clock::now();
            if request.is_get && request.path.ends_with("/invocation/next") {
                let (reply, event) = oneshot::channel();
                // Nobody listens once the measurement is over, and then the process is killed.
                let _ = poll.send(Poll { at, reply });
                return event.await.unwrap_or_default();
            }
            let outcome = if request.path.ends_with("/response") {
                Ok(request.body)
            } else {
                Err(request.body)
            };
            let (acknowledge, acknowledged) = oneshot::channel();
            let _ = tell.send(Answer {
                at,
                outcome,
                acknowledge,
            });
            let _ = acknowledged.await;
            answer("202 Accepted", "", b"")
        })
        .await?;
        Ok(Self {
            server,
            polls,
            answers,
        })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

impl Poll {
    /// Hands out an event, and says when.
    pub(crate) fn give(self, number: u64, event: &[u8]) -> Instant {
        let deadline_ms = clock::unix_time_ms() + TIMEOUT.as_millis();
        let headers = format!(
            "Content-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-{number:012x}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111122223333:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0\r\n"
        );
        let bytes = answer("200 OK", &headers, event);
        let at = clock::now();
        // A process that has ended no longer waits; the measurement finds that out itself.
        let _ = self.reply.send(bytes);
        at
    }
}

impl Answer {
    /// Lets the function go on.
    pub(crate) fn acknowledge(self) {
        let _ = self.acknowledge.send(());
    }
}

//! The real binary of a function, run as Lambda runs it:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

pub mod protocol;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use self::protocol::{Poll, Report, RuntimeApi};
use crate::binary;
use crate::process::{Log, Process};
use crate::server::Server;

pub use self::protocol::Invocation;

/// How long a function may take to say that it cannot start, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A function's process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Function {
    name: String,
    server: Server,
    waiting: mpsc::UnboundedSender<Invocation>,
    shared: Arc<Shared>,
    exit: watch::Receiver<Option<ExitStatus>>,
    log: Log,
    process_id: u32,
}

/// A failed invocation, as the caller of a function sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// What programs tell errors apart by. Lambda's own are `Runtime.ExitError` for a process
    /// that ended and `Sandbox.Timedout`.
    pub error_type: String,
    /// What people read.
    pub error_message: String,
}

type Outcome = Result<Value, FunctionError>;

/// What the function sent, as its response or as its error. It is read in the test's own task,
/// where a body that is not as it should be can fail the test.
type Sent = Result<Bytes, Bytes>;

#[derive(Debug)]
struct Shared {
    pending: Mutex<HashMap<String, oneshot::Sender<Sent>>>,
    init_error: watch::Sender<Option<Bytes>>,
    kill: Notify,
}

impl Function {
    /// Start the binary of a function of this workspace with these variables and those that
    /// Lambda sets, and no others. Must be called inside a Tokio runtime.
    ///
    /// With `AWS_LAMBDA_MAX_CONCURRENCY` set a function takes several events at once.
    pub fn start<K, V>(name: &str, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        Self::start_at(&binary::path(name), variables)
    }

    /// The same with a binary from anywhere.
    pub fn start_at<K, V>(binary: &Path, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        let name = binary
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let RuntimeApi {
            server,
            polls,
            reports,
        } = RuntimeApi::start(&name);
        let mut environment = protocol::variables(&name, server.address());
        environment.extend(
            variables
                .into_iter()
                .map(|(key, value)| (key.into(), value.into())),
        );
        let process = Process::start(binary, [""; 0], environment);
        let (log, process_id) = (process.log(), process.id());

        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            init_error: watch::Sender::new(None),
            kill: Notify::new(),
        });
        let (waiting, invocations) = mpsc::unbounded_channel();
        let (ended, exit) = watch::channel(None);
        // Each ends by itself once the server or the process is gone.
        tokio::spawn(hand_out(polls, invocations));
        tokio::spawn(take_in(reports, Arc::clone(&shared)));
        tokio::spawn(watch_over(process, Arc::clone(&shared), ended));
        Self {
            name,
            server,
            waiting,
            shared,
            exit,
            log,
            process_id,
        }
    }

    /// Send an event and wait for the answer.
    pub async fn invoke(&self, event: &Value) -> Outcome {
        self.invoke_with(Invocation::of(event)).await
    }

    /// Send anything, with any limit, and wait for the answer. As in Lambda, a process that ends
    /// fails its invocations, and one that takes too long is killed.
    pub async fn invoke_with(&self, invocation: Invocation) -> Outcome {
        let Invocation {
            request_id,
            timeout,
            ..
        } = invocation.clone();
        let (answer, mut answered) = oneshot::channel();
        lock(&self.shared.pending).insert(request_id.clone(), answer);
        self.waiting
            .send(invocation)
            .expect("events should be handed out as long as the function is there");

        let mut exit = self.exit.clone();
        let outcome = tokio::select! {
            biased;
            sent = &mut answered => {
                match sent.expect("a pending answer should not be forgotten") {
                    Ok(response) => Ok(self.parse(&response)),
                    Err(error) => Err(self.parse(&error)),
                }
            }
            status = exit_status(&mut exit) => Err(FunctionError {
                error_type: "Runtime.ExitError".to_owned(),
                error_message: format!(
                    "RequestId: {request_id} Error: Runtime exited with error: {status}"
                ),
            }),
            () = tokio::time::sleep(timeout) => {
                self.shared.kill.notify_one();
                Err(FunctionError {
                    error_type: "Sandbox.Timedout".to_owned(),
                    error_message: format!(
                        "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                        timeout.as_secs_f64()
                    ),
                })
            }
        };
        lock(&self.shared.pending).remove(&request_id);
        outcome
    }

    /// The error with which the function said that it cannot start.
    pub async fn init_error(&self) -> FunctionError {
        let mut errors = self.shared.init_error.subscribe();
        let error = async {
            let seen = errors.wait_for(Option::is_some).await;
            seen.ok().and_then(|error| error.clone())
        };
        match tokio::time::timeout(PATIENCE, error).await {
            Ok(Some(error)) => self.parse(&error),
            _ => panic!(
                "{} reported no init error; it wrote:\n{}",
                self.name,
                self.output()
            ),
        }
    }

    /// How the process ended, once it has; everything it wrote is then in [`Function::output`].
    pub async fn exit(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        tokio::time::timeout(PATIENCE, exit_status(&mut exit))
            .await
            .unwrap_or_else(|_| panic!("{} still runs; it wrote:\n{}", self.name, self.output()))
    }

    /// Kill the process, and return everything it wrote.
    pub async fn stop(self) -> String {
        self.shared.kill.notify_one();
        self.exit().await;
        self.output()
    }

    /// The process, by the number that the system gave it.
    pub const fn process_id(&self) -> u32 {
        self.process_id
    }

    /// What the process wrote so far to standard output and standard error.
    pub fn output(&self) -> String {
        self.log.text()
    }

    /// The lines of [`Function::output`] that are JSON objects: structured logs, and metrics in
    /// the embedded metric format.
    pub fn json_lines(&self) -> Vec<Value> {
        let output = self.output();
        output
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(Value::is_object)
            .collect()
    }

    /// Where this function finds the Runtime API.
    pub const fn runtime_api(&self) -> SocketAddr {
        self.server.address()
    }

    fn parse<T: DeserializeOwned>(&self, body: &Bytes) -> T {
        serde_json::from_slice(body).unwrap_or_else(|error| {
            let body = String::from_utf8_lossy(body);
            panic!(
                "{} sent what Lambda does not understand, {error}:\n{body}",
                self.name
            )
        })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.shared.kill.notify_one();
    }
}

impl Invocation {
    /// An event with an id of its own and 30 seconds.
    pub fn of(event: &Value) -> Self {
        Self::of_bytes(event.to_string())
    }

    /// The same with any bytes as the event.
    pub fn of_bytes(payload: impl Into<Bytes>) -> Self {
        let id = format!("{:032x}", fastrand::u128(..));
        let parts = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]];
        Self {
            payload: payload.into(),
            request_id: parts.join("-"),
            timeout: Duration::from_secs(30),
            qualifier: None,
        }
    }

    /// By an alias or version of the function.
    #[must_use]
    pub fn by(mut self, qualifier: &str) -> Self {
        self.qualifier = Some(qualifier.to_owned());
        self
    }

    /// With another limit.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Gives each event to the next poll. A function that polls several times at once has several
/// events in hand.
async fn hand_out(
    mut polls: mpsc::UnboundedReceiver<Poll>,
    mut invocations: mpsc::UnboundedReceiver<Invocation>,
) {
    while let Some(poll) = polls.recv().await {
        let Some(invocation) = invocations.recv().await else {
            return;
        };
        poll.give(&invocation);
    }
}

/// Passes on what the function sends to the test that waits for it.
async fn take_in(mut reports: mpsc::UnboundedReceiver<Report>, shared: Arc<Shared>) {
    while let Some(report) = reports.recv().await {
        let sent = report.outcome.clone();
        let Some(request_id) = &report.request_id else {
            shared.init_error.send_replace(sent.err());
            report.accept();
            continue;
        };
        let Some(answer) = lock(&shared.pending).remove(request_id) else {
            report.refuse(
                StatusCode::BAD_REQUEST,
                "no invocation with this id is in hand",
            );
            continue;
        };
        // The receiver is gone if the invocation has just timed out.
        let _ = answer.send(sent);
        report.accept();
    }
}

/// Waits until the process has ended or must be killed, then says how it ended.
async fn watch_over(
    mut process: Process,
    shared: Arc<Shared>,
    ended: watch::Sender<Option<ExitStatus>>,
) {
    let status = tokio::select! {
        status = process.wait() => status,
        () = shared.kill.notified() => {
            process.kill();
            process.wait().await
        }
    };
    ended.send_replace(Some(status));
}

async fn exit_status(exit: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    exit.wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|status| *status)
        .expect("the task that watches the process should say how it ended")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The Lambda Runtime API, for the real binary of a function:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::server::{Body, HangUp, Server};
use crate::{binary, emulator};

/// The longest answer of a function that Lambda accepts, in bytes.
const LONGEST_RESPONSE: usize = 6 * 1024 * 1024;

/// How long a function may take to say that it cannot start, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A function's process. It is killed when this is dropped.
pub struct Function {
    name: String,
    server: Server,
    api: Arc<Api>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// One event for a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The event. Lambda sends only JSON; a test may send anything.
    pub payload: Bytes,
    /// The id that logs and answers refer to.
    pub request_id: String,
    /// How long the function has; afterwards Lambda kills it.
    pub timeout: Duration,
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

/// The body that a function sent as its response, or as its error. It is read in the test's own
/// task, where a body that is not as it should be can fail the test.
type Sent = Result<Bytes, Bytes>;

struct Api {
    name: String,
    waiting: mpsc::UnboundedSender<Invocation>,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    pending: Mutex<HashMap<String, oneshot::Sender<Sent>>>,
    init_error: watch::Sender<Option<Bytes>>,
    output: Mutex<Vec<u8>>,
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
        let (waiting, events) = mpsc::unbounded_channel();
        let api = Arc::new(Api {
            name: name.clone(),
            waiting,
            events: tokio::sync::Mutex::new(events),
            pending: Mutex::default(),
            init_error: watch::Sender::new(None),
            output: Mutex::default(),
            kill: Notify::new(),
        });
        let shared = Arc::clone(&api);
        let server = Server::start(move |request| respond(Arc::clone(&shared), request));

        let mut environment: BTreeMap<String, String> =
            lambda_variables(&name, &server.address().to_string());
        environment.extend(
            variables
                .into_iter()
                .map(|(key, value)| (key.into(), value.into())),
        );
        let child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary.display()));
        let (ended, exit) = watch::channel(None);
        tokio::spawn(watch_over(child, Arc::clone(&api), ended));
        Self {
            name,
            server,
            api,
            exit,
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
        lock(&self.api.pending).insert(request_id.clone(), answer);
        self.api
            .waiting
            .send(invocation)
            .expect("the queue should be as old as the function");

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
                self.api.kill.notify_one();
                Err(FunctionError {
                    error_type: "Sandbox.Timedout".to_owned(),
                    error_message: format!(
                        "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                        timeout.as_secs_f64()
                    ),
                })
            }
        };
        lock(&self.api.pending).remove(&request_id);
        outcome
    }

    /// The error with which the function said that it cannot start.
    pub async fn init_error(&self) -> FunctionError {
        let mut errors = self.api.init_error.subscribe();
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
        self.api.kill.notify_one();
        self.exit().await;
        self.output()
    }

    /// What the process wrote so far to standard output and standard error.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&lock(&self.api.output)).into_owned()
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

    /// Where this function finds the Runtime API: a host and a port.
    pub fn runtime_api(&self) -> String {
        self.server.address().to_string()
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
        self.api.kill.notify_one();
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
        }
    }

    /// With another limit.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// What Lambda sets, and the runtime needs:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
fn lambda_variables(name: &str, runtime_api: &str) -> BTreeMap<String, String> {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]test"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_REGION", emulator::REGION),
        ("TZ", ":UTC"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Collect what the process writes until it ends or must be killed, then say how it ended.
async fn watch_over(mut child: Child, api: Arc<Api>, ended: watch::Sender<Option<ExitStatus>>) {
    let readers = [
        child
            .stdout
            .take()
            .map(|stream| collect(stream, Arc::clone(&api))),
        child
            .stderr
            .take()
            .map(|stream| collect(stream, Arc::clone(&api))),
    ];
    let status = tokio::select! {
        status = child.wait() => status,
        () = api.kill.notified() => {
            // It may just have ended by itself.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    for reader in readers.into_iter().flatten() {
        let _ = reader.await;
    }
    ended.send_replace(Some(status.expect("a child should be waited for")));
}

fn collect(mut stream: impl AsyncRead + Unpin + Send + 'static, api: Arc<Api>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut buffer = vec![0; 8192];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            lock(&api.output).extend_from_slice(&buffer[..read]);
        }
    })
}

async fn exit_status(exit: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    exit.wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|status| *status)
        .expect("whoever watches over a process should say how it ended")
}

async fn respond(api: Arc<Api>, request: Request<Incoming>) -> Result<Response<Body>, HangUp> {
    let (head, body) = request.into_parts();
    let path = head
        .uri
        .path()
        .strip_prefix("/2018-06-01/runtime/")
        .unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let answer = match (&head.method, segments.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => return next(&api).await,
        (&Method::POST, ["invocation", request_id, result @ ("response" | "error")]) => {
            match Limited::new(body, LONGEST_RESPONSE).collect().await {
                Ok(body) if *result == "error" => api.take(request_id, Err(body.to_bytes())),
                Ok(body) => api.take(request_id, Ok(body.to_bytes())),
                Err(_) => plain(StatusCode::PAYLOAD_TOO_LARGE, "the answer is too long"),
            }
        }
        (&Method::POST, ["init", "error"]) => {
            let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
            api.init_error.send_replace(Some(body));
            plain(StatusCode::ACCEPTED, "{\"status\":\"OK\"}")
        }
        _ => plain(
            StatusCode::NOT_FOUND,
            "no such operation in the Runtime API",
        ),
    };
    Ok(answer)
}

impl Api {
    /// Give what a function sent to whoever waits for it.
    fn take(&self, request_id: &str, sent: Sent) -> Response<Body> {
        let Some(answer) = lock(&self.pending).remove(request_id) else {
            return plain(
                StatusCode::BAD_REQUEST,
                "no invocation with this id is in hand",
            );
        };
        // Nobody listens any more if the invocation has just timed out.
        let _ = answer.send(sent);
        plain(StatusCode::ACCEPTED, "{\"status\":\"OK\"}")
    }
}

/// Answer when there is an event. A function that asks several times at once has several in hand.
async fn next(api: &Api) -> Result<Response<Body>, HangUp> {
    let invocation = api.events.lock().await.recv().await.ok_or(HangUp)?;
    let deadline = deadline(invocation.timeout);
    let arn = format!(
        "arn:aws:lambda:{}:123456789012:function:{}",
        emulator::REGION,
        api.name
    );
    let mut response = Response::new(full(invocation.payload));
    for (name, value) in [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", &invocation.request_id),
        ("lambda-runtime-deadline-ms", &deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", &arn),
    ] {
        let value = value
            .parse()
            .expect("what a test sends should be legal in a header");
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the process under test compares the deadline with its own clock"
)]
fn deadline(timeout: Duration) -> u128 {
    (SystemTime::now() + timeout)
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock should be set")
        .as_millis()
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The Lambda Runtime API of one process. It records when requests come, and its owner decides
//! when and with what they are answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::server::{Reply, Request, Server};

/// The region that all tests are in.
pub const REGION: &str = "eu-west-1";

/// The longest answer of a function that Lambda accepts, in bytes.
const LONGEST_RESPONSE: usize = 6 * 1024 * 1024;

/// The Runtime API of one process.
#[derive(Debug)]
pub struct RuntimeApi {
    pub(super) server: Server,
    /// The function asks for an event.
    pub polls: mpsc::UnboundedReceiver<Poll>,
    /// The function answers an event, or says that it cannot start.
    pub reports: mpsc::UnboundedReceiver<Report>,
}

/// A function that waits for an event.
#[derive(Debug)]
pub struct Poll {
    /// When it asked.
    pub at: Instant,
    function: Arc<str>,
    reply: oneshot::Sender<Reply>,
}

/// What a function made of an event, or of its start.
#[derive(Debug)]
pub struct Report {
    /// When it came.
    pub at: Instant,
    /// The id of the invocation; none for an error at the start.
    pub request_id: Option<String>,
    /// The response, or the error.
    pub outcome: Result<Bytes, Bytes>,
    reply: oneshot::Sender<Reply>,
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
    /// The alias or version that is invoked; none for the function itself.
    pub qualifier: Option<String>,
}

impl RuntimeApi {
    /// Starts one for a function of this name. Must be called inside a Tokio runtime.
    pub fn start(function: &str) -> Self {
        let (poll, polls) = mpsc::unbounded_channel();
        let (report, reports) = mpsc::unbounded_channel();
        let function: Arc<str> = function.into();
        let server = Server::start(move |request: Request| {
            let at = clock::now();
            let (reply, answered) = oneshot::channel();
            // A receiver is gone once its owner is, and then the process is killed.
            let refused = match route(&request) {
                Some(Route::Next) => {
                    let function = Arc::clone(&function);
                    let _ = poll.send(Poll {
                        at,
                        function,
                        reply,
                    });
                    None
                }
                Some(Route::Report { .. }) if request.body.len() > LONGEST_RESPONSE => {
                    Some((StatusCode::PAYLOAD_TOO_LARGE, "the answer is too long"))
                }
                Some(Route::Report {
                    request_id,
                    is_error,
                }) => {
                    let body = request.body;
                    let _ = report.send(Report {
                        at,
                        request_id,
                        outcome: if is_error { Err(body) } else { Ok(body) },
                        reply,
                    });
                    None
                }
                None => Some((
                    StatusCode::NOT_FOUND,
                    "no such operation of the Runtime API",
                )),
            };
            async move {
                match refused {
                    Some((status, text)) => plain(status, text),
                    None => answered.await.unwrap_or_else(|_| Reply::hang_up()),
                }
            }
        });
        Self {
            server,
            polls,
            reports,
        }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

/// The variables that Lambda sets and the runtime needs, for a function of this name with its
/// Runtime API at this address:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
pub fn variables(function: &str, runtime_api: SocketAddr) -> BTreeMap<String, String> {
    [
        ("AWS_LAMBDA_RUNTIME_API", &*runtime_api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]test"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_REGION", REGION),
        ("TZ", ":UTC"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

impl Poll {
    /// Hands out an event, and says when.
    pub fn give(self, invocation: &Invocation) -> Instant {
        let deadline = clock::unix_time_ms() + invocation.timeout.as_millis();
        let qualifier = invocation.qualifier.iter().map(|name| format!(":{name}"));
        let function = format!("{}{}", self.function, qualifier.collect::<String>());
        let headers = [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", &invocation.request_id),
            ("lambda-runtime-deadline-ms", &deadline.to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                &format!("arn:aws:lambda:{REGION}:123456789012:function:{function}"),
            ),
            (
                "lambda-runtime-trace-id",
                "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
            ),
        ];
        let reply = Reply::new(StatusCode::OK, headers, &invocation.payload);
        let at = clock::now();
        // A process that has ended no longer waits; its owner finds that out itself.
        let _ = self.reply.send(reply);
        at
    }
}

impl Report {
    /// Lets the function go on.
    pub fn accept(self) {
        let _ = self
            .reply
            .send(plain(StatusCode::ACCEPTED, "{\"status\":\"OK\"}"));
    }

    /// Refuses what the function sent.
    pub fn refuse(self, status: StatusCode, text: &'static str) {
        let _ = self.reply.send(plain(status, text));
    }
}

enum Route {
    Next,
    Report {
        request_id: Option<String>,
        is_error: bool,
    },
}

fn route(request: &Request) -> Option<Route> {
    let path = request.path().strip_prefix("/2018-06-01/runtime/")?;
    let mut segments = path.split('/');
    let found = match (&request.method, segments.next()?, segments.next()?) {
        (&Method::GET, "invocation", "next") => Route::Next,
        (&Method::POST, "init", "error") => Route::Report {
            request_id: None,
            is_error: true,
        },
        (&Method::POST, "invocation", id) => Route::Report {
            request_id: Some(id.to_owned()),
            is_error: match segments.next()? {
                "response" => false,
                "error" => true,
                _ => return None,
            },
        },
        _ => return None,
    };
    segments.next().is_none().then_some(found)
}

fn plain(status: StatusCode, text: &str) -> Reply {
    Reply::new(status, [("content-type", "text/plain")], text.as_bytes())
}

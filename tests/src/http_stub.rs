//! An HTTP server that follows a script, in place of LWA, SP-API or a part of AWS.

use std::collections::{BTreeMap, VecDeque};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use crate::server::{self, Reply, Server};

/// A running server on a loopback port. It ends when this is dropped.
pub struct HttpStub {
    server: Server,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<(String, String), VecDeque<Answer>>,
    requests: Vec<Request>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, still encoded; empty if there was none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, read whole.
    pub body: Bytes,
}

/// What the server does with one request.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    delay: Duration,
    chunk: Option<(usize, Duration)>,
    cut: Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Never,
    BeforeAnswer,
    AfterBytes(usize),
}

impl HttpStub {
    /// Start one that knows no path yet. Must be called inside a Tokio runtime.
    ///
    /// A request that no script expects is recorded and answered with 501 and a body saying so.
    pub fn start() -> Self {
        Self::start_over(None)
    }

    /// The same over TLS, if there is an acceptor.
    pub fn start_over(tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Server::start_over(tls, move |request| ready(respond(&shared, request)));
        Self {
            server,
            scheme,
            state,
        }
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.server.address())
    }

    /// From now on answer `method` and `path` with these, one after the other; the last one stays.
    pub fn script(
        &self,
        method: &Method,
        path: impl Into<String>,
        answers: impl IntoIterator<Item = Answer>,
    ) {
        let answers: VecDeque<Answer> = answers.into_iter().collect();
        assert!(!answers.is_empty(), "a script needs at least one answer");
        lock(&self.state)
            .scripts
            .insert((method.to_string(), path.into()), answers);
    }

    /// Everything that was asked so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }
}

impl Request {
    /// The body as the fields of a form (`application/x-www-form-urlencoded`).
    pub fn form(&self) -> BTreeMap<String, String> {
        fields(&String::from_utf8_lossy(&self.body))
    }

    /// The query as its fields.
    pub fn query(&self) -> BTreeMap<String, String> {
        fields(&self.query)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "the body of {} {} is not JSON: {error}",
                self.method, self.path
            )
        })
    }
}

impl Answer {
    /// A status with a body in JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, body.to_string()).header("content-type", "application/json")
    }

    /// A status with any body, and no content type.
    pub fn bytes(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a script should use a valid status"),
            headers: HeaderMap::new(),
            body: body.into(),
            delay: Duration::ZERO,
            chunk: None,
            cut: Cut::Never,
        }
    }

    /// A status with a body of so many bytes, more than a client should be ready to read.
    pub fn oversized(status: u16, bytes: usize) -> Self {
        Self::bytes(status, vec![b'x'; bytes])
    }

    /// No answer at all: the connection ends after the request was read.
    pub fn hang_up() -> Self {
        Self {
            cut: Cut::BeforeAnswer,
            ..Self::bytes(200, Bytes::new())
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a script should use a valid header");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Wait before the status and the headers are sent, or before hanging up.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Send the body in pieces of so many bytes, with a pause before each.
    #[must_use]
    pub fn in_chunks(mut self, bytes: usize, pause: Duration) -> Self {
        assert!(bytes > 0, "a piece has at least one byte");
        self.chunk = Some((bytes, pause));
        self
    }

    /// End the connection after so many bytes of the body, although more are announced.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        assert!(
            bytes < self.body.len(),
            "cutting after the whole body cuts nothing"
        );
        self.cut = Cut::AfterBytes(bytes);
        self
    }

    /// The status of what is sent.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What the server sends.
    pub fn reply(self) -> Reply {
        let end = match self.cut {
            Cut::BeforeAnswer => return Reply::hang_up().after(self.delay),
            Cut::AfterBytes(bytes) => bytes,
            Cut::Never => self.body.len(),
        };
        let (size, pause) = self.chunk.unwrap_or((self.body.len(), Duration::ZERO));
        let mut reply = Reply::announce(self.status, &self.headers, self.body.len());
        let mut sent = 0;
        while sent < end {
            let next = end.min(sent + size);
            reply = reply.then(pause, self.body.slice(sent..next));
            sent = next;
        }
        if end < self.body.len() {
            reply = reply.then_hang_up();
        }
        reply.after(self.delay)
    }
}

fn respond(state: &Mutex<State>, request: server::Request) -> Reply {
    let mut state = lock(state);
    let answer = next_answer(&mut state, &request.method, request.path());
    // Recorded before the pause: a client that gives up has asked all the same.
    state.requests.push(Request {
        path: request.path().to_owned(),
        query: request.query().to_owned(),
        headers: request.headers(),
        method: request.method,
        body: request.body,
    });
    answer.reply()
}

fn next_answer(state: &mut State, method: &Method, path: &str) -> Answer {
    match state
        .scripts
        .get_mut(&(method.to_string(), path.to_owned()))
    {
        Some(answers) if answers.len() > 1 => answers.pop_front(),
        Some(answers) => answers.front().cloned(),
        None => None,
    }
    .unwrap_or_else(|| Answer::bytes(501, format!("no script expects {method} {path}")))
}

fn fields(encoded: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    encoded
        .split('&')
        .filter(|field| !field.is_empty())
        .map(|field| field.split_once('=').unwrap_or((field, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use lwa_aws::http::{Client, HttpError, Limits};
    use serde_json::json;

    use super::*;

    async fn ask(stub: &HttpStub, path: &str, body: &str) -> Result<(u16, Bytes), HttpError> {
        ask_within(Duration::from_secs(10), stub, path, body).await
    }

    async fn ask_within(
        timeout: Duration,
        stub: &HttpStub,
        path: &str,
        body: &str,
    ) -> Result<(u16, Bytes), HttpError> {
        let request = http::Request::post(format!("{}{path}", stub.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        let response = Client::new(None)
            .send(
                request,
                Limits {
                    timeout,
                    max_body_bytes: 100_000,
                },
            )
            .await?;
        Ok((response.status.as_u16(), response.body))
    }

    #[tokio::test]
    async fn answers_come_in_order_and_the_last_one_stays() {
        let stub = HttpStub::start();
        let good = Answer::json(200, &json!({"ok": true}));
        stub.script(&Method::POST, "/token", [Answer::bytes(503, ""), good]);
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(ask(&stub, "/token", "").await.unwrap().0);
        }
        assert_eq!(statuses, [503, 200, 200]);
    }

    #[tokio::test]
    async fn requests_are_recorded_with_everything_they_had() {
        let stub = HttpStub::start();
        stub.script(&Method::POST, "/token", [Answer::bytes(204, "")]);
        ask(
            &stub,
            "/token?region=eu%20west&flag",
            "grant_type=refresh_token&scope=a%3A%3Ab+c",
        )
        .await
        .unwrap();
        let requests = stub.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, Method::POST);
        assert_eq!(requests[0].path, "/token");
        assert_eq!(requests[0].query()["region"], "eu west");
        assert_eq!(requests[0].query()["flag"], "");
        assert_eq!(
            requests[0].headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(requests[0].form()["grant_type"], "refresh_token");
        assert_eq!(requests[0].form()["scope"], "a::b c");
    }

    #[tokio::test]
    async fn what_no_script_expects_is_answered_with_501_and_recorded() {
        let stub = HttpStub::start();
        stub.script(&Method::GET, "/token", [Answer::bytes(200, "")]);
        let (status, body) = ask(&stub, "/token", "").await.unwrap();
        assert_eq!(
            (status, &body[..]),
            (501, &b"no script expects POST /token"[..])
        );
        assert_eq!(stub.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_late_answer_runs_into_the_callers_limit() {
        let stub = HttpStub::start();
        let late = Answer::bytes(200, "late").after(Duration::from_secs(5));
        stub.script(&Method::POST, "/token", [late]);
        let outcome = ask_within(Duration::from_millis(200), &stub, "/token", "").await;
        assert!(
            matches!(outcome, Err(HttpError::TimedOut { .. })),
            "{outcome:?}"
        );
        assert_eq!(stub.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_body_in_chunks_arrives_whole_or_runs_into_the_callers_limit() {
        let stub = HttpStub::start();
        let slow = Answer::bytes(200, "0123456789").in_chunks(1, Duration::from_millis(40));
        stub.script(&Method::POST, "/token", [slow]);
        assert_eq!(
            ask(&stub, "/token", "").await.unwrap(),
            (200, "0123456789".into())
        );
        let outcome = ask_within(Duration::from_millis(200), &stub, "/token", "").await;
        assert!(
            matches!(outcome, Err(HttpError::TimedOut { .. })),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn an_oversized_body_is_as_large_as_it_says() {
        let stub = HttpStub::start();
        stub.script(&Method::POST, "/fits", [Answer::oversized(200, 100_000)]);
        stub.script(
            &Method::POST,
            "/does-not",
            [Answer::oversized(200, 100_001)],
        );
        assert_eq!(ask(&stub, "/fits", "").await.unwrap().1.len(), 100_000);
        let outcome = ask(&stub, "/does-not", "").await;
        assert!(
            matches!(outcome, Err(HttpError::BodyTooLarge { .. })),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn a_connection_ends_before_or_within_an_answer() {
        let stub = HttpStub::start();
        stub.script(&Method::POST, "/before", [Answer::hang_up()]);
        stub.script(
            &Method::POST,
            "/within",
            [Answer::bytes(200, "0123456789").cut_after(4)],
        );
        for path in ["/before", "/within"] {
            let outcome = ask(&stub, path, "").await;
            assert!(
                matches!(outcome, Err(HttpError::Broken { .. })),
                "{path}: {outcome:?}"
            );
        }
        assert_eq!(stub.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_dropped_server_no_longer_answers() {
        let stub = HttpStub::start();
        let url = stub.url();
        drop(stub);
        tokio::task::yield_now().await;
        let request = http::Request::get(url).body(Bytes::new()).unwrap();
        let limits = Limits {
            timeout: Duration::from_secs(5),
            max_body_bytes: 10,
        };
        assert!(Client::new(None).send(request, limits).await.is_err());
    }
}

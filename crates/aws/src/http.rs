//! The one HTTP and TLS stack: hyper over rustls with ring and embedded roots.
//!
//! It serves the AWS SDK as its [`HttpClient`] and everything else through [`Client::send`].
//! The SDK's own client takes twice as long to its first response, mostly for reading the
//! machine's root certificates and for a second cryptography library.
//!
//! `AWS_CA_BUNDLE` names a PEM file whose certificates are then trusted *instead of* the
//! embedded ones, as in AWS's other SDKs; it is read with the first request, not before.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use lwa_core::address::{self, PlainHttp};
use lwa_core::error::chain;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::wiping::{CleanReads, InOnePiece, WipedBytes};

/// How long name resolution, TCP and TLS together may take before a request counts as not
/// sent, unless an SDK client says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A pooling HTTP/1.1 client. Clones share their connections; creating one does no work.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// How much time and room an exchange may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For everything, from resolving the name to the last byte of the answer.
    pub timeout: Duration,
    /// The longest body that is accepted.
    pub max_body_bytes: usize,
}

/// An answer, read whole. Its `Debug` form does not show the body, and the body is wiped when it
/// is dropped.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer. The text names the host but no path, no query and no part of a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The request was certainly not sent to this host: the name did not resolve, the connection
    /// was refused, TLS failed, or all that took longer than [`CONNECT_TIMEOUT`].
    #[error("no connection to {0}: {1}")]
    Connect(String, String),
    /// No complete answer from this host within the limit; the request may have had its effect.
    #[error("no answer from {0} within {ms} ms", ms = .1.as_millis())]
    TimedOut(String, Duration),
    /// The answer from this host is longer than accepted.
    #[error("the answer from {0} is longer than {1} bytes")]
    BodyTooLarge(String, usize),
    /// The connection broke or the answer was not HTTP; the request may have had its effect.
    #[error("the exchange with {0} broke off: {1}")]
    Broken(String, String),
}

impl Client {
    /// A client that trusts the embedded roots, or instead the certificates of a PEM file.
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            ca_bundle,
            tls: OnceLock::new(),
            pools: Mutex::new(Vec::new()),
        }))
    }

    /// Sends a request with an absolute URL and reads the whole answer, of any status. Redirects
    /// are not followed and nothing is retried, except on a pooled connection that turns out to be
    /// closed before anything was written to it.
    ///
    /// The request may hold secrets: plain HTTP goes to this machine only.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response, HttpError> {
        self.send_checked(request, limits, PlainHttp::Here).await
    }

    /// The same for a request without secrets, which may go to any host with plain HTTP.
    pub async fn send_in_the_open(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response, HttpError> {
        self.send_checked(request, limits, PlainHttp::Anywhere)
            .await
    }

    async fn send_checked(
        &self,
        request: Request<Bytes>,
        limits: Limits,
        plain: PlainHttp,
    ) -> Result<Response, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if let Some(problem) = address::problem(request.uri(), plain) {
            return Err(HttpError::Connect(host, problem.to_owned()));
        }
        tokio::time::timeout(limits.timeout, self.exchange(request, &host, limits))
            .await
            .unwrap_or_else(|_| Err(HttpError::TimedOut(host, limits.timeout)))
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        host: &str,
        limits: Limits,
    ) -> Result<Response, HttpError> {
        let connect = |detail| HttpError::Connect(host.to_owned(), detail);
        let broken =
            |error: &(dyn StdError + 'static)| HttpError::Broken(host.to_owned(), causes(error));
        let too_large = || HttpError::BodyTooLarge(host.to_owned(), limits.max_body_bytes);
        let answer = self
            .pool(Some(CONNECT_TIMEOUT))
            .map_err(connect)?
            .request(request.map(SdkBody::from))
            .await
            .map_err(|error| {
                if error.is_connect() {
                    connect(causes(&error))
                } else {
                    broken(&error)
                }
            })?;
        let (head, mut incoming) = answer.into_parts();
        if incoming.size_hint().lower() > limits.max_body_bytes as u64 {
            return Err(too_large());
        }
        let mut body = WipedBytes::for_body(&incoming.size_hint());
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            if let Some(data) = frame.data_ref() {
                if body.len() + data.len() > limits.max_body_bytes {
                    return Err(too_large());
                }
                body.push(data);
            }
        }
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body: body.share(),
        })
    }

    /// The connections that are opened within a limit. There are very few limits, hence the list.
    fn pool(&self, connect_timeout: Option<Duration>) -> Result<Pool, String> {
        let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(limit, _)| *limit == connect_timeout) {
            return Ok(pool.clone());
        }
        let tls = self
            .0
            .tls
            .get_or_init(|| tls_config(self.0.ca_bundle.as_deref()))
            .clone()?;
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(CleanTcp(tcp));
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(Connector {
                inner: https,
                limit: connect_timeout,
            });
        pools.push((connect_timeout, Pool::clone(&pool)));
        Ok(pool)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("ca_bundle", &self.0.ca_bundle)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(SdkConnector {
            client: self.clone(),
            connect_timeout: settings.connect_timeout(),
            read_timeout: settings.read_timeout(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

type Pool = legacy::Client<Connector, SdkBody>;

struct Inner {
    ca_bundle: Option<PathBuf>,
    /// The certificates to trust, or why nothing can be sent.
    tls: OnceLock<Result<ClientConfig, String>>,
    pools: Mutex<Vec<(Option<Duration>, Pool)>>,
}

fn tls_config(ca_bundle: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match ca_bundle {
        None => builder.with_webpki_roots(),
        Some(path) => builder.with_root_certificates(
            read_bundle(path)
                .map_err(|problem| format!("AWS_CA_BUNDLE `{}`: {problem}", path.display()))?,
        ),
    };
    Ok(builder.with_no_client_auth())
}

fn read_bundle(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(roots)
}

/// Opens connections, TLS included, within a limit.
#[derive(Clone)]
struct Connector {
    inner: HttpsConnector<CleanTcp>,
    limit: Option<Duration>,
}

type Connection = <HttpsConnector<CleanTcp> as Service<Uri>>::Response;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.inner.call(target);
        let Some(limit) = self.limit else {
            return connecting;
        };
        Box::pin(async move {
            tokio::time::timeout(limit, connecting)
                .await
                .unwrap_or_else(|_| Err(LimitReached("connecting", limit).into()))
        })
    }
}

/// Opens connections below TLS, over which nothing is left in the buffers of TLS and HTTP.
#[derive(Clone)]
struct CleanTcp(TcpConnector);

impl Service<Uri> for CleanTcp {
    type Response = TokioIo<CleanReads<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(BoxError::from)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            Ok(TokioIo::new(CleanReads(stream)))
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} took longer than {ms} ms", ms = .1.as_millis())]
struct LimitReached(&'static str, Duration);

#[derive(Debug)]
struct SdkConnector {
    client: Client,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
}

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let exchange = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))
            .and_then(|request| {
                if let Some(problem) = address::problem(request.uri(), PlainHttp::Anywhere) {
                    return Err(ConnectorError::user(problem.into()).never_connected());
                }
                let pool = self
                    .client
                    .pool(self.connect_timeout)
                    .map_err(|error| ConnectorError::user(error.into()).never_connected())?;
                Ok(pool.request(request))
            });
        let read_timeout = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let exchange = exchange?;
            let answer = match read_timeout {
                None => exchange.await,
                Some(limit) => tokio::time::timeout(limit, exchange).await.map_err(|_| {
                    ConnectorError::timeout(LimitReached("waiting for the answer", limit).into())
                })?,
            };
            let answer: http::Response<Incoming> = answer.map_err(for_sdk)?;
            let answer = answer.map(InOnePiece::new).map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Tells the SDK the kind of failure: it retries timeouts, broken connections and transient
/// errors, and nothing else.
fn for_sdk(error: legacy::Error) -> ConnectorError {
    if find::<LimitReached>(&error).is_some() {
        return ConnectorError::timeout(error.into()).never_connected();
    }
    if error.is_connect() {
        return ConnectorError::io(error.into()).never_connected();
    }
    let io = find::<std::io::Error>(&error).is_some();
    match find::<hyper::Error>(&error) {
        Some(hyper) if hyper.is_timeout() => ConnectorError::timeout(error.into()),
        Some(hyper) if hyper.is_user() => ConnectorError::user(error.into()),
        Some(hyper) if io || hyper.is_closed() || hyper.is_canceled() => {
            ConnectorError::io(error.into())
        }
        Some(hyper) if hyper.is_incomplete_message() => {
            ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
        }
        _ if io => ConnectorError::io(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}

pub(crate) fn find<'a, E: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// The causes of an error whose own text says nothing, or that text if it has none. Hyper, rustls
/// and the system name no URL and no data.
pub(crate) fn causes(error: &(dyn StdError + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), chain)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const LIMITS: Limits = Limits {
        timeout: Duration::from_secs(5),
        max_body_bytes: 1_000,
    };

    fn get(url: &str) -> Request<Bytes> {
        Request::get(url).body(Bytes::new()).unwrap()
    }

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Gives one answer to every request on a connection, as long as requests come.
    async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
        let mut request = Vec::new();
        while stream.read_buf(&mut request).await.unwrap_or(0) > 0 {
            if request.ends_with(b"\r\n\r\n") {
                request.clear();
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Serves plain HTTP and counts connections.
    async fn serve(reply: &'static [u8]) -> (String, Arc<AtomicUsize>) {
        let (listener, address) = listen().await;
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream, reply));
            }
        });
        (format!("http://{address}/path?token=hush"), connections)
    }

    #[tokio::test]
    async fn a_secret_goes_nowhere_in_the_clear_but_to_this_machine() {
        let (listener, address) = listen().await;
        let port = address.port();
        let client = Client::new(None);
        for url in [
            format!("http://127.0.0.1:80@localhost:{port}/"),
            format!("http://user@127.0.0.1:{port}/"),
            "http://192.0.2.1/".to_owned(),
            "http://127.0.0.1.example/".to_owned(),
        ] {
            let error = client.send(get(&url), LIMITS).await.unwrap_err();
            assert!(matches!(error, HttpError::Connect(..)), "{url}: {error}");
        }
        let with_user = get(&format!("http://user@127.0.0.1:{port}/"));
        let error = client.send_in_the_open(with_user, LIMITS).await;
        assert!(matches!(error, Err(HttpError::Connect(..))), "{error:?}");
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn an_answer_of_any_status_is_read_whole_and_the_connection_used_again() {
        let (url, connections) =
            serve(b"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nsorry").await;
        let client = Client::new(None);
        for _ in 0..3 {
            let response = client.send(get(&url), LIMITS).await.unwrap();
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers["retry-after"], "7");
            assert_eq!(response.body, "sorry");
            assert!(!format!("{response:?}").contains("sorry"));
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_not_read_to_its_end_announced_or_not() {
        let client = Client::new(None);
        let limits = Limits {
            max_body_bytes: 4,
            ..LIMITS
        };
        let (announced, _) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
        let (streamed, _) =
            serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n")
                .await;
        for url in [announced, streamed] {
            let error = client.send(get(&url), limits).await.unwrap_err();
            assert_eq!(error, HttpError::BodyTooLarge("127.0.0.1".into(), 4));
        }
        let (fits, _) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd").await;
        assert_eq!(client.send(get(&fits), limits).await.unwrap().body, "abcd");
    }

    #[tokio::test]
    async fn the_limit_of_time_holds_for_the_head_and_for_the_body() {
        let client = Client::new(None);
        let limits = Limits {
            timeout: Duration::from_millis(100),
            ..LIMITS
        };
        let (no_head, _) = serve(b"").await;
        let (no_body, _) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsor").await;
        for url in [no_head, no_body] {
            let error = client.send(get(&url), limits).await.unwrap_err();
            assert_eq!(error.to_string(), "no answer from 127.0.0.1 within 100 ms");
        }
    }

    #[tokio::test]
    async fn nobody_listening_and_a_broken_exchange_are_told_apart() {
        let client = Client::new(None);
        let (listener, address) = listen().await;
        drop(listener);
        let url = format!("http://{address}/?token=hush");
        let error = client.send(get(&url), LIMITS).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect { .. }), "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");

        let (url, _) = serve(b"this is no HTTP, but hush\r\n\r\n").await;
        let error = client.send(get(&url), LIMITS).await.unwrap_err();
        assert!(matches!(error, HttpError::Broken { .. }), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_never_finishes_its_handshake_was_never_sent_anything() {
        let (listener, address) = listen().await;
        let silent = tokio::spawn(async move {
            let connection = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
            drop(connection);
        });
        let url = format!("https://{address}/");
        let error = Client::new(None).send(get(&url), LIMITS).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no connection to 127.0.0.1: connecting took longer than 2000 ms"
        );
        silent.abort();
    }

    #[tokio::test]
    async fn tls_is_trusted_through_the_bundle_and_not_without_it() {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![cert.der().clone()],
                rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    tokio::spawn(answer(stream, reply));
                }
            }
        });
        let url = format!("https://localhost:{}/", address.port());

        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("ca.pem");
        std::fs::write(&bundle, cert.pem()).unwrap();
        let trusting = Client::new(Some(bundle.clone()));
        assert_eq!(trusting.send(get(&url), LIMITS).await.unwrap().body, "ok");

        let error = Client::new(None).send(get(&url), LIMITS).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect { .. }), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");

        std::fs::write(&bundle, "no certificate").unwrap();
        let empty = Client::new(Some(bundle.clone()));
        let error = empty.send(get(&url), LIMITS).await.unwrap_err();
        assert!(error.to_string().contains("AWS_CA_BUNDLE"), "{error}");
        assert!(
            error.to_string().contains("holds no certificate"),
            "{error}"
        );
        let missing = Client::new(Some(folder.path().join("missing.pem")));
        let error = missing.send(get(&url), LIMITS).await.unwrap_err();
        assert!(error.to_string().contains("missing.pem"), "{error}");
    }

    /// An SDK client of this stack, with three attempts, each of 100 ms until the answer.
    fn ssm(url: &str) -> aws_sdk_ssm::Client {
        let config = crate::canned::sdk_config(crate::canned::Canned::Broken)
            .endpoint_url(url)
            .http_client(Client::new(None))
            .timeout_config(
                aws_smithy_types::timeout::TimeoutConfig::builder()
                    .connect_timeout(Duration::from_millis(100))
                    .read_timeout(Duration::from_millis(100))
                    .build(),
            )
            .retry_config(
                aws_smithy_types::retry::RetryConfig::standard()
                    .with_max_attempts(3)
                    .with_initial_backoff(Duration::from_millis(1)),
            )
            .build();
        aws_sdk_ssm::Client::new(&config)
    }

    #[tokio::test]
    async fn the_sdk_retries_what_times_out_and_what_breaks() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let hangs_up = listener.accept().await.unwrap();
            drop(hangs_up);
            let keeps_silent = listener.accept().await.unwrap();
            let (mut answers, _) = listener.accept().await.unwrap();
            answers.read_buf(&mut Vec::new()).await.unwrap();
            let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"Parameters\":[]}";
            answers.write_all(reply).await.unwrap();
            drop(keeps_silent);
        });
        let client = ssm(&format!("http://{address}"));
        let answer = client.describe_parameters().send().await;
        assert!(answer.unwrap().parameters().is_empty());
        server.await.unwrap();
    }

    #[tokio::test]
    async fn the_sdk_is_told_which_failure_it_was() {
        let failure = |error: aws_sdk_ssm::error::SdkError<_>| {
            crate::call_error::call_error("DescribeParameters", &error)
        };
        let (silent, address) = listen().await;
        let client = ssm(&format!("http://{address}"));
        let error = failure(client.describe_parameters().send().await.unwrap_err());
        assert_eq!(error.failure, lwa_core::ports::CallFailure::TimedOut);
        let client = ssm(&format!("https://{address}"));
        let error = failure(client.describe_parameters().send().await.unwrap_err());
        assert_eq!(error.failure, lwa_core::ports::CallFailure::TimedOut);
        assert!(error.detail.contains("connecting took longer"), "{error}");
        drop(silent);
        let error = failure(client.describe_parameters().send().await.unwrap_err());
        assert_eq!(error.failure, lwa_core::ports::CallFailure::Unavailable);
        assert!(error.detail.contains("refused"), "{error}");
    }
}

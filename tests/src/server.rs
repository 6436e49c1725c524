//! A small HTTP/1.1 server on a loopback port, for as long as it is held.
//!
//! The tests script it, and the benchmark measures functions over it. For the latter it has to be
//! quick: hyper's server takes as much time per request as the client in the function that it
//! serves.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// More headers than any client here sends.
const MAX_HEADERS: usize = 64;

/// How much room a connection has at least before it reads.
const READ_BYTES: usize = 16 * 1024;

/// A request, read whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path with the query.
    pub target: String,
    /// The body.
    pub body: Bytes,
    /// The request line and the headers as they were sent, because most handlers need few of them.
    head: Bytes,
}

/// What the server sends for one request.
#[derive(Debug, Default)]
pub struct Reply {
    parts: Vec<(Duration, Bytes)>,
    hangs_up: bool,
}

/// A running server. Dropping it ends its connections too.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Request {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, still encoded; empty if there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The value of a header; empty if there is none or it is not text.
    pub fn header(&self, name: &str) -> &str {
        let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
        self.parsed(&mut storage)
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .and_then(|header| str::from_utf8(header.value).ok())
            .unwrap_or_default()
    }

    /// All headers.
    pub fn headers(&self) -> HeaderMap {
        let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
        self.parsed(&mut storage)
            .iter()
            .filter_map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_bytes(header.value).ok()?))
            })
            .collect()
    }

    fn parsed<'head, 'storage>(
        &'head self,
        storage: &'storage mut [httparse::Header<'head>],
    ) -> &'storage [httparse::Header<'head>] {
        let mut head = httparse::Request::new(storage);
        // It was parsed before, when it arrived.
        let _ = head.parse(&self.head);
        head.headers
    }
}

impl Reply {
    /// A response with these headers, the length of the body, and the body.
    pub fn new<N, V>(
        status: StatusCode,
        headers: impl IntoIterator<Item = (N, V)>,
        body: &[u8],
    ) -> Self
    where
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        let mut bytes = head(status, headers, body.len());
        bytes.extend_from_slice(body);
        Self::default().then(Duration::ZERO, bytes)
    }

    /// The beginning of a response whose body, of so many bytes, follows in parts.
    pub fn announce(status: StatusCode, headers: &HeaderMap, length: usize) -> Self {
        Self::default().then(Duration::ZERO, head(status, headers, length))
    }

    /// The response of another server, with the length that its body has here.
    pub fn relay(response: &http::Response<Bytes>) -> Self {
        let headers = response.headers().iter().filter(|(name, _)| {
            ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name)
        });
        Self::new(response.status(), headers, response.body())
    }

    /// Nothing: the connection ends after the request was read.
    pub fn hang_up() -> Self {
        Self::default().then_hang_up()
    }

    /// The same after a pause.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        match self.parts.first_mut() {
            Some(first) => first.0 = pause,
            None => self.parts.push((pause, Bytes::new())),
        }
        self
    }

    /// With more bytes, sent after a pause.
    #[must_use]
    pub fn then(mut self, pause: Duration, bytes: impl Into<Bytes>) -> Self {
        self.parts.push((pause, bytes.into()));
        self
    }

    /// With the end of the connection instead of the rest.
    #[must_use]
    pub fn then_hang_up(mut self) -> Self {
        self.hangs_up = true;
        self
    }
}

impl Server {
    /// Answers every request on a free port with what `handler` returns. Must be called inside a
    /// Tokio runtime.
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::start_over(None, handler)
    }

    /// The same over TLS, if there is an acceptor.
    pub fn start_over<H, F>(tls: Option<TlsAcceptor>, handler: H) -> Self
    where
        H: Fn(Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .and_then(TcpListener::from_std)
            .expect("a loopback port should be free");
        let address = listener
            .local_addr()
            .expect("a listener should know its address");
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // It fails when a client leaves, or a function is killed: both are wanted.
                connections.spawn(converse(stream, tls.clone(), handler.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, accepting }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn head<N, V>(
    status: StatusCode,
    headers: impl IntoIterator<Item = (N, V)>,
    length: usize,
) -> Vec<u8>
where
    N: AsRef<str>,
    V: AsRef<[u8]>,
{
    let mut bytes = Vec::with_capacity(512 + length);
    let mut write = |parts: [&[u8]; 4]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let reason = status.canonical_reason().unwrap_or_default();
    write([
        b"HTTP/1.1 ",
        status.as_str().as_bytes(),
        b" ",
        reason.as_bytes(),
    ]);
    for (name, value) in headers {
        write([b"\r\n", name.as_ref().as_bytes(), b": ", value.as_ref()]);
    }
    let length = length.to_string();
    write([b"\r\n", b"content-length: ", length.as_bytes(), b"\r\n\r\n"]);
    bytes
}

async fn converse<H, F>(stream: TcpStream, tls: Option<TlsAcceptor>, handler: H) -> io::Result<()>
where
    H: Fn(Request) -> F,
    F: Future<Output = Reply>,
{
    stream.set_nodelay(true)?;
    match tls {
        None => serve(stream, handler).await,
        Some(tls) => serve(tls.accept(stream).await?, handler).await,
    }
}

async fn serve<S, H, F>(mut stream: S, handler: H) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request) -> F,
    F: Future<Output = Reply>,
{
    let mut buffer = BytesMut::new();
    loop {
        let request = loop {
            if let Some(request) = take_request(&mut buffer)? {
                break request;
            }
            buffer.reserve(READ_BYTES);
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let reply = handler(request).await;
        for (pause, bytes) in reply.parts {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            stream.write_all(&bytes).await?;
            stream.flush().await?;
        }
        if reply.hangs_up {
            return Ok(());
        }
    }
}

/// Takes the first request out of the buffer, once all of it is there.
fn take_request(buffer: &mut BytesMut) -> io::Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(buffer).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let mut length = 0;
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let value = str::from_utf8(header.value).map_err(io::Error::other)?;
            length = value.parse().map_err(io::Error::other)?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(io::Error::other("a body without a length is not expected"));
        }
    }
    if buffer.len() < start + length {
        return Ok(None);
    }
    let method = Method::from_bytes(head.method.unwrap_or_default().as_bytes());
    let method = method.map_err(io::Error::other)?;
    let target = head.path.unwrap_or_default().to_owned();
    let mut head = buffer.split_to(start + length).freeze();
    let body = head.split_off(start);
    Ok(Some(Request {
        method,
        target,
        body,
        head,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_once_its_body_is_whole_and_the_next_one_is_left() {
        let text =
            b"POST /a?b HTTP/1.1\r\nx-amz-target: AmazonSSM.X\r\nContent-Length: 2\r\n\r\n{}GET /";
        let mut buffer = BytesMut::from(&text[..text.len() - 7]);
        assert!(take_request(&mut buffer).unwrap().is_none());
        buffer.extend_from_slice(&text[text.len() - 7..]);
        let request = take_request(&mut buffer).unwrap().unwrap();
        assert_eq!(request.method, Method::POST);
        assert_eq!((request.path(), request.query()), ("/a", "b"));
        assert_eq!(request.header("X-Amz-Target"), "AmazonSSM.X");
        assert_eq!(request.header("authorization"), "");
        assert_eq!(request.headers()["content-length"], "2");
        assert_eq!(&request.body[..], b"{}");
        assert_eq!(&buffer[..], b"GET /");
    }

    #[test]
    fn a_body_without_a_length_is_refused() {
        let text = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(take_request(&mut BytesMut::from(&text[..])).is_err());
    }

    #[test]
    fn a_reply_says_how_long_its_body_is() {
        let reply = Reply::new(StatusCode::OK, [("a", "b")], b"{}");
        let [(pause, bytes)] = &reply.parts[..] else {
            panic!("one part is enough: {reply:?}");
        };
        assert_eq!(
            (*pause, &bytes[..]),
            (
                Duration::ZERO,
                &b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\n\r\n{}"[..]
            )
        );
    }
}

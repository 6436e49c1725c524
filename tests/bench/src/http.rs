//! A small HTTP/1.1 server on one thread, quick enough not to be what is measured: hyper's would
//! take as much time per request as the client in the function that it serves.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, spawn_local};
use tokio_rustls::TlsAcceptor;

/// More headers than any client here sends.
const MAX_HEADERS: usize = 48;

/// A request, read whole.
pub(crate) struct Request {
    /// Whether it is a GET.
    pub(crate) is_get: bool,
    /// The path with the query.
    pub(crate) path: String,
    /// The header `X-Amz-Target`, empty where there is none.
    pub(crate) target: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A server that runs until it is dropped. It must live inside a [`tokio::task::LocalSet`].
pub(crate) struct Server {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Server {
    /// Answers every request on a free loopback port with the bytes that `handler` returns, over
    /// TLS if there is an acceptor.
    pub(crate) async fn start<H>(tls: Option<TlsAcceptor>, handler: H) -> Result<Self>
    where
        H: AsyncFn(Request) -> Vec<u8> + Clone + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no loopback port is free")?;
        let address = listener.local_addr().context("a port without an address")?;
        let accepting = spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, tls) = (handler.clone(), tls.clone());
                // A connection ends with an error when a function is killed: that is wanted.
                spawn_local(async move { converse(stream, tls, handler).await });
            }
        });
        Ok(Self {
            address,
            accepting: accepting.abort_handle(),
        })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An answer with a body; `headers` are whole lines.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

async fn converse<H>(stream: TcpStream, tls: Option<TlsAcceptor>, handler: H) -> io::Result<()>
where
    H: AsyncFn(Request) -> Vec<u8>,
{
    stream.set_nodelay(true)?;
    match tls {
        None => serve(stream, handler).await,
        Some(tls) => serve(tls.accept(stream).await?, handler).await,
    }
}

async fn serve<S, H>(mut stream: S, handler: H) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: AsyncFn(Request) -> Vec<u8>,
{
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let (request, used) = loop {
            if let Some(parsed) = parse(&buffer)? {
                break parsed;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        buffer.drain(..used);
        let answer = handler(request).await;
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

/// The first request in `buffer` and its length, once all of it is there.
fn parse(buffer: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(buffer).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let (mut length, mut target) = (0, "");
    for header in head.headers.iter() {
        let value = || str::from_utf8(header.value).map_err(io::Error::other);
        if header.name.eq_ignore_ascii_case("content-length") {
            length = value()?.parse().map_err(io::Error::other)?;
        } else if header.name.eq_ignore_ascii_case("x-amz-target") {
            target = value()?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(io::Error::other("a body without a length is not expected"));
        }
    }
    let Some(body) = buffer.get(start..start + length) else {
        return Ok(None);
    };
    let request = Request {
        is_get: head.method == Some("GET"),
        path: head.path.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        body: body.to_owned(),
    };
    Ok(Some((request, start + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_once_its_body_is_whole_and_the_next_one_is_left() {
        let text =
            b"POST /a?b HTTP/1.1\r\nx-amz-target: AmazonSSM.X\r\nContent-Length: 2\r\n\r\n{}GET /";
        assert!(parse(&text[..text.len() - 7]).unwrap().is_none());
        let (request, used) = parse(text).unwrap().unwrap();
        assert_eq!((request.is_get, request.path.as_str()), (false, "/a?b"));
        assert_eq!(request.target, "AmazonSSM.X");
        assert_eq!(request.body, b"{}");
        assert_eq!(&text[used..], b"GET /");
    }

    #[test]
    fn a_body_without_a_length_is_refused() {
        let text = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(parse(text).is_err());
    }

    #[test]
    fn an_answer_says_how_long_it_is() {
        assert_eq!(
            answer("200 OK", "A: b\r\n", b"{}"),
            b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\n{}"
        );
    }
}

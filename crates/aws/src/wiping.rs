//! Bodies and buffers that are wiped once they have been used: they hold secrets, or may.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::connect::{Connected, Connection};
use lwa_core::wipe::Zeroizing;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is set aside for a body before it arrives, in bytes.
const MAX_ANNOUNCED: u64 = 64 * 1024;

/// Bytes that are wiped when they are dropped, and when they outgrow their place.
pub(crate) struct WipedBytes(Zeroizing<Vec<u8>>);

impl WipedBytes {
    /// None yet, with room for the body that is announced.
    pub(crate) fn for_body(size: &SizeHint) -> Self {
        let announced = size.lower().min(MAX_ANNOUNCED);
        let announced = usize::try_from(announced).unwrap_or_default();
        Self(Zeroizing::new(Vec::with_capacity(announced)))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds more.
    pub(crate) fn push(&mut self, data: &[u8]) {
        let needed = self.0.len() + data.len();
        if needed > self.0.capacity() {
            let room = needed.max(2 * self.0.capacity());
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(data);
    }

    /// The same as one shared piece, which is wiped when its last owner drops it.
    pub(crate) fn share(self) -> Bytes {
        Bytes::from_owner(self.0)
    }
}

/// A body that is handed on in one piece. The SDK keeps the pieces as they come until it has all,
/// joins them, and wipes none.
pub(crate) struct InOnePiece<B> {
    incoming: B,
    /// None once it is handed on.
    collected: Option<WipedBytes>,
}

impl<B: Body> InOnePiece<B> {
    pub(crate) fn new(incoming: B) -> Self {
        let collected = Some(WipedBytes::for_body(&incoming.size_hint()));
        Self {
            incoming,
            collected,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for InOnePiece<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        while let Some(collected) = &mut this.collected {
            match ready!(Pin::new(&mut this.incoming).poll_frame(context)) {
                Some(Ok(frame)) => collected.push(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let whole = this.collected.take().map(WipedBytes::share);
                    let whole = whole.filter(|whole| !whole.is_empty());
                    return Poll::Ready(whole.map(|whole| Ok(Frame::data(whole))));
                }
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// A stream that wipes a buffer before it is read into. TLS decrypts in its buffer, and HTTP hands
/// out parts of its own; both leave there what they have read, for as long as a connection is
/// idle. They begin to read again when they have handed it on, and that wipes it.
pub(crate) struct CleanReads<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for CleanReads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.initialize_unfilled().fill(0);
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CleanReads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, data)
    }

    /// Otherwise a body would be copied behind its head.
    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl<S: Connection> Connection for CleanReads<S> {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use http_body_util::BodyExt;

    use super::*;

    struct Pieces(VecDeque<&'static str>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let piece = self.0.pop_front();
            Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
        }
    }

    #[tokio::test]
    async fn pieces_are_handed_on_as_one_and_nothing_as_nothing() {
        for pieces in [&[][..], &["one"], &["one, ", "two, ", "and three"]] {
            let mut body = InOnePiece::new(Pieces(pieces.iter().copied().collect()));
            let mut got = Vec::new();
            while let Some(frame) = body.frame().await {
                got.push(frame.unwrap().into_data().unwrap());
            }
            assert_eq!(got.len(), usize::from(!pieces.is_empty()));
            assert_eq!(got.concat(), pieces.concat().as_bytes());
        }
    }
}

//! One connection of a client. Whatever the client sends, it ends with a status line.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

/// The time for which the rest of a refused request is read and dropped, on a busy machine too. To
/// close a socket with unread bytes resets the connection, and the client may never see the reply.
const LINGER: Duration = Duration::from_secs(60);

/// Serves a connection until the client or an error ends it.
///
/// A request that does not become complete within `patience` is 408, one that ends too early 400.
/// hyper itself answers what it cannot parse: 400, 414 or 431.
pub(super) async fn serve<A, R>(stream: TcpStream, patience: Duration, answer: A)
where
    A: Fn(Request<Incoming>) -> R + Send + Sync,
    R: Future<Output = Response<Body>> + Send,
{
    let Ok((stream, rest)) = twice(stream) else { return };
    let begun = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| {
        let (answering, begun) = (answer(request), &begun);
        async move {
            let response = answering.await;
            begun.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let io = TokioIo::new(Observed { stream, begun: Arc::clone(&begun) });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .half_close(true)
        .serve_connection(io, service)
        .await;
    let word = served.err().filter(|_| begun.load(Ordering::Relaxed)).and_then(last_word);
    // An error means that the client is gone.
    let _ = tokio::time::timeout(LINGER, close(rest, word)).await;
}

/// Returns the status of a request whose head never became complete. hyper closes the connection
/// without one.
fn last_word(error: hyper::Error) -> Option<StatusCode> {
    if error.is_timeout() {
        Some(StatusCode::REQUEST_TIMEOUT)
    } else {
        error.is_incomplete_message().then_some(StatusCode::BAD_REQUEST)
    }
}

/// Writes the last status line if there is one, and reads until the client closes.
async fn close(rest: std::net::TcpStream, word: Option<StatusCode>) -> io::Result<()> {
    let mut rest = TcpStream::from_std(rest)?;
    if let Some(status) = word {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        rest.write_all(head.as_bytes()).await?;
    }
    rest.shutdown().await?;
    let mut dropped = [0; 8192];
    while rest.read(&mut dropped).await? > 0 {}
    Ok(())
}

/// Returns two handles of a socket: hyper drops the first one with an error.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    stream.set_nodelay(true)?;
    let first = stream.into_std()?;
    let second = first.try_clone()?;
    Ok((TcpStream::from_std(first)?, second))
}

/// A socket that notes whether a request has begun: bytes have come since the last reply. A client
/// that keeps an idle connection open gets no last word.
struct Observed {
    stream: TcpStream,
    begun: Arc<AtomicBool>,
}

impl AsyncRead for Observed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.begun.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Observed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

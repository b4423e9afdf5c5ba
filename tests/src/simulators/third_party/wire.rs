//! Connections that end with a reply, or without one.

use std::error::Error as _;
use std::io;
use std::net::TcpStream as Socket;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::loopback::Loopback;

/// The end of a request without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum End {
    /// The connection is closed.
    #[error("closed on command")]
    Closed,
    /// The connection is reset.
    #[error("reset on command")]
    Reset,
}

/// Starts a server on a free port, on a thread called `name`. A request that `answer` holds is
/// dropped when its client closes the connection.
///
/// # Errors
///
/// No port is free.
pub(super) fn start<F, R>(name: &str, answer: F) -> io::Result<Loopback>
where
    F: Fn(Parts, Bytes) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, End>> + Send + 'static,
{
    Loopback::serve(name, 0, move |listener| serve(listener, answer))
}

async fn serve<F, R>(listener: TcpListener, answer: F)
where
    F: Fn(Parts, Bytes) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, End>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        // A listener on loopback has no other error than that a client is gone already.
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, answer.clone()));
    }
}

async fn connection<F, R>(stream: TcpStream, answer: F) -> io::Result<()>
where
    F: Fn(Parts, Bytes) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, End>> + Send + 'static,
{
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    // hyper drops its handle with an error. The connection ends with this one.
    let rest: Socket = stream.try_clone()?;
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| End::Closed)?.to_bytes();
            answer(head, body).await
        }
    });
    let io = TokioIo::new(TcpStream::from_std(stream)?);
    let served = http1::Builder::new().serve_connection(io, service).await;
    let is_reset = |error: &hyper::Error| {
        error.source().and_then(|source| source.downcast_ref::<End>()) == Some(&End::Reset)
    };
    if served.is_err_and(|error| is_reset(&error)) {
        TcpStream::from_std(rest)?.set_zero_linger()?;
    }
    Ok(())
}

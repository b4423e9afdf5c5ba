//! The HTTP server of the simulated vendors and the gateway. It listens on 127.0.0.1, runs on a
//! thread of its own and stops when it is dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use tokio::sync::oneshot;

/// A running server. It may be started and dropped in and outside async contexts.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Starts on `port`; 0 picks a free one. `answer` runs on the thread called `name`.
    ///
    /// # Errors
    ///
    /// The port is in use, or no port is free.
    pub(crate) fn start<F, R>(name: &str, port: u16, answer: F) -> io::Result<Self>
    where
        F: Fn(Request<Body>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send,
    {
        Self::serve(name, port, move |listener| async move {
            // It ends only with an error, which no listener on loopback has.
            let _ = axum::serve(listener, Router::new().fallback(answer)).await;
        })
    }

    /// Starts on `port`; 0 picks a free one. `serve` makes the server's future, on the thread
    /// called `name`. When the server is dropped, the future is, and then all that it has spawned.
    ///
    /// # Errors
    ///
    /// The port is in use, or no port is free.
    pub(crate) fn serve<S, F>(name: &str, port: u16, serve: S) -> io::Result<Self>
    where
        S: FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        Self::serve_and_close(name, port, serve, std::future::ready(()))
    }

    /// Is [`Self::serve`], with a future that runs once the server's has been dropped.
    pub(crate) fn serve_and_close<S, F, C>(
        name: &str,
        port: u16,
        serve: S,
        close: C,
    ) -> io::Result<Self>
    where
        S: FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
        F: Future<Output = ()>,
        C: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = serve(listener) => {}
                    _ = stopped => {}
                }
                close.await;
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address that the server listens on.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the server's URL, `http://127.0.0.1:port`, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the process ends.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic on the server's thread has been reported there.
            thread.join().unwrap_or_default();
        }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended already.
            stop.send(()).unwrap_or_default();
        }
        self.wait();
    }
}

/// Locks a mutex even if it is poisoned: a test that panicked must not take a simulator down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a body that ends in an error after its first half, which closes the connection. The
/// pause lets that half reach the client first.
pub(crate) fn half(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let mut first = Some(Bytes::from(body));
    Body::from_stream(futures_util::stream::unfold((), move |()| {
        let part = first.take();
        async move {
            if part.is_none() {
                tokio::task::yield_now().await;
            }
            Some((part.ok_or_else(|| io::Error::other("cut on command")), ()))
        }
    }))
}

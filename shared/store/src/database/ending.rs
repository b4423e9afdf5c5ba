//! Connections whose work takes too long: Postgres is asked to end the statement, and the
//! connection is closed.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{CancelToken, NoTls};

use crate::tls::Trust;

/// Statements that Postgres has not ended in this time are left to the limits of their role.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(800);

/// A statement that was asked to end has ended after this, unless another was sent behind it.
const CANCEL_STEP: Duration = Duration::from_millis(50);

/// A connection that is dropped has closed its socket within this time, if the processor is free.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The requests to end what is under way on a connection that is closed. Two statements at most are
/// sent together.
const CANCELS_BESIDE: u32 = 2;

/// A pooled connection; returns to the pool when dropped.
pub struct Connection {
    object: Object,
    watch: Option<AbortHandle>,
}

impl Connection {
    /// Hands a connection out. Its work is ended if it is not back in the pool in time.
    pub(super) fn new(object: Object, ender: &Arc<Ender>) -> Self {
        let watch = ender.patience.map(|patience| {
            let (token, ender) = (object.cancel_token(), Arc::clone(ender));
            let watch = tokio::spawn(async move {
                sleep(patience).await;
                ender.end_work(&token, patience).await;
            });
            watch.abort_handle()
        });
        Self { object, watch }
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.object
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.object
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// The state that a pool's connections share with its ender.
#[derive(Default)]
pub(super) struct Sockets {
    /// A notification closes all of them.
    pub(super) hang_up: Notify,
    /// The number of sockets that were closed since the start.
    closed: watch::Sender<u64>,
}

impl Sockets {
    /// Returns a value whose drop says that a socket was closed.
    pub(super) fn open(self: &Arc<Self>) -> OpenSocket {
        OpenSocket(Arc::clone(self))
    }

    /// Closes a connection. Returns once its socket is closed: after the reply Lambda may freeze
    /// the environment, and a frozen one closes nothing.
    async fn close(&self, left: ClientWrapper) {
        let mut closed = self.closed.subscribe();
        let before = *closed.borrow_and_update();
        if left.is_closed() {
            return;
        }
        drop(left);
        let seen = closed.wait_for(|closed| *closed > before);
        if timeout(CLOSE_TIMEOUT, seen).await.is_err() {
            tracing::warn!(event = "socket_not_closed");
        }
    }
}

/// The socket of one connection, while it is open.
pub(super) struct OpenSocket(Arc<Sockets>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.closed.send_modify(|closed| *closed += 1);
    }
}

/// Ends the work of connections.
#[derive(Clone)]
pub(super) struct Ender {
    /// `None`: the connections are in the clear.
    trust: Option<Arc<Trust>>,
    sockets: Arc<Sockets>,
    /// The time after which work is ended.
    patience: Option<Duration>,
}

impl Ender {
    /// Creates the ender of a pool with these sockets.
    pub(super) fn new(trust: Option<Arc<Trust>>, sockets: Arc<Sockets>) -> Self {
        Self { trust, sockets, patience: None }
    }

    /// Returns an ender of the same pool that ends work after `patience`.
    pub(super) fn with_patience(&self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self.clone() }
    }

    /// Asks Postgres to end what is under way on a connection. The request goes over a connection
    /// of its own, which needs no login. RDS Proxy takes no such request: there the role's
    /// `statement_timeout` ends the statement.
    async fn cancel(&self, token: &CancelToken) -> Result<(), tokio_postgres::Error> {
        match self.trust.as_ref().and_then(|trust| trust.at_hand()) {
            None => token.cancel_query(NoTls).await,
            Some(tls) => token.cancel_query(tls).await,
        }
    }

    /// Asks Postgres to end what is under way on a connection that nobody uses, then closes it.
    /// Each request ends one of the statements that were sent together.
    pub(super) async fn end(&self, left: ClientWrapper) {
        let token = left.cancel_token();
        let ending = async {
            loop {
                self.cancel(&token).await?;
                // Answered once nothing is under way before it.
                if timeout(CANCEL_STEP, left.simple_query("")).await.is_ok() {
                    return Ok::<_, tokio_postgres::Error>(());
                }
            }
        };
        if !matches!(timeout(CANCEL_TIMEOUT, ending).await, Ok(Ok(()))) {
            tracing::warn!(event = "statement_not_ended");
        }
        self.sockets.close(left).await;
    }

    /// Closes a connection that nobody uses at once. Asks Postgres beside to end what is under way
    /// on it: the environment may be frozen before that is done.
    pub(super) async fn end_beside(self: &Arc<Self>, left: ClientWrapper) {
        let (token, ender) = (left.cancel_token(), Arc::clone(self));
        self.sockets.close(left).await;
        tokio::spawn(timeout(CANCEL_TIMEOUT, async move {
            for _ in 0..CANCELS_BESIDE {
                if ender.cancel(&token).await.is_err() {
                    break;
                }
                sleep(CANCEL_STEP).await;
            }
        }));
    }

    /// Asks Postgres to end what is under way on a connection in use, until the connection is
    /// returned, which ends this future. If Postgres is silent, closes the pool's connections:
    /// whoever waits on one reads an error.
    async fn end_work(&self, token: &CancelToken, patience: Duration) {
        tracing::warn!(event = "work_given_up", patience_s = patience.as_secs());
        let ending = async {
            while self.cancel(token).await.is_ok() {
                sleep(CANCEL_STEP).await;
            }
            std::future::pending::<()>().await;
        };
        if timeout(CANCEL_TIMEOUT, ending).await.is_err() {
            tracing::warn!(event = "statement_not_ended");
            self.sockets.hang_up.notify_waiters();
        }
    }
}

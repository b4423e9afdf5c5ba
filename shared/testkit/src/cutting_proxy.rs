//! A proxy before Postgres that counts the client's messages and cuts the connection at a chosen
//! one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use penstock_store::Login;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::framing::Framing;
use crate::server;

/// The side of the chosen message on which the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never gets the message.
    BeforeForwarding,
    /// The server gets the message, and the client never sees the reply.
    AfterForwarding,
}

/// The longest time that the server may take to finish with a connection that was cut.
const SERVER_SETTLES: Duration = Duration::from_secs(5);

type Action = Box<dyn FnOnce() + Send>;

struct Plan {
    at: u64,
    cut: Cut,
    action: Action,
}

#[derive(Default)]
struct State {
    messages: u64,
    connections: u64,
    plan: Option<Plan>,
    was_cut: bool,
    relays: Vec<JoinHandle<()>>,
}

/// A TCP proxy between the code under test and Postgres. Dropping it closes all its connections.
///
/// It counts whole messages of the frontend protocol over all connections, from the start-up packet
/// on. A statement of `penstock_store` is five of them: Parse, Bind, Describe, Execute, Sync.
/// Terminate and requests for encryption do not count. The proxy cannot read TLS, so use
/// `Tls::Disable`.
pub struct CuttingProxy {
    upstream: Login,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    freeze: watch::Sender<()>,
    listening: JoinHandle<()>,
}

impl CuttingProxy {
    /// Starts a proxy before the server of `upstream`. It forwards everything until a test sets a
    /// cut.
    ///
    /// # Panics
    ///
    /// If no loopback port is free.
    pub async fn start(upstream: Login) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("the proxy's address");
        let state = Arc::new(Mutex::new(State::default()));
        let freeze = watch::Sender::new(());
        let server = (upstream.host.clone(), upstream.port);
        let listening = tokio::spawn(listen(listener, server, state.clone(), freeze.clone()));
        Self { upstream, address, state, freeze, listening }
    }

    /// Returns the login that goes through the proxy.
    pub fn login(&self) -> Login {
        Login {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            ..self.upstream.clone()
        }
    }

    /// Returns the same login as a URL, for a function's environment.
    pub fn url(&self) -> String {
        server::url(&self.login())
    }

    /// Returns how many messages have reached the server since the start. A dry run learns its N
    /// from it.
    pub fn messages(&self) -> u64 {
        self.state.lock().unwrap().messages
    }

    /// Returns how many connections have been opened since the start.
    pub fn connections(&self) -> u64 {
        self.state.lock().unwrap().connections
    }

    /// Cuts the connection that sends the `nth` message from now on (the first is 1), exactly once.
    ///
    /// The server finishes with the connection first, so its commit or rollback is complete. Then
    /// `action` runs, for example that of [`crate::RuntimeHost::killer`]. Then the client's socket
    /// closes.
    ///
    /// # Panics
    ///
    /// If `nth` is 0.
    pub fn cut_at(&self, nth: u64, cut: Cut, action: impl FnOnce() + Send + 'static) {
        assert!(nth > 0, "messages are counted from 1");
        let mut state = self.state.lock().unwrap();
        let at = state.messages + nth;
        state.was_cut = false;
        state.plan = Some(Plan { at, cut, action: Box::new(action) });
    }

    /// Returns whether the requested cut has happened.
    pub fn was_cut(&self) -> bool {
        self.state.lock().unwrap().was_cut
    }

    /// Closes all open connections; new ones may be opened. The client sees a peer that hung up
    /// (trap 44).
    pub async fn drop_connections(&self) {
        let relays = std::mem::take(&mut self.state.lock().unwrap().relays);
        for relay in relays {
            relay.abort();
            let _ = relay.await;
        }
    }

    /// Freezes the open connections: they stay open, and nothing passes. New connections work.
    ///
    /// A socket looks like this if its peer went away unseen while the environment was frozen (trap
    /// 44).
    pub fn freeze_connections(&self) {
        self.freeze.send_replace(());
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.listening.abort();
        for relay in &self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).relays {
            relay.abort();
        }
    }
}

async fn listen(
    listener: TcpListener,
    server: (String, u16),
    state: Arc<Mutex<State>>,
    freeze: watch::Sender<()>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, frozen, shared) = (server.clone(), freeze.subscribe(), state.clone());
        let relay = tokio::spawn(async move {
            if let Ok(server) = TcpStream::connect(server).await {
                relay(client, server, frozen, &shared).await;
            }
        });
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.relays.push(relay);
    }
}

async fn relay(
    client: TcpStream,
    server: TcpStream,
    mut frozen: watch::Receiver<()>,
    state: &Mutex<State>,
) {
    // TCP_NODELAY, as the driver sets it: a delayed Sync would cost 40 ms a statement.
    client.set_nodelay(true).expect("an open socket");
    server.set_nodelay(true).expect("an open socket");
    // It lives as long as the relay. Dropped earlier, it would close the client's socket before the
    // action runs.
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let muted = watch::Sender::new(false);
    let mut down = std::pin::pin!(pass_down(from_server, &mut to_client, muted.subscribe()));
    tokio::select! {
        biased;
        Ok(()) = frozen.changed() => std::future::pending().await,
        planned = pass_up(from_client, &mut to_server, state, &muted) => {
            if let Some(plan) = planned {
                let _ = to_server.shutdown().await;
                let _ = timeout(SERVER_SETTLES, &mut down).await;
                (plan.action)();
                state.lock().unwrap().was_cut = true;
            }
        }
        () = &mut down => {}
    }
}

/// Forwards message by message. Returns `None` once the client leaves, or the plan at its message.
async fn pass_up(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    state: &Mutex<State>,
    muted: &watch::Sender<bool>,
) -> Option<Plan> {
    let mut framing = Framing::default();
    loop {
        while let Some(message) = framing.next() {
            let planned = message.counts.then(|| count(state)).flatten();
            if planned.is_some() {
                muted.send_replace(true);
            }
            if planned.as_ref().is_some_and(|plan| plan.cut == Cut::BeforeForwarding) {
                return planned;
            }
            let sent = to.write_all(&message.bytes).await;
            if planned.is_some() || sent.is_err() {
                return planned;
            }
        }
        if from.read_buf(&mut framing.buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Counts a message, and returns the plan if this is the message to cut at.
fn count(state: &Mutex<State>) -> Option<Plan> {
    let mut state = state.lock().unwrap();
    let nth = state.messages + 1;
    let plan = state.plan.take_if(|plan| plan.at == nth);
    if plan.as_ref().is_none_or(|plan| plan.cut == Cut::AfterForwarding) {
        state.messages = nth;
    }
    plan
}

/// Forwards the server's bytes until it hangs up. Once muted, it reads and discards them.
async fn pass_down(mut from: OwnedReadHalf, to: &mut OwnedWriteHalf, muted: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        if !*muted.borrow() && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

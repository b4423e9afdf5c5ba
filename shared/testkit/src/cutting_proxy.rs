//! A proxy before Postgres that counts the client's messages, and cuts or holds the connection at a
//! chosen one.

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

/// The fate of the connection after the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Close,
    Hold,
}

struct Plan {
    at: u64,
    cut: Cut,
    then: Then,
    /// Whether it waits for the end of a statement.
    whole: bool,
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
    freeze: watch::Sender<bool>,
    go_on: watch::Sender<u64>,
    open: watch::Sender<u64>,
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
        let freeze = watch::Sender::new(false);
        let (go_on, open) = (watch::Sender::new(0), watch::Sender::new(0));
        let relaying = Relaying {
            server: (upstream.host.clone(), upstream.port),
            state: state.clone(),
            freeze: freeze.clone(),
            go_on: go_on.clone(),
            open: open.clone(),
        };
        let listening = tokio::spawn(relaying.listen(listener));
        Self { upstream, address, state, freeze, go_on, open, listening }
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
        self.plan(nth, cut, Then::Close, false, Box::new(action));
    }

    /// Holds the connection that sends the `nth` message from now on (the first is 1), exactly
    /// once.
    ///
    /// `action` runs, for example that of [`crate::RuntimeHost::freezer`]. From then on the server
    /// gets nothing from this client, until [`CuttingProxy::go_on`]. What the server sends goes on
    /// to the client.
    ///
    /// # Panics
    ///
    /// If `nth` is 0.
    pub fn hold_at(&self, nth: u64, cut: Cut, action: impl FnOnce() + Send + 'static) {
        self.plan(nth, cut, Then::Hold, false, Box::new(action));
    }

    /// Like [`CuttingProxy::hold_at`], after the first statement that is sent whole from the `nth`
    /// message on.
    ///
    /// # Panics
    ///
    /// If `nth` is 0.
    pub fn hold_after_statement(&self, nth: u64, action: impl FnOnce() + Send + 'static) {
        self.plan(nth, Cut::AfterForwarding, Then::Hold, true, Box::new(action));
    }

    fn plan(&self, nth: u64, cut: Cut, then: Then, whole: bool, action: Action) {
        assert!(nth > 0, "messages are counted from 1");
        let mut state = self.state.lock().unwrap();
        let at = state.messages + nth;
        state.was_cut = false;
        state.plan = Some(Plan { at, cut, then, whole, action });
    }

    /// Lets connections go on that are held, and holds none any more.
    ///
    /// # Panics
    ///
    /// If a test has panicked meanwhile.
    pub fn go_on(&self) {
        self.state.lock().unwrap().plan = None;
        self.go_on.send_modify(|round| *round += 1);
    }

    /// Returns whether the requested cut, or hold, has happened.
    pub fn was_cut(&self) -> bool {
        self.state.lock().unwrap().was_cut
    }

    /// Returns once clients have `count` connections open, whether or not anything passes on them.
    pub async fn until_open(&self, count: u64) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == count).await.expect("the proxy has the sender");
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
        // A connection that is opened from now on waits for the next change.
        self.freeze.send_replace(false);
    }

    /// Returns a closure that freezes the connections that are open, and each that is opened later:
    /// the server is silent.
    pub fn silencer(&self) -> impl FnOnce() + Send + 'static {
        let freeze = self.freeze.clone();
        move || {
            freeze.send_replace(true);
        }
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

/// The state that the proxy's tasks share.
#[derive(Clone)]
struct Relaying {
    server: (String, u16),
    state: Arc<Mutex<State>>,
    /// Freezes the open connections at each change; later ones too if it is true.
    freeze: watch::Sender<bool>,
    /// Changes when held connections go on.
    go_on: watch::Sender<u64>,
    /// The number of connections that a client has not closed.
    open: watch::Sender<u64>,
}

/// A connection that its client has not closed.
struct Open(watch::Sender<u64>);

impl Open {
    fn new(open: &watch::Sender<u64>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Relaying {
    async fn listen(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let (one, open) = (self.clone(), Open::new(&self.open));
            let frozen = self.freeze.subscribe();
            let relay = tokio::spawn(async move {
                let _open = open;
                if let Ok(server) = TcpStream::connect(&one.server).await {
                    one.relay(client, server, frozen).await;
                }
            });
            let mut state = self.state.lock().unwrap();
            state.connections += 1;
            state.relays.push(relay);
        }
    }

    async fn relay(&self, client: TcpStream, server: TcpStream, frozen: watch::Receiver<bool>) {
        // TCP_NODELAY, as the driver sets it: a delayed Sync would cost 40 ms a statement.
        client.set_nodelay(true).expect("an open socket");
        server.set_nodelay(true).expect("an open socket");
        // It lives as long as the relay. Dropped earlier, it would close the client's socket before
        // the action runs.
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let muted = watch::Sender::new(false);
        let mut down = Box::pin(pass_down(from_server, &mut to_client, muted.subscribe()));
        let planned = tokio::select! {
            biased;
            () = freezes(frozen) => None,
            planned = self.pass_up(&mut from_client, &mut to_server, &muted) => match planned {
                Some(planned) => Some(planned),
                None => return,
            },
            () = &mut down => return,
        };
        let Some(plan) = planned else {
            // Open, and nothing passes, until the client closes it.
            let mut nowhere = tokio::io::sink();
            let _ = tokio::io::copy(&mut from_client, &mut nowhere).await;
            return;
        };
        let _ = to_server.shutdown().await;
        let _ = timeout(SERVER_SETTLES, &mut down).await;
        (plan.action)();
        self.state.lock().unwrap().was_cut = true;
    }

    /// Forwards message by message. Returns `None` once the client leaves, or the plan at its
    /// message.
    async fn pass_up(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
        muted: &watch::Sender<bool>,
    ) -> Option<Plan> {
        let mut framing = Framing::default();
        loop {
            while let Some(message) = framing.next() {
                let planned = message.counts.then(|| count(&self.state, message.ends)).flatten();
                let closes = planned.as_ref().is_some_and(|plan| plan.then == Then::Close);
                if closes {
                    muted.send_replace(true);
                }
                let before = planned.as_ref().is_some_and(|plan| plan.cut == Cut::BeforeForwarding);
                let planned = match planned {
                    Some(plan) if before && closes => return Some(plan),
                    Some(plan) if before => {
                        self.hold(plan).await;
                        None
                    }
                    planned => planned,
                };
                let sent = to.write_all(&message.bytes).await;
                match planned {
                    Some(plan) if closes => return Some(plan),
                    Some(plan) => self.hold(plan).await,
                    None => {}
                }
                if sent.is_err() {
                    return None;
                }
            }
            if from.read_buf(&mut framing.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Runs the action of a plan, and returns when held connections go on.
    async fn hold(&self, plan: Plan) {
        let mut go_on = self.go_on.subscribe();
        (plan.action)();
        self.state.lock().unwrap().was_cut = true;
        // An error means that the proxy is gone.
        let _ = go_on.changed().await;
    }
}

/// Returns when a connection freezes.
async fn freezes(mut frozen: watch::Receiver<bool>) {
    if !*frozen.borrow() && frozen.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Counts a message, and returns the plan if this is the message to cut at.
fn count(state: &Mutex<State>, ends: bool) -> Option<Plan> {
    let mut state = state.lock().unwrap();
    let nth = state.messages + 1;
    let plan = state.plan.take_if(|plan| nth >= plan.at && (ends || !plan.whole));
    let never_sent = |plan: &Plan| plan.cut == Cut::BeforeForwarding && plan.then == Then::Close;
    if !plan.as_ref().is_some_and(never_sent) {
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

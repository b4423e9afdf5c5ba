//! Lambda's Runtime API as a function's process sees it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::outcome::Outcome;

struct Invocation {
    id: String,
    payload: Bytes,
    deadline_millis: i64,
}

/// The Runtime API of one environment: the invocations that wait for a poll, and the callers that
/// wait for an outcome.
pub struct RuntimeApi {
    queue: mpsc::UnboundedSender<Invocation>,
    queued: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    first_poll: watch::Sender<Option<Instant>>,
    init_error: Mutex<Option<Outcome>>,
    at_reply: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl RuntimeApi {
    /// Returns the API of a process that has not started yet.
    pub fn new() -> Arc<Self> {
        let (queue, queued) = mpsc::unbounded_channel();
        Arc::new(Self {
            queue,
            queued: queued.into(),
            waiting: Mutex::default(),
            first_poll: watch::Sender::new(None),
            init_error: Mutex::default(),
            at_reply: Mutex::default(),
        })
    }

    /// Queues an invocation for the next poll, with a deadline from now on that the function can
    /// read. The receiver gets its outcome.
    #[expect(
        clippy::disallowed_methods,
        reason = "stands for Lambda, which says by the wall clock when time is up"
    )]
    pub fn submit(&self, payload: &Value, deadline: Duration) -> oneshot::Receiver<Outcome> {
        let (tell, hear) = oneshot::channel();
        let id = Uuid::now_v7().to_string();
        let deadline_millis = (jiff::Timestamp::now() + deadline).as_millisecond();
        self.waiting.lock().unwrap().insert(id.clone(), tell);
        let invocation = Invocation { id, payload: payload.to_string().into(), deadline_millis };
        self.queue.send(invocation).expect("the receiver is in this very struct");
        hear
    }

    /// Returns the time of the process's first poll, once there was one.
    pub fn first_poll(&self) -> watch::Receiver<Option<Instant>> {
        self.first_poll.subscribe()
    }

    /// Returns the error that the process reported if it failed to start.
    pub fn init_error(&self) -> Option<Outcome> {
        self.init_error.lock().unwrap().clone()
    }

    /// Has `action` run at each reply, before the process or the caller learns that it has arrived.
    pub(crate) fn at_replies(&self, action: impl Fn() + Send + 'static) {
        *self.at_reply.lock().unwrap() = Some(Box::new(action));
    }

    /// Serves the process until the task is aborted. Its connections end with the task.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            // Without it a reply may wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            let api = self.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let api = api.clone();
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                // An error means that the process died in mid-request. Its exit status reports
                // that.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
        match parts[..] {
            ["invocation", "next"] => return self.next().await,
            ["invocation", id, "response"] => self.tell(id, Outcome::Replied(json(&body))),
            ["invocation", id, "error"] => self.tell(id, failure(&body)),
            ["init", "error"] => *self.init_error.lock().unwrap() = Some(failure(&body)),
            _ => return reply(StatusCode::NOT_FOUND, Bytes::new()),
        }
        reply(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}"))
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.first_poll.send_if_modified(|at| at.is_none() && at.replace(Instant::now()).is_none());
        let Some(invocation) = self.queued.lock().await.recv().await else {
            return reply(StatusCode::GONE, Bytes::new());
        };
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", invocation.id)
            .header("lambda-runtime-deadline-ms", invocation.deadline_millis)
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:000000000000:function:test",
            )
            .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0")
            .body(Full::new(invocation.payload))
            .expect("the headers are valid")
    }

    fn tell(&self, id: &str, outcome: Outcome) {
        if let Some(action) = &*self.at_reply.lock().unwrap() {
            action();
        }
        if let Some(waiting) = self.waiting.lock().unwrap().remove(id) {
            // The receiver is gone if the deadline passed first.
            let _ = waiting.send(outcome);
        }
    }
}

/// Returns a listener on a free loopback port, and its address.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let address = listener.local_addr().expect("the listener's address");
    (listener, address)
}

fn reply(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn failure(body: &[u8]) -> Outcome {
    let body = json(body);
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    Outcome::Failed { error_type: text("errorType"), message: text("errorMessage") }
}

//! Runs the gateway's HTTP server.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::backend::{Backend, Failure};
use super::cors::Cors;
use super::routes::{Match, Routes};
use super::{connection, event, intake, response};
use crate::loopback::{Loopback, lock};
use crate::template::Template;

/// The pause after a connection could not be accepted, such as for want of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// The settings in which APIs differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// The API's id in events: the stack's name.
    pub name: &'a str,
    /// The template's parameter `CorsAllowOrigins`: origins with commas between them, or empty.
    pub cors_allow_origins: &'a str,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    pub patience: Patience,
}

/// The times for which the gateway waits. The defaults are API Gateway's.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the head of a request, and for each part of its body.
    pub request: Duration,
    /// For a function.
    pub function: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { request: Duration::from_secs(30), function: Duration::from_secs(30) }
    }
}

/// A gateway that listens on 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Server(Loopback);

struct Gateway<B> {
    name: String,
    routes: Routes,
    cors: Cors,
    patience: Patience,
    backend: B,
    log: Mutex<Box<dyn Write + Send>>,
}

impl Server {
    /// Starts a gateway. Each failed invocation is one line in `log`.
    ///
    /// # Errors
    ///
    /// The port is in use, or no port is free.
    pub fn start<B: Backend>(
        settings: Settings<'_>,
        backend: B,
        log: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let template = Template::read();
        let gateway = Arc::new(Gateway {
            name: settings.name.to_owned(),
            routes: Routes::of(&template),
            cors: Cors::of(&template, settings.cors_allow_origins),
            patience: settings.patience,
            backend,
            log: Mutex::new(Box::new(log)),
        });
        let closing = Arc::clone(&gateway);
        let serve = |listener| serve(gateway, listener);
        let close = async move { closing.backend.close().await };
        Loopback::serve_and_close("gateway", settings.port, serve, close).map(Self)
    }

    /// Returns the base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }
}

/// Accepts connections until it is dropped, and so do they end.
async fn serve<B: Backend>(gateway: Arc<Gateway<B>>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REST).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let gateway = Arc::clone(&gateway);
        connections.spawn(async move {
            let patience = gateway.patience.request;
            connection::serve(stream, patience, |request| gateway.answer(request)).await;
        });
    }
}

impl<B: Backend> Gateway<B> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = match intake::check_head(&head) {
            Ok(()) => intake::body(body, self.patience.request).await,
            Err(status) => Err(status),
        };
        let body = match body {
            Ok(body) => body,
            Err(status) => return refused(status),
        };
        let cors = self.cors.decide(&head);
        let mut response = if cors.is_preflight {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        } else {
            match self.routes.find(head.method.as_str(), head.uri.path()) {
                Some(found) => self.forward(&found, &head, &body).await,
                None => response::own(StatusCode::NOT_FOUND, "Not Found"),
            }
        };
        cors.apply(response.headers_mut());
        response
    }

    async fn forward(&self, found: &Match<'_>, head: &Parts, body: &[u8]) -> Response<Body> {
        let event = event::event(&self.name, head, body, found, SystemClock.now());
        if event["body"].as_str().map_or(0, str::len) > intake::EVENT_LIMIT {
            return refused(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let answer = self.backend.invoke(&found.route.function, event);
        let Ok(answer) = tokio::time::timeout(self.patience.function, answer).await else {
            self.note(found, &"no answer in time");
            return response::own(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        };
        answer.and_then(|answer| response::response(&answer)).unwrap_or_else(|failure| {
            let Failure { throttled, .. } = failure;
            self.note(found, &failure);
            let status = if throttled {
                StatusCode::TOO_MANY_REQUESTS
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            response::own(status, "Internal Server Error")
        })
    }

    fn note(&self, found: &Match<'_>, what: &dyn std::fmt::Display) {
        // A log that cannot be written must not change the response.
        writeln!(lock(&self.log), "{}: {what}", found.route.key()).unwrap_or_default();
    }
}

/// Returns the response to a request that was not read to its end, and so must be the last one of
/// its connection.
fn refused(status: StatusCode) -> Response<Body> {
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    let mut response = response::own(status, message);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

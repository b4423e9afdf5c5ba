//! Runs the gateway's HTTP server.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;

use super::backend::{Backend, Failure};
use super::cors::Cors;
use super::routes::{Match, Routes};
use super::{event, response};
use crate::loopback::{Loopback, lock};
use crate::template::Template;

/// The longest body that API Gateway accepts, in bytes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The settings in which APIs differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// The API's id in events: the stack's name.
    pub name: &'a str,
    /// The template's parameter `CorsAllowOrigins`: origins with commas between them, or empty.
    pub cors_allow_origins: &'a str,
}

/// A gateway that listens on 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Server(Loopback);

struct Gateway<B> {
    name: String,
    routes: Routes,
    cors: Cors,
    backend: B,
    log: Mutex<Box<dyn Write + Send>>,
}

impl Server {
    /// Starts on a free port. Each failed invocation is one line in `log`.
    ///
    /// # Errors
    ///
    /// No port is free.
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
            backend,
            log: Mutex::new(Box::new(log)),
        });
        let answer = move |request| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.answer(request).await }
        };
        Loopback::start("gateway", 0, answer).map(Self)
    }

    /// Returns the base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }
}

impl<B: Backend> Gateway<B> {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return response::own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
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
        let answer = self.backend.invoke(&found.route.function, event).await;
        answer.and_then(|answer| response::response(&answer)).unwrap_or_else(|failure| {
            let Failure { throttled, .. } = failure;
            // A log that cannot be written must not change the response.
            writeln!(lock(&self.log), "{}: {failure}", found.route.key()).unwrap_or_default();
            let status = if throttled {
                StatusCode::TOO_MANY_REQUESTS
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            response::own(status, "Internal Server Error")
        })
    }
}

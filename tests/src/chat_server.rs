//! A chat with an incoming webhook.
#![allow(clippy::unwrap_used, reason = "for tests only: to fail is to panic")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;

/// A server that keeps everything posted to it, and answers with one status.
#[derive(Clone)]
pub struct ChatServer {
    /// The URL of the webhook.
    pub url: String,
    status: Arc<Mutex<u16>>,
    posted: Arc<Mutex<Vec<Value>>>,
}

impl ChatServer {
    /// Starts a server that answers with 200.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/a-secret-path", listener.local_addr().unwrap());
        let server = Self { url, status: Arc::new(Mutex::new(200)), posted: Arc::default() };
        let app = Router::new()
            .route("/services/a-secret-path", post(answer))
            .route("/elsewhere", post(answer))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    /// Sets the status of all answers from now on.
    ///
    /// # Panics
    ///
    /// If a handler has panicked.
    pub fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// Returns the messages that were posted since the last call.
    ///
    /// # Panics
    ///
    /// If a handler has panicked.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.posted.lock().unwrap())
    }

    /// Returns how many messages were posted since they were taken last.
    ///
    /// # Panics
    ///
    /// If a handler has panicked.
    pub fn posts(&self) -> usize {
        self.posted.lock().unwrap().len()
    }
}

async fn answer(State(server): State<ChatServer>, body: Bytes) -> Response {
    server.posted.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    let status = StatusCode::from_u16(*server.status.lock().unwrap()).unwrap();
    let headers = match status.as_u16() {
        429 => vec![(RETRY_AFTER, "30")],
        302 => vec![(LOCATION, "/elsewhere")],
        _ => Vec::new(),
    };
    let mut response = status.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

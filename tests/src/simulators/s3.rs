//! A bucket of S3 by its REST interface: whole objects, conditions, checksums and metadata.
#![allow(clippy::unwrap_used, reason = "for tests only: to fail is to panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const BUCKET: &str = "analytics-copy";

/// How the store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It answers with a status and a code, and does nothing.
    Refuses(u16, &'static str),
    /// It does what it is asked, and answers with an internal error.
    LosesReply,
    /// It does what it is asked, and ends the connection in the middle of its answer.
    Disconnects,
}

#[derive(Debug, Clone)]
struct Stored {
    body: Bytes,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Store {
    objects: BTreeMap<String, Stored>,
    failure: Option<(Failure, usize)>,
}

/// A server on loopback with one bucket.
#[derive(Clone)]
pub struct S3Simulator {
    url: String,
    store: Arc<Mutex<Store>>,
}

impl S3Simulator {
    /// Starts a server with an empty bucket.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, store: Arc::default() };
        let app = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    /// Returns the URL of the endpoint.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// Lets the next `times` requests that write fail, and those that read too if they are refused.
    ///
    /// # Panics
    ///
    /// If a handler has panicked.
    pub fn fails(&self, failure: Failure, times: usize) {
        self.store.lock().unwrap().failure = Some((failure, times));
    }

    /// Returns the bytes of an object.
    ///
    /// # Panics
    ///
    /// If a handler has panicked.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Bytes> {
        self.store.lock().unwrap().objects.get(key).map(|stored| stored.body.clone())
    }

    /// Returns the keys of all objects.
    ///
    /// # Panics
    ///
    /// If a handler has panicked.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.store.lock().unwrap().objects.keys().cloned().collect()
    }
}

impl Store {
    /// Returns the failure of this request, if it fails.
    fn failing(&mut self, method: &Method) -> Option<Failure> {
        let (failure, left) = self.failure.as_mut()?;
        let concerns = *method == Method::PUT || matches!(failure, Failure::Refuses(403 | 404, _));
        if *left == 0 || !concerns {
            return None;
        }
        *left -= 1;
        Some(*failure)
    }
}

fn etag(body: &[u8]) -> String {
    let sum = Sha256::digest(body);
    format!("\"{}\"", hex::encode(&sum[..16]))
}

fn error(status: u16, code: &str) -> Response {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>no</Message></Error>"
    );
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/xml")], text).into_response()
}

async fn answer(State(server): State<S3Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().trim_start_matches('/');
    let Some(key) = path.strip_prefix(BUCKET).and_then(|rest| rest.strip_prefix('/')) else {
        return error(404, "NoSuchBucket");
    };
    let key = percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned();
    let mut store = server.store.lock().unwrap();
    let failure = store.failing(&parts.method);
    if let Some(Failure::Refuses(status, code)) = failure {
        return error(status, code);
    }
    let response = match parts.method {
        Method::PUT => put(&mut store, key, &parts.headers, body),
        Method::HEAD | Method::GET => get(&store, &key, &parts.headers),
        Method::DELETE => {
            store.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => error(405, "MethodNotAllowed"),
    };
    match failure {
        Some(Failure::LosesReply) => error(500, "InternalError"),
        // A length that the body never reaches.
        Some(Failure::Disconnects) => Response::builder()
            .status(StatusCode::INTERNAL_SERVER_ERROR)
            .header("content-length", "100")
            .body(Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(
                std::io::Error::other("cut off"),
            )])))
            .unwrap(),
        _ => response,
    }
}

fn put(store: &mut Store, key: String, headers: &HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    assert!(header("content-encoding").is_none(), "the body comes whole");
    if header("x-amz-checksum-sha256")
        .is_none_or(|sum| sum != STANDARD.encode(Sha256::digest(&body)))
    {
        return error(400, "BadDigest");
    }
    let known = store.objects.get(&key).map(|stored| etag(&stored.body));
    let is_as_wanted = match (header("if-none-match"), header("if-match")) {
        (Some("*"), _) => known.is_none(),
        (_, Some(tag)) => match &known {
            Some(known) => known == tag,
            None => return error(404, "NoSuchKey"),
        },
        _ => true,
    };
    if !is_as_wanted {
        return error(412, "PreconditionFailed");
    }
    let metadata = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    let tag = etag(&body);
    let metadata: BTreeMap<String, String> = metadata.collect();
    assert!(metadata.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() <= 2048, "2 KB");
    store.objects.insert(key, Stored { body, metadata });
    (StatusCode::OK, [("etag", tag)]).into_response()
}

fn get(store: &Store, key: &str, headers: &HeaderMap) -> Response {
    let Some(stored) = store.objects.get(key) else { return error(404, "NoSuchKey") };
    let mut body = stored.body.clone();
    let mut status = StatusCode::OK;
    if let Some(range) = headers.get("range").and_then(|range| range.to_str().ok()) {
        let (from, to) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        if from >= body.len() {
            return error(416, "InvalidRange");
        }
        body = body.slice(from..body.len().min(to + 1));
        status = StatusCode::PARTIAL_CONTENT;
    }
    let mut response = (status, [("etag", etag(&stored.body))], body).into_response();
    for (name, value) in &stored.metadata {
        let name: axum::http::HeaderName = format!("x-amz-meta-{name}").parse().unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

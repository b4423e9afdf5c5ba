//! Requests of people, and the replies to them.

use std::sync::atomic::{AtomicU32, Ordering};

use accounts::Ports;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Reply, Request, Service as _};
use serde_json::{Map, Value, json};

/// A request of a browser, by TLS, from a page of our own unless a test says otherwise.
#[derive(Debug, Clone)]
pub struct Ask {
    method: &'static str,
    path: String,
    headers: Map<String, Value>,
    cookies: Vec<String>,
    body: String,
    address: String,
}

impl Ask {
    fn new(method: &'static str, path: &str) -> Self {
        // A network address of its own, so that no test meets the limit of another request.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let [_, b, c, d] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let headers = json!({"host": "api.example.com", "sec-fetch-site": "same-origin", "user-agent": "Mozilla/5.0"});
        Self {
            method,
            path: path.to_owned(),
            headers: headers.as_object().unwrap().clone(),
            cookies: Vec::new(),
            body: String::new(),
            address: format!("10.{b}.{c}.{d}"),
        }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of JSON.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).header("content-type", "application/json").body(&body.to_string())
    }

    /// A POST of a page's form.
    pub fn form(path: &str, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .body(&body)
    }

    /// A sign-in by a password.
    pub fn sign_in(email: &str, password: &str) -> Self {
        Self::post("/api/auth/sign-in/email", &json!({"email": email, "password": password}))
    }

    /// The use of a link.
    pub fn link(token: &str, password: Option<&str>) -> Self {
        Self::post("/api/auth/use-link", &json!({"token": token, "password": password}))
    }

    pub fn body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), json!(value));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// With a method that the route may not take.
    pub fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// With the cookie of a session.
    pub fn session(mut self, token: &str) -> Self {
        self.cookies.push(format!("__Secure-better-auth.session_token={token}"));
        self
    }

    /// From a network address.
    pub fn from(self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self }
    }

    /// The event of the gateway.
    pub fn event(&self) -> Value {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": self.headers,
            "cookies": self.cookies, "body": self.body, "isBase64Encoded": false,
            "requestContext": {
                "http": {"method": self.method, "sourceIp": self.address}, "stage": "$default",
            },
        })
    }

    pub async fn send_to<C: Clock + 'static>(&self, ports: &Ports<C>) -> Answer {
        let request: Request = serde_json::from_value(self.event()).unwrap();
        Answer::from(ports.handle(&request, "an invocation").await)
    }
}

/// A reply as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub reply: Reply,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        Self { status: reply.status_code, body, reply }
    }
}

impl Answer {
    /// The code of a refusal.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header of the reply; empty if it has none.
    pub fn header(&self, name: &str) -> &str {
        self.reply.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The token in the cookie that the reply sets.
    pub fn token(&self) -> String {
        let name = "__Secure-better-auth.session_token=";
        let mut cookies = self.reply.cookies.iter();
        let cookie = cookies.find_map(|cookie| cookie.strip_prefix(name)).unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Expects a status, and says what came instead.
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

//! Measures how many requests a second the gateway of `make run` passes to a function that it
//! hosts, against those that it answers by itself.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use penstock_testkit::TestDatabase;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::cold_start::given;
use super::figures::{Figures, median, ms, per_second, percentile};
use super::front_routes::{KEY, register};
use super::say;
use crate::fake_aws::FakeAws;
use crate::gateway::{Server, Settings};
use crate::hosting::{Hosted, HostedFunction};
use crate::template::{Template, short_name};

/// Clients at once, each on a connection of its own.
const CLIENTS: usize = 32;

/// Requests of a round, over all clients.
const REQUESTS: usize = 8_000;

/// Leads are commits of Postgres, so there are fewer.
const LEADS: usize = 3_200;

const ROUNDS: usize = 5;

/// A request of the clients.
struct Question {
    /// The part of its figures' names.
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
    status: StatusCode,
    requests: usize,
}

const QUESTIONS: [Question; 3] = [
    // No route takes this path, so no function sees the request.
    Question {
        name: "gateway_alone",
        method: "GET",
        path: "/none",
        body: "",
        status: StatusCode::NOT_FOUND,
        requests: REQUESTS,
    },
    Question {
        name: "gateway",
        method: "GET",
        path: "/healthz",
        body: "",
        status: StatusCode::OK,
        requests: REQUESTS,
    },
    Question {
        name: "gateway_lead",
        method: "POST",
        path: "/leads",
        body: r#"{"email":"ada@example.com","name":"Ada","source":"bench"}"#,
        status: StatusCode::CREATED,
        requests: LEADS,
    },
];

/// Asks each question in turn, so that the machine's other load falls on all of them.
pub(super) async fn measure(folder: &Path, figures: &mut Figures) {
    let database = TestDatabase::new().await;
    register(&database.client().await).await;
    let aws = FakeAws::start().await;
    let hosted = Hosted::new(functions(folder, &database, &aws));
    let settings = Settings { name: "bench", ..Settings::default() };
    let server = Server::start(settings, hosted, std::io::stderr()).expect("a free port");
    let address: SocketAddr =
        server.url().trim_start_matches("http://").parse().expect("the gateway's address");
    say(&format!("gateway: {ROUNDS} rounds of {CLIENTS} clients"));
    let mut rates: [Vec<f64>; QUESTIONS.len()] = Default::default();
    let mut times: [Vec<f64>; QUESTIONS.len()] = Default::default();
    for round in 0..=ROUNDS {
        for ((question, rates), times) in QUESTIONS.iter().zip(&mut rates).zip(&mut times) {
            let begun = Instant::now();
            let taken = ask(address, question).await;
            // The first round starts the environments.
            if round > 0 {
                rates.push(per_second(question.requests, begun.elapsed()));
                times.extend(taken.into_iter().map(ms));
            }
        }
    }
    for ((Question { name, .. }, rates), times) in QUESTIONS.iter().zip(&rates).zip(&times) {
        figures.note(format!("{name}_req_s_{CLIENTS}"), median(rates));
        figures.note(format!("{name}_p50_ms_{CLIENTS}"), percentile(times, 50));
        figures.note(format!("{name}_p99_ms_{CLIENTS}"), percentile(times, 99));
    }
}

/// Returns the functions that the questions reach, with the template's settings.
fn functions(folder: &Path, database: &TestDatabase, aws: &FakeAws) -> Vec<HostedFunction> {
    let template = Template::read();
    let of_lambda = |name: &str| {
        let values = [
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        values.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let hosted = template.functions().into_iter().map(|(_, function)| {
        let name = short_name(function);
        let mut variables = template.environment(function, given);
        variables.extend(of_lambda(name));
        variables.push(("DATABASE_URL".to_owned(), database.url()));
        let of_aws = aws.environment().into_iter();
        variables.extend(of_aws.map(|(name, value)| (name.to_owned(), value)));
        HostedFunction {
            name: name.to_owned(),
            bootstrap: folder.join(name).join("bootstrap"),
            variables,
            timeout: Duration::from_secs(20),
            most: 20,
            log: folder.join("gateway.log"),
        }
    });
    hosted.collect()
}

/// Has all clients ask at once, each one request after the other. Returns the time of each request.
async fn ask(address: SocketAddr, question: &'static Question) -> Vec<Duration> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let mut connection = connect(address).await;
            let mut taken = Vec::new();
            for _ in 0..question.requests / CLIENTS {
                let begun = Instant::now();
                request(&mut connection, question).await;
                taken.push(begun.elapsed());
            }
            taken
        });
    }
    clients.join_all().await.concat()
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("the gateway accepts");
    stream.set_nodelay(true).expect("a socket of TCP");
    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
    // It ends when the sender is dropped.
    tokio::spawn(async move { drop(connection.await) });
    sender
}

async fn request(connection: &mut SendRequest<Full<Bytes>>, question: &Question) {
    let request = Request::builder()
        .method(question.method)
        .uri(question.path)
        .header("host", "bench")
        .header("x-api-key", KEY)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(question.body.as_bytes())))
        .expect("a request");
    let reply = connection.send_request(request).await.expect("a reply");
    let status = reply.status();
    let body = reply.into_body().collect().await.expect("a whole reply").to_bytes();
    let said = String::from_utf8_lossy(&body);
    assert_eq!(status, question.status, "{} {}: {said}", question.method, question.path);
}

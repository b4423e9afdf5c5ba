//! Functions that are mounted in other places. Behind an HTTP API or as a function URL they answer;
//! elsewhere they say in one sentence what is wrong, in the reply and in the log.

use penstock_testkit::{Outcome, RuntimeHost, binary};
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::{Value, json};

use crate::stripe_account::account;

/// The functions with routes.
const FUNCTIONS: [&str; 7] =
    ["accounts", "admin", "console", "ingest", "metrics", "transact", "webhook"];

const ANSWERS: &str = "This function answers an HTTP API with payload format 2.0 or a function URL, and was called by ";

/// A function as built. Postgres is not asked by what is tried here.
async fn built(name: &str, url: &str, aws: &FakeAws) -> RuntimeHost {
    let own = [
        ("DATABASE_URL", url.to_owned()),
        ("API_KEY_SECRET", "marks of the test app".to_owned()),
        ("SOURCES", "stripe".to_owned()),
    ];
    let env = [aws.environment().as_slice(), &own].concat();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    RuntimeHost::start(&binary(name), &env).await
}

/// A POST of a REST API: format 1.0, without saying so.
fn rest_api() -> Value {
    json!({
        "resource": "/leads", "path": "/leads", "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "Host": "abc.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": {"utm_source": "x"},
        "multiValueQueryStringParameters": {"utm_source": ["x"]},
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "resourceId": "2gxmpl", "resourcePath": "/leads", "httpMethod": "POST", "path": "/prod/leads",
            "accountId": "123456789012", "protocol": "HTTP/1.1", "stage": "prod", "requestId": "r",
            "identity": {"sourceIp": "203.0.113.1", "userAgent": "curl"}, "apiId": "70ixmpl4fl",
        },
        "body": "{\"email\":\"ada@example.com\"}", "isBase64Encoded": false,
    })
}

/// The same of an HTTP API whose integration asks for format 1.0.
fn format_1() -> Value {
    let mut event = rest_api();
    event["version"] = "1.0".into();
    event
}

fn load_balancer() -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/49e9d65c45c6791a"}},
        "httpMethod": "GET", "path": "/healthz", "queryStringParameters": {},
        "headers": {"host": "lb.example.com", "x-forwarded-for": "203.0.113.1", "user-agent": "ELB-HealthChecker/2.0"},
        "body": "", "isBase64Encoded": false,
    })
}

fn web_socket() -> Value {
    json!({
        "headers": {"Host": "abc.execute-api.eu-west-1.amazonaws.com", "Sec-WebSocket-Version": "13"},
        "requestContext": {
            "routeKey": "$connect", "eventType": "CONNECT", "connectionId": "L0SM9cOFvHcCIhw=", "stage": "prod",
            "requestId": "r", "apiId": "abc", "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
        },
        "isBase64Encoded": false,
    })
}

/// Asks an HTTP API's own function whether a caller may.
fn authorizer() -> Value {
    json!({
        "version": "2.0", "type": "REQUEST", "identitySource": ["k"], "rawPath": "/healthz", "rawQueryString": "",
        "routeArn": "arn:aws:execute-api:eu-west-1:123456789012:abc/$default/GET/healthz",
        "headers": {}, "requestContext": {"http": {"method": "GET"}, "stage": "$default"},
    })
}

fn event_bridge() -> Value {
    json!({
        "version": "0", "id": "6a7e8feb", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-05-01T12:00:00Z", "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:123456789012:rule/x"], "detail": {},
    })
}

#[tokio::test]
async fn what_is_mounted_elsewhere_reads_one_sentence_and_so_does_the_log() {
    let aws = FakeAws::start().await;
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    for name in FUNCTIONS {
        let function = built(name, nowhere, &aws).await;
        let mut sentences = Vec::new();
        for (event, caller) in [
            (rest_api(), "a REST API."),
            (format_1(), "an HTTP API with payload format 1.0. Set PayloadFormatVersion"),
            (load_balancer(), "an Application Load Balancer."),
            (web_socket(), "a WebSocket API."),
        ] {
            let reply = function.invoke(event).await.reply();
            assert_eq!(reply["statusCode"], 501, "{name}: {reply}");
            assert_eq!(reply["headers"]["content-type"], "application/problem+json");
            assert_eq!(
                reply["multiValueHeaders"]["content-type"],
                json!(["application/problem+json"])
            );
            assert_eq!(reply.get("cookies"), None, "a REST API refuses such a reply");
            let problem: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
            let sentence = problem["detail"].as_str().unwrap().to_owned();
            assert!(sentence.starts_with(&format!("{ANSWERS}{caller}")), "{sentence}");
            sentences.push(sentence);
        }
        for (event, caller) in [
            (event_bridge(), "an event that is no request."),
            (json!({"key1": "value1", "key2": "value2"}), "an event that is no request."),
            (json!(null), "an event that is no request."),
            (authorizer(), "an API as its authorizer."),
        ] {
            let Outcome::Failed { message, .. } = function.invoke(event).await else {
                panic!("{name} has a reply for {caller}");
            };
            assert!(message.starts_with(&format!("{ANSWERS}{caller}")), "{message}");
            sentences.push(message);
        }
        let output = function.output();
        let lines: Vec<&str> =
            output.lines().filter(|line| line.contains("\"misplaced\"")).collect();
        assert_eq!(lines.len(), sentences.len(), "{output}");
        for (line, sentence) in lines.iter().zip(&sentences) {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["reason"], sentence.as_str(), "{name}");
        }
        assert!(!output.contains("ada@example.com"), "bodies are not logged");
    }
    assert!(aws.take().is_empty(), "nothing is taken");
}

/// A request as a function URL sends it: payload format 2.0, one route, nothing decoded.
fn function_url(method: &str, path: &str, body: Option<&str>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "utm_source=x",
        "headers": {"x-api-key": INGEST_KEY, "content-type": "text/plain", "host": "id.lambda-url.eu-west-1.on.aws"},
        "queryStringParameters": {"utm_source": "x"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "id", "domainName": "id.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "curl"},
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "01/May/2026:12:00:00 +0000",
        },
        "body": body, "isBase64Encoded": body.is_some(),
    })
}

#[tokio::test]
async fn a_function_url_is_answered_as_the_http_api_is() {
    let app = TestApp::over(account(960, 1)).await;
    app.let_in().await;
    let aws = FakeAws::start().await;
    let ingest = built("ingest", &app.db.url_of("ingest"), &aws).await;
    // "a lead" in base64.
    let taken = ingest.invoke(function_url("POST", "/leads", Some("YSBsZWFk"))).await.reply();
    assert_eq!(taken["statusCode"], 201, "{taken}");
    assert_eq!(
        app.db.scalar::<String>("select convert_from(payload, 'utf8') from outbox").await,
        "a lead"
    );
    let metrics = built("metrics", &app.db.url_of("metrics"), &aws).await;
    let mut health = function_url("HEAD", "/healthz", None);
    health["rawQueryString"] = "".into();
    let health = metrics.invoke(health).await.reply();
    assert_eq!((&health["statusCode"], &health["body"]), (&json!(200), &json!("")));
    let unknown = metrics.invoke(function_url("GET", "/no/such", None)).await.reply();
    assert_eq!(unknown["statusCode"], 404);
}

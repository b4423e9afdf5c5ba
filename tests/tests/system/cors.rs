//! CORS by configuration, and methods that a path does not take, through the gateway.

use http::Method;
use penstock_tests::stack::{Gateway, Reply};
use serde_json::Value;

use crate::deployed_app::DeployedApp;

const HERE: &str = "https://app.example";

async fn preflight(gateway: &Gateway, origin: &str) -> Reply {
    let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
    gateway.ask(Method::OPTIONS, "/events", &headers).await.unwrap()
}

#[tokio::test]
async fn pages_of_the_origins_that_are_configured_may_call_and_no_others() {
    let origins = format!("{HERE},http://localhost:3000");
    let app = DeployedApp::new("sys-cors", &[("CorsAllowOrigins", &origins)]).await;
    let gateway = app.stack.gateway().unwrap();
    let said = preflight(&gateway, HERE).await;
    assert_eq!(said.status, 204, "{said:?}");
    assert_eq!(said.headers["access-control-allow-origin"], HERE);
    assert_eq!(said.headers["access-control-allow-methods"], "DELETE,GET,PATCH,POST,PUT");
    let headers = said.headers["access-control-allow-headers"].to_str().unwrap();
    for name in ["content-type", "idempotency-key", "x-api-key", "x-admin-api-key", "x-request-id"]
    {
        assert!(headers.split(',').any(|allowed| allowed == name), "{name} in {headers}");
    }
    let foreign = preflight(&gateway, "https://evil.example").await;
    assert!(!foreign.headers.contains_key("access-control-allow-origin"), "{foreign:?}");

    let reply = gateway.ask(Method::GET, "/healthz", &[("Origin", HERE)]).await.unwrap();
    assert_eq!(
        (reply.status, reply.headers["access-control-allow-origin"].to_str().unwrap()),
        (200, HERE)
    );
    assert_eq!(
        reply.headers["access-control-expose-headers"],
        "etag,idempotency-replayed,retry-after,x-next-cursor,x-request-id"
    );
    let foreign =
        gateway.ask(Method::GET, "/healthz", &[("Origin", "https://evil.example")]).await.unwrap();
    assert!(!foreign.headers.contains_key("access-control-allow-origin"), "{foreign:?}");
}

#[tokio::test]
async fn where_no_origin_is_configured_there_is_no_cors_and_a_wrong_method_is_a_problem() {
    let app = DeployedApp::new("sys-no-cors", &[]).await;
    let gateway = app.stack.gateway().unwrap();
    let said = preflight(&gateway, HERE).await;
    assert_eq!((said.status, said.headers["allow"].to_str().unwrap()), (405, "POST"), "{said:?}");
    assert!(
        !said.headers.keys().any(|name| name.as_str().starts_with("access-control-")),
        "{said:?}"
    );
    for (method, path, allow) in [
        (Method::DELETE, "/runs", "GET, HEAD"),
        (Method::GET, "/webhooks/stripe", "POST"),
        (Method::PUT, "/leads", "POST, GET, HEAD"),
    ] {
        let reply = gateway.ask(method, path, &[]).await.unwrap();
        assert_eq!(
            (reply.status, reply.headers["allow"].to_str().unwrap()),
            (405, allow),
            "{path}"
        );
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert_eq!(
            serde_json::from_str::<Value>(&reply.body).unwrap()["type"],
            "urn:penstock:problem:method-not-allowed"
        );
    }
}

//! The access log of the HTTP API.

use penstock_tests::template::Template;
use serde_json::Value;

#[test]
fn the_gateway_logs_who_asked_for_which_route_and_neither_path_nor_query() {
    let template = Template::read();
    let settings = &template.resource("HttpApi")["AccessLogSettings"];
    let format = settings["Format"].as_str().unwrap();
    let line: Value = serde_json::from_str(format).unwrap();
    let logged: Vec<&str> =
        line.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
    assert!(logged.contains(&"$context.identity.sourceIp"), "{format}");
    assert!(logged.contains(&"$context.routeKey"), "{format}");
    let forbidden = ["path", "querystring", "header", "authorizer", "cookie"];
    let lower = format.to_lowercase();
    for word in forbidden {
        assert!(!lower.contains(word), "{word} may hold ids or keys: {format}");
    }
    let logs = template.resource("ApiLogs");
    assert_eq!(logs["RetentionInDays"]["Ref"], "LogRetentionDays");
}

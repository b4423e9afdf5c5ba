//! The access log of the HTTP API.

use penstock_tests::repository::root;
use penstock_tests::template::Template;
use serde_json::Value;

/// The variables of the gateway that hold nothing of the path, the query and the headers. A path
/// may hold a user's id or a sender's key; the route is the pattern that it fits.
const HARMLESS: [&str; 9] = [
    "$context.requestTime",
    "$context.requestId",
    "$context.identity.sourceIp",
    "$context.httpMethod",
    "$context.routeKey",
    "$context.status",
    "$context.responseLength",
    "$context.responseLatency",
    "$context.error.responseType",
];

#[test]
fn the_gateway_logs_who_asked_for_which_route_and_neither_path_nor_query() {
    let template = Template::read();
    let settings = &template.resource("HttpApi")["AccessLogSettings"];
    let format = settings["Format"].as_str().unwrap();
    let line: Value = serde_json::from_str(format).unwrap();
    let logged: Vec<&str> =
        line.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
    let wanted = ["$context.identity.sourceIp", "$context.routeKey"];
    assert!(wanted.iter().all(|wanted| logged.contains(wanted)), "{format}");
    for value in logged {
        let harmless = !value.starts_with('$') || HARMLESS.contains(&value);
        assert!(harmless, "{value} may hold ids or keys");
    }
    let logs = template.resource("ApiLogs");
    assert_eq!(logs["RetentionInDays"]["Ref"], "LogRetentionDays");
}

#[test]
fn nothing_in_front_of_the_gateway_writes_urls_down() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let template = Template::read();
    let distribution = &template.resource("EdgeDistribution")["DistributionConfig"];
    assert!(distribution.get("Logging").is_none(), "CloudFront logs paths and queries");
    for writer in ["AWS::WAFv2::LoggingConfiguration", "RealtimeLogConfig", "Tracing: Active"] {
        assert!(!text.contains(writer), "{writer} keeps paths");
    }
    assert!(text.contains("SampledRequestsEnabled: false"), "WAF keeps requests for 3 hours");
    assert!(!text.contains("SampledRequestsEnabled: true"));
}

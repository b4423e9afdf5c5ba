//! Who may reach the queues, and what becomes of the events that Lambda gives up.

use std::collections::BTreeSet;

use http::Method;
use penstock_domain::access::Need;
use serde_json::{Value, json};

use penstock_tests::template::{Template, short_name, target};

#[test]
fn trap_75_each_queue_denies_messages_of_other_principals_and_plain_http() {
    let template = Template::read();
    let policies = template.resources("AWS::SQS::QueuePolicy");
    let roles: BTreeSet<&str> =
        template.functions().into_iter().map(|(_, it)| target(&it["Role"])).collect();
    for (name, _) in template.resources("AWS::SQS::Queue") {
        let of_it = |policy: &Value| policy["Queues"] == json!([{"Ref": name}]);
        let (_, policy) = policies.iter().find(|(_, it)| of_it(it)).unwrap_or_else(|| {
            panic!("{name} has no policy");
        });
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
        let of = |sid: &str| statements.iter().find(|it| it["Sid"] == sid).unwrap();
        for statement in statements {
            assert_eq!(
                (&statement["Effect"], &statement["Principal"]),
                (&json!("Deny"), &json!("*"))
            );
            assert_eq!(target(&statement["Resource"]), name);
        }
        assert_eq!(of("NoPlainHttp")["Condition"]["Bool"]["aws:SecureTransport"], "false");
        assert_eq!(of("NoPlainHttp")["Action"], "sqs:*");
        let others = of("OnlyThisStack");
        let denied = json!([
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility"
        ]);
        assert_eq!(others["Action"], denied);
        let allowed = others["Condition"]["ArnNotLike"]["aws:PrincipalArn"].as_array().unwrap();
        let (operator, functions) = allowed.split_last().unwrap();
        assert_eq!(operator["Fn::If"][0], "HasQueueOperator");
        assert_eq!(functions.iter().map(target).collect::<BTreeSet<_>>(), roles, "{name}");
    }
}

/// (sender's queue, secret) that a function is told of.
fn secrets(template: &Template, name: &str) -> BTreeSet<String> {
    let functions = template.functions();
    let (_, function) = functions.iter().find(|(_, it)| short_name(it) == name).unwrap();
    let told = template.variables(function).into_iter();
    told.filter(|(variable, _)| variable.ends_with("_SPILL_SECRET_ARN"))
        .map(|(_, value)| target(&value).to_owned())
        .collect()
}

#[test]
fn each_sender_seals_with_a_secret_that_only_it_and_the_readers_know() {
    let template = Template::read();
    let all = ["IngestSpillSecret", "TransactSpillSecret", "WebhookSpillSecret"].map(str::to_owned);
    for (_, function) in template.functions() {
        let name = short_name(function);
        let wanted: BTreeSet<String> = match name {
            "bury" => all.iter().cloned().collect(),
            "webhook" => BTreeSet::from([all[0].clone(), all[2].clone()]),
            "ingest" => BTreeSet::from([all[0].clone()]),
            "transact" => BTreeSet::from([all[1].clone()]),
            _ => BTreeSet::new(),
        };
        assert_eq!(secrets(&template, name), wanted, "{name}");
    }
    for secret in all {
        let made = &template.resource(&secret)["GenerateSecretString"];
        assert!(made["PasswordLength"].as_i64().unwrap() >= 43, "{secret} has 256 bits");
        assert!(template.resource(&secret).get("SecretString").is_none(), "{secret}");
    }
}

#[test]
fn an_edge_with_limits_by_address_is_there_when_it_is_asked_for_and_only_then() {
    let template = Template::read();
    let default = |name: &str| template.parameters()[name]["Default"].clone();
    assert_eq!(default("EdgeWebAcl"), "", "off by default");
    let distribution = &template.resource("EdgeDistribution")["DistributionConfig"];
    // A distribution never stands without a web ACL, whatever the parameter says.
    let acl = json!({"Fn::If": ["MakesWebAcl", {"Fn::GetAtt": ["EdgeAcl", "Arn"]}, {"Ref": "EdgeWebAcl"}]});
    assert_eq!(distribution["WebACLId"], acl);
    let acl = template.resource("EdgeAcl");
    assert_eq!(acl["Scope"], "CLOUDFRONT");
    let rules = acl["Rules"].as_array().unwrap();
    for rule in rules {
        let limit = &rule["Statement"]["RateBasedStatement"];
        assert_eq!(
            (&limit["AggregateKeyType"], &rule["Action"]),
            (&json!("IP"), &json!({"Block": {}}))
        );
        assert!(template.number(&limit["Limit"]) > 0, "{rule}");
    }
    assert_eq!(rules.len(), 3, "webhooks, senders without a key, all others");
}

#[test]
fn what_needs_no_key_has_limits_of_its_own() {
    let template = Template::read();
    let settings = &template.resource("HttpApi")["RouteSettings"];
    let rate =
        |path: &str| template.number(&settings[format!("ANY {path}")]["ThrottlingRateLimit"]);
    let shared = template.number(&json!({"Ref": "ApiRateLimit"}));
    for path in ["/health", "/healthz", "/readyz"] {
        assert!(rate(path) < shared, "{path}: whoever floods it leaves room for the others");
    }
    // A notification needs no share of what webhooks with data have.
    assert!(rate("/webhooks/gcal") < rate("/webhooks/stripe"));
}

/// They are the same bytes for all, and ask Postgres nothing.
const DOCUMENTS: [&str; 4] = ["/openapi.json", "/api-docs.json", "/docs", "/api-docs"];

#[test]
fn each_route_that_writes_or_needs_no_key_has_a_limit_of_its_own() {
    let template = Template::read();
    let settings = &template.resource("HttpApi")["RouteSettings"];
    let routes = penstock_tests::contract::routes();
    for route in routes.values().flatten() {
        let is_open = route.need == Need::Nothing && !DOCUMENTS.contains(&route.path.as_ref());
        if is_open || route.method != Method::GET {
            let own = &settings[format!("ANY {}", route.path)];
            for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
                assert!(own.get(limit).is_some(), "{}: {limit}", route.path);
            }
        }
    }
    for limited in settings.as_object().unwrap().keys() {
        let mut paths = routes.values().flatten().map(|route| format!("ANY {}", route.path));
        assert!(
            paths.any(|path| path == *limited),
            "a limit of a route that is not there: {limited}"
        );
    }
}

/// The minutes of an hour at which a schedule fires, and the hours and days in its other fields.
fn times(schedule: &str) -> (BTreeSet<u32>, String) {
    let fields = schedule.strip_prefix("cron(").and_then(|it| it.strip_suffix(')')).unwrap();
    let (minutes, rest) = fields.split_once(' ').unwrap();
    let minutes = match minutes.split_once('/') {
        Some((first, step)) => {
            (first.parse().unwrap()..60).step_by(step.parse().unwrap()).collect()
        }
        None => BTreeSet::from([minutes.parse().unwrap()]),
    };
    (minutes, rest.to_owned())
}

#[test]
fn no_two_rules_of_fetch_begin_in_the_same_minute_whatever_the_interval() {
    let template = Template::read();
    let functions = template.functions();
    let (_, fetch) = functions.iter().find(|(_, it)| short_name(it) == "fetch").unwrap();
    let rules: Vec<(&String, &Value)> = fetch["Events"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, event)| event["Type"] == "Schedule")
        .map(|(name, event)| (name, &event["Properties"]["Schedule"]))
        .collect();
    assert!(rules.len() > 3, "only {} rules were found", rules.len());
    let default = template.parameters()["FetchEveryMinutes"]["Default"].to_string();
    for interval in template.parameters()["FetchEveryMinutes"]["AllowedValues"].as_array().unwrap()
    {
        let at = |schedule: &Value| {
            let text = template.text(schedule).unwrap();
            times(&text.replace(&format!("/{default} "), &format!("/{interval} ")))
        };
        for (index, (one, schedule)) in rules.iter().enumerate() {
            let (minutes, hours) = at(schedule);
            for (other, schedule) in &rules[index + 1..] {
                let (others, other_hours) = at(schedule);
                // Two daily rules may share a minute of different hours.
                let apart = hours != other_hours
                    && !hours.starts_with('*')
                    && !other_hours.starts_with('*');
                let shared: Vec<_> = minutes.intersection(&others).collect();
                assert!(
                    apart || shared.is_empty(),
                    "{one}, {other}: minutes {shared:?}, every {interval}"
                );
            }
        }
    }
}

/// Their next round, minutes later, does what a lost one would have done.
const NEEDS_NO_DESTINATION: [&str; 5] = ["accounts", "archive", "digest", "load", "relay"];

#[test]
fn what_a_rule_asks_for_and_lambda_gives_up_goes_to_a_queue_that_bury_reads() {
    let template = Template::read();
    let functions = template.functions();
    let (_, bury) = functions.iter().find(|(_, it)| short_name(it) == "bury").unwrap();
    let read: BTreeSet<&str> = bury["Events"]
        .as_object()
        .unwrap()
        .values()
        .map(|event| target(&event["Properties"]["Queue"]))
        .collect();
    for (_, function) in &functions {
        let events = function["Events"].as_object().into_iter().flatten();
        let by_rule = events.filter(|(_, event)| event["Type"] == "Schedule").count() > 0;
        let place = function.pointer("/EventInvokeConfig/DestinationConfig/OnFailure");
        let name = short_name(function);
        assert_eq!(place.is_some(), by_rule && !NEEDS_NO_DESTINATION.contains(&name), "{name}");
        let Some(place) = place else { continue };
        assert_eq!(place["Type"], "SQS", "{name}");
        assert!(read.contains(target(&place["Destination"])), "{name}");
    }
}

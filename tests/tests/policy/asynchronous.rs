//! Functions that rules call: how long the event of a rule is worth a try.

use penstock_tests::template::{Template, short_name};
use serde_json::Value;

fn rules(function: &Value) -> impl Iterator<Item = &Value> {
    let events = function["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
    // Lambda calls the function asynchronously for each of these.
    events.filter(|event| {
        let kind = event["Type"].as_str().unwrap();
        assert!(kind.starts_with("Schedule") || ["SQS", "HttpApi"].contains(&kind), "{kind}");
        kind.starts_with("Schedule")
    })
}

#[test]
fn an_event_of_a_rule_is_tried_again_for_as_long_as_it_is_worth_and_no_longer() {
    let template = Template::read();
    let mut called = Vec::new();
    for (_, function) in template.functions() {
        let name = short_name(function);
        let often = ["rate(1 minute)", "rate(5 minutes)"];
        let soon = rules(function)
            .filter(|rule| often.iter().any(|rate| rule["Properties"]["Schedule"] == *rate))
            .count();
        let all = rules(function).count();
        if all == 0 {
            continue;
        }
        called.push(name);
        let worth = &function["EventInvokeConfig"];
        let age = worth["MaximumEventAgeInSeconds"].as_i64();
        let age = age.unwrap_or_else(|| panic!("{name} says no age: Lambda tries for 6 hours"));
        let retries = worth["MaximumRetryAttempts"].as_i64();
        let retries = retries.unwrap_or_else(|| panic!("{name} says no number of retries"));
        // A check of `digest` sends the daily digest that its schedule has missed.
        if soon == all || name == "digest" {
            assert_eq!((age, retries), (60, 0), "{name}: the next event comes within minutes");
        } else {
            // Some of its rules ask once a day. What is given up must not be lost without a word.
            assert!((900..=3_600).contains(&age) && retries > 0, "{name}: {age} s, {retries}");
            assert_eq!(worth["DestinationConfig"]["OnFailure"]["Type"], "SQS", "{name}");
        }
    }
    assert_eq!(called, ["accounts", "archive", "digest", "fetch", "load", "relay"]);
}

//! Circles of functions and queues: a function sends to a queue that calls it, or calls another one
//! that does (trap 66). Each function of one says whether Lambda may stop it.

use std::collections::{BTreeMap, BTreeSet};

use penstock_tests::repository::root;
use penstock_tests::template::{Template, short_name, target};
use serde_json::Value;

/// The functions that each function calls: by a queue that it may send to, or by the dead-letter
/// queue behind it.
type Calls<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The names of the resources that `policies` allow `action` on.
fn allowed<'a>(policies: &'a Value, action: &str, found: &mut BTreeSet<&'a str>) {
    let listed = |value: &'a Value| match value {
        Value::Array(values) => values.iter().collect::<Vec<_>>(),
        one => vec![one],
    };
    match policies {
        Value::Array(all) => all.iter().for_each(|one| allowed(one, action, found)),
        Value::Object(statement) if statement.contains_key("Action") => {
            let (service, _) = action.split_once(':').unwrap();
            let wild = [action.to_owned(), format!("{service}:*"), "*".to_owned()];
            let names =
                |value: &Value| value.as_str().is_some_and(|text| wild.iter().any(|w| w == text));
            if statement["Effect"] == "Allow" && listed(&statement["Action"]).into_iter().any(names)
            {
                found.extend(listed(&statement["Resource"]).into_iter().map(target));
            }
        }
        Value::Object(other) => other.values().for_each(|one| allowed(one, action, found)),
        _ => {}
    }
}

/// The queues that a message on `queue` can come to: itself and its dead-letter queue.
fn reached<'a>(template: &'a Template, queue: &'a str) -> Vec<&'a str> {
    let dead = &template.resource(queue)["RedrivePolicy"]["deadLetterTargetArn"];
    let dead = (!dead.is_null()).then(|| target(dead));
    std::iter::once(queue).chain(dead).collect()
}

fn calls(template: &Template) -> Calls<'_> {
    let functions = template.functions();
    let mut called_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, function) in &functions {
        let events = function["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
        for event in events.filter(|event| event["Type"] == "SQS") {
            let queue = target(&event["Properties"]["Queue"]);
            called_by.entry(queue).or_default().push(short_name(function));
        }
    }
    let of = |function: &&'_ Value| {
        let role = template.resource(target(&function["Role"]));
        let (mut queues, mut functions) = (BTreeSet::new(), BTreeSet::new());
        allowed(&role["Policies"], "sqs:SendMessage", &mut queues);
        allowed(&role["Policies"], "lambda:InvokeFunction", &mut functions);
        assert!(functions.is_empty(), "this test follows queues only: {functions:?}");
        let reached = queues.into_iter().flat_map(|queue| reached(template, queue));
        reached.flat_map(|queue| called_by.get(queue).cloned().unwrap_or_default()).collect()
    };
    functions.iter().map(|(_, function)| (short_name(function), of(function))).collect()
}

/// The functions that a message of their own can come back to, whatever other functions it passes.
fn in_circles<'a>(calls: &Calls<'a>) -> BTreeSet<&'a str> {
    let comes_back = |function: &&&'a str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![**function]);
        while let Some(next) = open.pop() {
            let new = calls.get(next).into_iter().flatten().filter(|called| seen.insert(**called));
            open.extend(new.copied());
        }
        seen.contains(**function)
    };
    calls.keys().filter(comes_back).copied().collect()
}

/// The `RecursiveLoop` of each function in a circle; `None` if it says nothing.
fn said(template: &Template) -> BTreeMap<&str, Option<&str>> {
    let circles = in_circles(&calls(template));
    let functions = template.functions().into_iter().map(|(_, function)| function);
    let functions = functions.filter(|function| circles.contains(short_name(function)));
    functions.map(|it| (short_name(it), it["RecursiveLoop"].as_str())).collect()
}

#[test]
fn trap_66_each_function_that_calls_itself_through_queues_says_whether_lambda_may_stop_it() {
    let template = Template::read();
    let said = said(&template);
    let silent: Vec<_> = said.iter().filter(|(_, said)| said.is_none()).collect();
    assert!(silent.is_empty(), "without RecursiveLoop: {silent:?}");
    // Runs go on by messages to fetch, and process has fetch read objects again. What webhook
    // and transact bring in from spill never goes there again: a loop would be a fault.
    // settle asks about a transaction until there is an end.
    let wanted = [
        ("fetch", "Allow"),
        ("process", "Allow"),
        ("settle", "Allow"),
        ("transact", "Terminate"),
        ("webhook", "Terminate"),
    ];
    assert_eq!(said, wanted.map(|(name, value)| (name, Some(value))).into());
    for (_, function) in template.functions() {
        let stray =
            function.get("RecursiveLoop").is_some() && !said.contains_key(short_name(function));
        assert!(!stray, "{} is in no circle", short_name(function));
    }
}

#[test]
fn a_function_whose_permission_to_loop_is_taken_out_is_found() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let lines = text.lines().filter(|line| !line.contains("RecursiveLoop:"));
    let without = Template::parse(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    let said = said(&without);
    let all = ["fetch", "process", "settle", "transact", "webhook"];
    assert_eq!(said, all.map(|name| (name, None)).into());
}

#[test]
fn circles_of_several_functions_are_found_and_what_only_leads_into_one_is_not() {
    let calls: Calls<'_> = [
        ("a", ["b"].into()),
        ("b", ["c", "bury"].into()),
        ("c", ["a"].into()),
        ("leads in", ["a"].into()),
        ("alone", ["alone"].into()),
        ("bury", BTreeSet::new()),
    ]
    .into();
    assert_eq!(in_circles(&calls), ["a", "alone", "b", "c"].into());
}

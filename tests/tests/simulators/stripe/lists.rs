//! Lists, single reads and their shapes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{DAY, get, get_with, ids, stripe, walk};

#[test]
fn pages_run_newest_first_and_hold_everything_once() {
    let stripe = stripe(5, 730);
    let all = walk(&stripe, "/v1/charges", "");
    assert_eq!(all.len(), 730);
    assert_eq!(ids(&all).iter().collect::<BTreeSet<_>>().len(), 730);
    let created: Vec<i64> = all.iter().map(|c| c["created"].as_i64().unwrap()).collect();
    assert!(created.is_sorted_by(|a, b| a >= b));
    assert_eq!(get(&stripe, "/v1/charges").json()["data"].as_array().unwrap().len(), 10);

    let before =
        get(&stripe, &format!("/v1/charges?limit=5&ending_before={}", ids(&all)[20])).json();
    assert_eq!(ids(before["data"].as_array().unwrap()), &ids(&all)[15..20]);
    assert_eq!(before["has_more"], true);
    let first = get(&stripe, &format!("/v1/charges?limit=5&ending_before={}", ids(&all)[3])).json();
    assert_eq!(ids(first["data"].as_array().unwrap()), &ids(&all)[..3]);
    assert_eq!(first["has_more"], false);
}

#[test]
fn created_filters_are_exact_at_their_bounds() {
    let stripe = stripe(6, 400);
    let all = walk(&stripe, "/v1/charges", "");
    let at = all[200]["created"].as_i64().unwrap();
    let count = |keep: &dyn Fn(i64) -> bool| {
        all.iter().filter(|c| keep(c["created"].as_i64().unwrap())).count()
    };
    let listed = |parameters: String| walk(&stripe, "/v1/charges", &parameters).len();
    assert_eq!(listed(format!("&created={at}")), count(&|c| c == at));
    assert_eq!(listed(format!("&created[gt]={at}")), count(&|c| c > at));
    assert_eq!(listed(format!("&created%5Bgte%5D={at}")), count(&|c| c >= at));
    assert_eq!(listed(format!("&created[lt]={at}")), count(&|c| c < at));
    assert_eq!(listed(format!("&created[lte]={at}")), count(&|c| c <= at));
    let week = at + 7 * DAY;
    assert_eq!(
        listed(format!("&created[gte]={at}&created[lt]={week}")),
        count(&|c| c >= at && c < week)
    );
}

#[test]
fn replies_look_like_the_vendors() {
    let stripe = stripe(9, 300);
    let answer = get(&stripe, "/v1/charges?limit=2");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("date"), Some("Mon, 21 Sep 2026 14:13:20 GMT"));
    assert!(answer.header("request-id").unwrap().starts_with("req_"));
    assert!(
        answer
            .body
            .starts_with("{\n  \"object\": \"list\",\n  \"data\": [\n    {\n      \"id\": \"ch_")
    );
    assert!(
        answer.body.ends_with("\n  ],\n  \"has_more\": true,\n  \"url\": \"/v1/charges\"\n}\n")
    );
}

#[test]
fn old_and_new_versions_differ_in_expanded_refunds() {
    let stripe = stripe(10, 600);
    let refund = walk(&stripe, "/v1/refunds", "").remove(0);
    let charge = refund["charge"].as_str().unwrap();
    let path = format!("/v1/charges/{charge}");
    let key = ("Authorization", "Bearer sk_test_penstock");
    let old = get_with(&stripe, &path, &[key, ("Stripe-Version", "2022-08-01")]).json();
    let listed = old["refunds"]["data"].as_array().unwrap();
    assert!(ids(listed).contains(&refund["id"].as_str().unwrap()));
    assert_eq!(old["refunds"]["total_count"], listed.len());
    let new = get_with(&stripe, &path, &[key, ("Stripe-Version", "2022-11-15")]).json();
    assert!(new.get("refunds").is_none());
    let asked = get(&stripe, &format!("{path}?expand[]=refunds")).json();
    assert_eq!(ids(asked["refunds"]["data"].as_array().unwrap()), ids(listed));
    let refused = get_with(&stripe, &path, &[key, ("Stripe-Version", "yesterday")]);
    assert_eq!(refused.status, 400);
    let of_charge = walk(&stripe, "/v1/refunds", &format!("&charge={charge}"));
    assert_eq!(ids(&of_charge), ids(listed));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "only a test reads where the published objects lie")]
fn objects_have_every_published_field() {
    let Ok(fixtures) = std::env::var("PENSTOCK_FIXTURES") else {
        eprintln!("skipped: PENSTOCK_FIXTURES does not name the folder of published objects");
        return;
    };
    let stripe = stripe(9, 300);
    for (list, kind) in
        [("charges", "charge"), ("refunds", "refund"), ("disputes", "dispute"), ("events", "event")]
    {
        let path = format!("{fixtures}/stripe/objects/{kind}.json");
        let published: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for ours in walk(&stripe, &format!("/v1/{list}"), "") {
            for key in published.as_object().unwrap().keys().filter(|k| *k != "refunds") {
                assert!(ours.get(key).is_some(), "{kind}.{key}");
            }
        }
    }
}

#[test]
fn a_charge_lists_its_own_refunds() {
    let stripe = stripe(10, 600);
    let refund = walk(&stripe, "/v1/refunds", "").remove(0);
    let path = format!("/v1/charges/{}/refunds", refund["charge"].as_str().unwrap());
    assert!(ids(&walk(&stripe, &path, "")).contains(&refund["id"].as_str().unwrap()));
    assert_eq!(get(&stripe, "/v1/charges/ch_1/refunds").status, 404);
}

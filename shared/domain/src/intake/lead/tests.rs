use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::intake::Body;
use crate::record::Media;

fn read(body: &[u8]) -> Option<Contact> {
    let media = Media { content_type: "", content_encoding: None };
    LeadColumns::read(Body { bytes: body, media }).map(|columns| columns.contact)
}

fn email(body: &str) -> Option<String> {
    read(body.as_bytes())?.email
}

#[test]
fn whom_to_call_is_found_in_json_and_in_forms_whatever_the_names_look_like() {
    let body = r#"{"First_Name":"Ada","last-name":"L","E-Mail":" a@b.example ","phone":49301234,"Company":"Engines"}"#;
    let contact = read(body.as_bytes()).unwrap();
    assert_eq!(contact.name.as_deref(), Some("Ada L"));
    assert_eq!(
        (contact.email.as_deref(), contact.phone.as_deref()),
        (Some("a@b.example"), Some("49301234"))
    );
    assert_eq!(contact.company.as_deref(), Some("Engines"));
    assert_eq!(email("name=Ada+L&email=a%40b.example").as_deref(), Some("a@b.example"));
    assert_eq!(
        email(r#"{"lead":{"email":"inner@b.example"},"email":"outer@b.example"}"#).as_deref(),
        Some("outer@b.example")
    );
    assert_eq!(
        email(r#"{"lead":{"email":"inner@b.example"}}"#).as_deref(),
        Some("inner@b.example")
    );
}

#[test]
fn one_value_that_is_no_text_spoils_no_other() {
    let body = r#"{"x":1e400,"y":"\ud800","email":"a@b.example","name":"A\u0000B"}"#;
    let contact = read(body.as_bytes()).unwrap();
    assert_eq!(
        (contact.email.as_deref(), contact.name.as_deref()),
        (Some("a@b.example"), Some("A\u{2400}B"))
    );
}

#[test]
fn what_is_neither_an_object_nor_a_form_cannot_be_read() {
    for body in ["", "null", "[]", "[{}]", "{", "text", "a b=c", "\u{0}", &"{\"a\":".repeat(99)] {
        assert_eq!(read(body.as_bytes()), None, "{body}");
    }
    assert_eq!(read(b"\xff{}"), None);
    assert_eq!(read(b"{}"), Some(Contact::default()));
}

#[test]
fn an_answer_without_any_name_beside_an_address_spoils_no_lead() {
    for label in ["null", "{}", "[]", "\"\"", "true"] {
        let body = format!(
            r#"{{"email":"a@b.example","extra":{{"label":{label},"value":"x"}},"1.3":"Ada","1.6":"L"}}"#
        );
        let contact = read(body.as_bytes()).unwrap();
        assert_eq!(contact.email.as_deref(), Some("a@b.example"), "{body}");
        assert_eq!(contact.name.as_deref(), Some("Ada L"), "{body}");
    }
}

/// JSON of the keys that the reader knows, in any order and inside each other.
fn any_shape() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 16] = [
        "name", "label", "value", "values", "type", "email", "phone", "field", "title", "id",
        "answers", "1.3", "1.6", "contact", "owner", "x",
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            " ",
            "a@b.example",
            "+49 30 123456",
            "Ada",
            "email",
            "{\"email\":1}",
            "["
        ])
        .prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        let key = || prop::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key(), inner, 0..6).prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_object_of_any_shape_is_read_and_its_own_address_goes_before_all_others(inner in any_shape()) {
        let body = json!({"e-mail": "own@b.example", "inner": inner}).to_string();
        let found = email(&body);
        prop_assert_eq!(found.as_deref(), Some("own@b.example"), "{}", body);
    }
}

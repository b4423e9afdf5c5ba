use super::*;
use crate::intake::Body;
use crate::record::Media;

fn read(body: &[u8]) -> Option<Contact> {
    Contact::read(Body { bytes: body, media: Media { content_type: "", content_encoding: None } })
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

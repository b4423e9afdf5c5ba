//! A panic is logged by its place, and never by a message that was made at run time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "to fail is to panic")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use penstock_domain::config::Env;
use penstock_edge::telemetry;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_is_logged_with_its_place_and_without_a_message_that_may_quote_a_body() {
    telemetry::init(&std::iter::empty::<(String, String)>().collect::<Env>()).unwrap();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let body = "a secret";
        std::panic::catch_unwind(|| panic!("cannot read {body}")).unwrap_err();
        std::panic::catch_unwind(|| panic!("a text of the code")).unwrap_err();
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("shared/edge/tests/panics.rs:").count(), 2, "{text}");
    assert!(text.contains("a text of the code") && !text.contains("a secret"), "{text}");
}

//! A small HTTP interface, `/_sim/…`, for people and scripts that drive the binary.

use super::query::pairs;
use super::server::Shared;
use super::truth::Ledger;
use crate::loopback::lock;

/// Runs a command. Returns the status and a JSON body.
pub(crate) fn run(shared: &Shared, command: &str, query: &str) -> (u16, String) {
    let number = |name: &str| {
        pairs(query).find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<i64>().ok())
    };
    let mut account = lock(&shared.account);
    match command {
        "ledger" => {
            let (from, to) = (number("from"), number("to"));
            let ledger = account.ledger_between(from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
            (200, ledger_json(&ledger))
        }
        "change" => {
            let n = number("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
            let bodies: Vec<String> = account.change(n).into_iter().map(|e| e.body).collect();
            (200, format!("[{}]\n", bodies.join(",\n")))
        }
        "advance" => {
            account.advance(number("seconds").unwrap_or(0));
            (200, format!("{{\"now\": {}}}\n", account.now()))
        }
        "now" => (200, format!("{{\"now\": {}}}\n", account.now())),
        "counts" => {
            let (charges, refunds, disputes, events) = account.counts();
            let body = format!(
                "{{\"charges\": {charges}, \"refunds\": {refunds}, \"disputes\": {disputes}, \
                 \"events\": {events}}}\n"
            );
            (200, body)
        }
        _ => (404, "{\"error\": \"commands: ledger, change, advance, now, counts\"}\n".to_owned()),
    }
}

/// Writes sums as strings: they may exceed 2^53.
fn ledger_json(ledger: &Ledger) -> String {
    let rows: Vec<String> = ledger
        .iter()
        .map(|(currency, t)| {
            format!(
                "  \"{currency}\": {{\"gross\": \"{}\", \"refunded\": \"{}\", \"disputed\": \"{}\", \
                 \"net\": \"{}\", \"charges\": {}, \"refunds\": {}, \"disputes\": {}}}",
                t.gross, t.refunded, t.disputed, t.net, t.charges, t.refunds, t.disputes
            )
        })
        .collect();
    format!("{{\n{}\n}}\n", rows.join(",\n"))
}

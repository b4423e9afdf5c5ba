//! The rows of the soak: objects of the simulated Stripe, rendered once. Each row is a copy with
//! ids and times of its own.

use std::collections::VecDeque;

use jiff::{Timestamp, ToSpan as _};
use penstock_domain::record::Item;

use super::stock::Stock;

/// The digits that tell one object's ids from another's: as many as 64 bits need in base 62.
const DIGITS: usize = 11;

/// The length of an id after its prefix.
const ID: usize = 24;

/// The length of a Unix time.
const TIME: usize = 10;

/// Odd, so multiplication by it is a bijection on 2^64. Ids that follow each other lie far apart in
/// an index, as Stripe's do.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// One version of a rendered object.
struct Template {
    entity: String,
    external_id: String,
    /// The id of the event; `None` for an object of a list.
    event: Option<String>,
    payload: Vec<u8>,
    /// The places of ids in the payload.
    ids: Vec<usize>,
    /// The places of the object's own time in the payload.
    created: Vec<usize>,
    /// The places of all other times.
    changed: Vec<usize>,
}

/// Rendered objects, each with its versions in their order.
pub(super) struct Templates(Vec<Vec<Template>>);

/// A version of an object that is to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    /// The number of the object.
    object: u64,
    version: usize,
    created: Timestamp,
}

impl Templates {
    /// Takes the objects of a stock.
    pub(super) async fn of(stock: &Stock) -> Self {
        let sql = "select entity, external_id, version_key, payload from outbox \
                   where entity in ('charge', 'refund', 'dispute') order by external_id, version_at, id";
        let mut objects: Vec<Vec<Template>> = Vec::new();
        for row in stock.client().await.query(sql, &[]).await.expect("the stock") {
            let template = Template::of(row.get(0), row.get(1), row.get(2), row.get(3));
            match objects.last_mut() {
                Some(last) if last[0].external_id == template.external_id => last.push(template),
                _ => objects.push(vec![template]),
            }
        }
        fastrand::Rng::with_seed(5).shuffle(&mut objects);
        Self(objects)
    }

    fn versions(&self, object: u64) -> &[Template] {
        let count = u64::try_from(self.0.len()).expect("a count");
        &self.0[usize::try_from(object % count).expect("an index")]
    }

    /// Returns the mean number of versions of an object.
    pub(super) fn versions_per_object(&self) -> f64 {
        let count = |n: usize| f64::from(u32::try_from(n).expect("a count"));
        count(self.0.iter().map(Vec::len).sum()) / count(self.0.len())
    }

    /// Writes the payload of a version, and returns its item without that.
    pub(super) fn render(&self, of: Version, at: Timestamp, into: &mut Vec<u8>) -> Item<'static> {
        let template = &self.versions(of.object)[of.version];
        let number = digits(of.object.wrapping_mul(FACTOR));
        into.clear();
        into.extend_from_slice(&template.payload);
        for id in &template.ids {
            into[*id..id + DIGITS].copy_from_slice(&number);
        }
        for (places, time) in [(&template.created, of.created), (&template.changed, at)] {
            let seconds = time.as_second().to_string();
            for place in places {
                into[*place..place + TIME].copy_from_slice(seconds.as_bytes());
            }
        }
        Item {
            entity: template.entity.clone(),
            external_id: numbered(&template.external_id, number),
            version_key: template
                .event
                .as_ref()
                .map_or_else(|| format!("run:{at}"), |event| numbered(event, number)),
            version_at: at,
            api_version: None,
            payload: &[],
        }
    }
}

impl Template {
    fn of(entity: String, external_id: String, version_key: String, payload: Vec<u8>) -> Self {
        let body: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
        let event = version_key.starts_with("evt_").then_some(version_key);
        let object = if event.is_some() { &body["data"]["object"] } else { &body };
        let own = object["created"].to_string();
        let times = times(&payload);
        let (created, changed) =
            times.into_iter().partition(|place| payload[*place..].starts_with(own.as_bytes()));
        let ids = ids(&payload);
        Self { entity, external_id, event, payload, ids, created, changed }
    }
}

/// Returns the places of the digits of all ids.
fn ids(payload: &[u8]) -> Vec<usize> {
    let is_id = |at: usize| {
        at > 0
            && payload[at - 1].is_ascii_lowercase()
            && payload[at] == b'_'
            && payload
                .get(at + 1..=at + ID)
                .is_some_and(|id| id.iter().all(u8::is_ascii_alphanumeric))
    };
    (0..payload.len()).filter(|at| is_id(*at)).map(|at| at + 2).collect()
}

/// Returns the places of all Unix times.
fn times(payload: &[u8]) -> Vec<usize> {
    let is_digit = |at: usize| payload.get(at).is_some_and(u8::is_ascii_digit);
    let is_time = |at: usize| {
        at > 0
            && !payload[at - 1].is_ascii_alphanumeric()
            && payload[at..].starts_with(b"17")
            && (at..at + TIME).all(is_digit)
            && !payload.get(at + TIME).is_some_and(u8::is_ascii_alphanumeric)
    };
    (0..payload.len()).filter(|at| is_time(*at)).collect()
}

/// Returns an id with the digits of another object.
fn numbered(id: &str, number: [u8; DIGITS]) -> String {
    let mut bytes = id.as_bytes().to_vec();
    let at = id.find('_').expect("an id") + 2;
    bytes[at..at + DIGITS].copy_from_slice(&number);
    String::from_utf8(bytes).expect("digits")
}

fn digits(mut number: u64) -> [u8; DIGITS] {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 62).expect("a digit")];
        number /= 62;
    }
    digits
}

/// The rows in the order of their arrival. An object's next version comes when as many other
/// objects have begun as begin in a day.
pub(super) struct Arrivals {
    next: u64,
    /// The versions that follow, by how many came before.
    later: Vec<VecDeque<Version>>,
    objects_a_day: usize,
}

impl Arrivals {
    pub(super) fn new(templates: &Templates, rows_a_day: usize) -> Self {
        let rows = f64::from(u32::try_from(rows_a_day).expect("a count"));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive count"
        )]
        let objects_a_day = (rows / templates.versions_per_object()).ceil() as usize;
        Self { next: 0, later: Vec::new(), objects_a_day }
    }

    /// Returns the versions that arrive until `to`, evenly from `from` on.
    pub(super) fn take(
        &mut self,
        templates: &Templates,
        count: usize,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<(Timestamp, Version)> {
        let millis = (to.as_millisecond() - from.as_millisecond()).max(1);
        let time = |n: usize| {
            let n = i64::try_from(n % count).expect("a count");
            from + (millis * n / i64::try_from(count).expect("a count")).milliseconds()
        };
        let mut rows = Vec::with_capacity(count + 8);
        while rows.len() < count {
            let at = time(rows.len());
            let object = self.next;
            self.next += 1;
            self.push(Version { object, version: 0, created: at }, at, templates, &mut rows);
            for before in 0..self.later.len() {
                if self.later[before].len() > self.objects_a_day {
                    let next = self.later[before].pop_front().expect("a version");
                    self.push(next, at, templates, &mut rows);
                }
            }
        }
        rows
    }

    fn push(
        &mut self,
        version: Version,
        at: Timestamp,
        templates: &Templates,
        rows: &mut Vec<(Timestamp, Version)>,
    ) {
        rows.push((at, version));
        let next = Version { version: version.version + 1, ..version };
        if next.version < templates.versions(version.object).len() {
            if self.later.len() < next.version {
                self.later.resize_with(next.version, VecDeque::new);
            }
            self.later[version.version].push_back(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHARGE: &str = r#"{"id":"ch_3a1b2c3LkdIwHu7ixd4e5fgh","created":1767225600,"customer":"cus_short",
        "balance_transaction":"txn_3z9y8x7LkdIwHu7ixw6v5uts","paid":1767225601,"order":"1767225600123"}"#;

    fn charge() -> Templates {
        let payload = CHARGE.as_bytes().to_vec();
        let id = "ch_3a1b2c3LkdIwHu7ixd4e5fgh".to_owned();
        Templates(vec![vec![Template::of("charge".to_owned(), id, "run:1".to_owned(), payload)]])
    }

    #[test]
    fn a_copy_has_ids_and_times_of_its_own_and_the_same_length() {
        let (created, at) = (Timestamp::from_second(1), Timestamp::from_second(2));
        let (created, at) = (created.unwrap() + 500_000.hours(), at.unwrap() + 500_000.hours());
        let render = |object| {
            let mut payload = Vec::new();
            let version = Version { object, version: 0, created };
            let item = charge().render(version, at, &mut payload);
            (item.external_id, String::from_utf8(payload).unwrap())
        };
        let ((one, of_one), (other, of_other)) = (render(1), render(2));
        assert_ne!(one, other);
        assert!(of_one.contains(&format!(r#""id":"{one}","created":1800000001"#)), "{of_one}");
        assert!(of_one.contains(r#""paid":1800000002,"order":"1767225600123""#), "{of_one}");
        assert!(!of_other.contains("txn_3z9y8x7LkdIwHu7ix"), "{of_other}");
        assert!(of_other.contains("cus_short"), "{of_other}");
        assert_eq!([of_one.len(), of_other.len()], [CHARGE.len(); 2]);
    }
}

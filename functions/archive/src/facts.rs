//! Facts about its rows that are stored beside an object, so that a second attempt knows them.

use std::collections::BTreeMap;

use penstock_clients::objects::Head;
use penstock_store::archive::batches::Written;
use uuid::Uuid;

/// The names of the facts.
const BATCH: &str = "batch";
const ROWS: &str = "rows";
const SUMS: &str = "sums";
const SHA256: &str = "sha256";

/// Returns the facts that are stored with the object of a file.
pub(crate) fn facts(batch: Uuid, written: &Written) -> BTreeMap<String, String> {
    let facts = [
        (BATCH, batch.to_string()),
        (ROWS, written.rows.to_string()),
        (SUMS, short_sums(&written.sums)),
        (SHA256, hex::encode(written.sha256)),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether an object has these bytes, by what is stored with it.
pub(crate) fn is_same(batch: Uuid, written: &Written, head: &Head) -> bool {
    let fact = |name: &str| head.facts.get(name).map(String::as_str);
    fact(BATCH) == Some(batch.to_string().as_str())
        && fact(SHA256) == Some(hex::encode(written.sha256).as_str())
}

/// Returns what is known of an object; `None` if it is no file of this batch, or has amounts in
/// very many currencies.
pub(crate) fn written(batch: Uuid, head: &Head) -> Option<Written> {
    let fact = |name: &str| head.facts.get(name).map(String::as_str);
    if fact(BATCH)? != batch.to_string() {
        return None;
    }
    let mut sha256 = [0; 32];
    hex::decode_to_slice(fact(SHA256)?, &mut sha256).ok()?;
    Some(Written {
        rows: fact(ROWS)?.parse().ok()?,
        bytes: i64::try_from(head.bytes).ok()?,
        sums: long_sums(fact(SUMS)?)?,
        sha256,
    })
}

/// The longest fact. S3 takes 2 KB of them all.
const LONGEST: usize = 1_700;

/// In place of sums of very many currencies.
const TOO_LONG: &str = "-";

/// Returns sums as `EUR=1 USD=2`.
fn short_sums(json: &str) -> String {
    let sums: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    let pairs: Vec<String> = sums.into_iter().map(|(code, sum)| format!("{code}={sum}")).collect();
    let short = pairs.join(" ");
    if short.len() > LONGEST { TOO_LONG.to_owned() } else { short }
}

fn long_sums(short: &str) -> Option<String> {
    let pairs: Option<BTreeMap<&str, &str>> =
        short.split_whitespace().map(|pair| pair.split_once('=')).collect();
    serde_json::to_string(&pairs?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts_of(sums: &str) -> (Uuid, Written, Head) {
        let written = Written { rows: 12, bytes: 345, sums: sums.to_owned(), sha256: [7; 32] };
        let batch = Uuid::from_u128(5);
        let head = Head { bytes: 345, etag: String::new(), facts: facts(batch, &written) };
        (batch, written, head)
    }

    #[test]
    fn facts_are_read_as_they_were_written() {
        for sums in ["{}", r#"{"EUR":"12345","USD":"170141183460469231731687303715884105727"}"#] {
            let (batch, written_before, head) = facts_of(sums);
            assert_eq!(written(batch, &head), Some(written_before));
        }
    }

    #[test]
    fn sums_of_very_many_currencies_are_known_by_the_bytes_only() {
        let many: BTreeMap<String, String> =
            (0..200).map(|n| (format!("A{n:02}"), "9".repeat(15))).collect();
        let (batch, written_before, head) = facts_of(&serde_json::to_string(&many).unwrap());
        assert!(head.facts.values().map(String::len).sum::<usize>() < 2_000);
        assert_eq!(written(batch, &head), None);
        assert!(is_same(batch, &written_before, &head));
    }

    #[test]
    fn an_object_of_another_batch_is_none_of_ours() {
        let (batch, _, mut head) = facts_of("{}");
        assert_eq!(written(Uuid::from_u128(6), &head), None);
        head.facts.remove(SHA256);
        assert_eq!(written(batch, &head), None);
        assert_eq!(written(batch, &Head::default()), None);
    }
}

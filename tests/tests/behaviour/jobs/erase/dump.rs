//! The whole database as text, and what is left of somebody in it.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use penstock_testkit::TestDatabase;

/// Tables in which each job or each round of `relay` leaves something.
const AT_WORK: [&str; 12] = [
    "api_keys",
    "digest_checks",
    "erased_names",
    "erasure_searches",
    "erasure_settings",
    "erasures",
    "idempotency_keys",
    "job_items",
    "jobs",
    "rate_windows",
    "revenue_deltas",
    "revenue_sums",
];

/// The rows of each table as text.
pub type Dump = BTreeMap<String, Vec<String>>;

pub async fn dump(db: &TestDatabase) -> Dump {
    let client = db.client().await;
    let sql = "select relname::text from pg_class where relkind in ('r', 'p') and not relispartition \
               and relnamespace = 'public'::regnamespace";
    let mut dump = Dump::new();
    for table in client.query(sql, &[]).await.unwrap() {
        let table: String = table.get(0);
        let rows = client.query(&format!("select t::text from {table} t"), &[]).await.unwrap();
        dump.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    dump
}

/// The forms in which a word can stand in a row: as it is, in hexadecimal, and in base64 at each of
/// three places.
fn forms(secret: &str) -> Vec<String> {
    let mut forms =
        vec![secret.to_lowercase(), hex::encode(secret), hex::encode(secret.to_uppercase())];
    for lead in 0..3 {
        let padded = [vec![b' '; lead], secret.as_bytes().to_vec()].concat();
        let text = STANDARD_NO_PAD.encode(&padded);
        // The first and the last characters depend on what is beside the word.
        let inner = text.get(if lead == 0 { 0 } else { lead + 1 }..text.len() - 1).unwrap();
        if inner.len() > 8 {
            forms.push(inner.to_lowercase());
            forms.push(hex::encode(inner));
        }
    }
    forms
}

/// Every row that has one of these words, with its table. Of a hit in base64 the case is not told.
pub fn left_of(secrets: &[String], dump: &Dump) -> Vec<String> {
    let forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    let mut left = Vec::new();
    for (table, rows) in dump {
        for row in rows {
            let low = row.to_lowercase();
            if let Some(form) = forms.iter().find(|form| low.contains(form.as_str())) {
                left.push(format!("{table} has {form}: {}", &row[..row.len().min(300)]));
            }
        }
    }
    left
}

/// Asserts that rows which do not name the person are as they were: none is gone, none has changed.
pub fn assert_others_unchanged(secrets: &[String], own: &[&str], before: &Dump, after: &Dump) {
    let own = own.iter().map(|id| (*id).to_owned());
    let all: Vec<String> = secrets.iter().cloned().chain(own).collect();
    let forms: Vec<String> = all.iter().flat_map(|secret| forms(secret)).collect();
    for (table, rows) in before.iter().filter(|(table, _)| !AT_WORK.contains(&table.as_str())) {
        let mut now: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &after[table] {
            *now.entry(row.as_str()).or_default() += 1;
        }
        for row in rows {
            let low = row.to_lowercase();
            if forms.iter().any(|form| low.contains(form.as_str())) {
                continue;
            }
            let count = now.entry(row.as_str()).or_default();
            assert!(*count > 0, "{table} has lost or changed: {}", &row[..row.len().min(300)]);
            *count -= 1;
        }
    }
}

/// The output of `pg_dump`, if there is one for this server.
pub fn pg_dump(db: &TestDatabase) -> Option<String> {
    let run = |program: &str| Command::new(program).arg("--dbname").arg(db.url()).output().ok();
    let newest = ["18", "17", "16", "15"].map(|v| format!("/usr/lib/postgresql/{v}/bin/pg_dump"));
    let programs = std::iter::once("pg_dump".to_owned()).chain(newest);
    let output = programs.filter_map(|program| run(&program)).find(|out| out.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The words that a text has.
pub fn words_in(secrets: &[String], text: &str) -> Vec<String> {
    let low = text.to_lowercase();
    secrets.iter().flat_map(|secret| forms(secret)).filter(|form| low.contains(form)).collect()
}

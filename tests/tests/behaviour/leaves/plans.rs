//! Statements are planned each time, so each says in which leaves its rows are.

use std::collections::BTreeSet;
use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_store::all_statements;
use tokio_postgres::types::Type;

use super::{DAY, app_by_day};

/// The statements that rows, requests and pages go through, each with the leaves that its plan may
/// name: one, that of its rows. Those that look for twins begin an hour before, which is today, and
/// go on to the leaves of the days to come.
const BOUNDED: [(&str, usize); 19] = [
    ("calendar_events.upsert", 1),
    ("conflicting_events.insert", 1),
    ("contacts.unseen", 8),
    ("contacts.upsert", 1),
    ("events.insert", 1),
    ("leads.insert", 1),
    ("outbox.begin_attempt", 1),
    ("outbox.bury", 1),
    ("outbox.claim", 1),
    ("outbox.count_crash", 1),
    ("outbox.count_recent", 8),
    ("outbox.heads", 1),
    ("outbox.hold", 1),
    ("outbox.pending", 1),
    ("outbox.return_attempt", 1),
    ("outbox.waiting", 8),
    ("payments.upsert", 8),
    ("reconciliations.count_unseen", 8),
    ("reconciliations.unseen", 8),
];

/// A value of a type, as a statement about rows of now has it.
fn value(of: &Type, id: &str, now: &str, made_at: &str) -> String {
    let text = match *of {
        Type::UUID => id.to_owned(),
        Type::UUID_ARRAY => format!("{{{id}}}"),
        Type::TIMESTAMPTZ => now.to_owned(),
        Type::TIMESTAMPTZ_ARRAY => format!("{{{made_at}}}"),
        Type::BOOL => "true".to_owned(),
        Type::BOOL_ARRAY => "{true}".to_owned(),
        Type::TEXT => "1".to_owned(),
        Type::DATE_ARRAY => "{2026-01-01}".to_owned(),
        ref other if other.name().starts_with('_') => "{1}".to_owned(),
        _ => "1".to_owned(),
    };
    format!("'{text}'")
}

#[tokio::test]
async fn no_statement_of_the_hot_path_plans_for_more_leaves_than_it_needs() {
    let app = app_by_day(550, &[]).await;
    for _ in 0..33 {
        app.clock.advance(DAY);
        app.relay.run_once(app.relay_deadline()).await.unwrap();
    }
    let client = app.db.client().await;
    let leaves: i64 = app.db.scalar("select count(*) from outbox_leaves").await;
    assert!(leaves >= 40, "{leaves}");
    let now = app.clock.now().to_string();
    let made_at = (app.clock.now() - Duration::from_secs(60)).to_string();
    let id: String = app.db.scalar(&format!("select outbox_id_at('{now}')::text")).await;
    let mut too_wide = Vec::new();
    client.batch_execute("set plan_cache_mode = force_custom_plan").await.unwrap();
    for (name, most) in BOUNDED {
        let sql = all_statements().into_iter().find(|sql| sql.name == name).unwrap();
        let types: Vec<&str> = sql.types.iter().map(Type::name).collect();
        let values: Vec<String> =
            sql.types.iter().map(|of| value(of, &id, &now, &made_at)).collect();
        let prepare = format!("prepare one ({}) as {}", types.join(", "), sql.text);
        client.batch_execute(&prepare).await.unwrap();
        let explain = format!("explain execute one ({})", values.join(", "));
        let rows = client.query(&explain, &[]).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        client.batch_execute("deallocate one").await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let on = |line: &String| Some(line.split_once(" on ")?.1.split(' ').next()?.to_owned());
        let named: BTreeSet<String> =
            lines.iter().filter_map(on).filter(|table| table.starts_with("outbox_")).collect();
        if named.is_empty() || named.len() > most {
            too_wide.push(format!("{name}: {} leaves\n{}", named.len(), lines.join("\n")));
        }
    }
    assert!(too_wide.is_empty(), "{}", too_wide.join("\n\n"));
}

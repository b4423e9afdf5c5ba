//! A person who is erased leaves the files of the analytics copy too, and comes into no new one.

use std::collections::BTreeSet;
use std::time::Duration;

use penstock_tests::thorough::part;

use super::dump::{assert_others_unchanged, left_of};
use super::person::{crowd, plant, world};
use super::{come_again, erase, minute};
use crate::admin::trigger::admin;
use crate::analytics::Copied;
use crate::ingest;

#[tokio::test]
async fn trap_64_a_person_who_is_erased_leaves_every_file_and_comes_into_no_new_one() {
    let (app, person) = world(1_645).await;
    plant(&app, &person).await;
    crowd(&app, part(8_000)).await;
    minute(&app).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let secrets = person.secrets();
    let before = copied.texts().await;
    let tables = |left: &[String]| {
        let of = |line: &String| line.split(' ').next().unwrap().to_owned();
        left.iter().map(of).collect::<BTreeSet<_>>()
    };
    let named = tables(&left_of(&secrets, &before));
    assert_eq!(named.len(), 6, "the person is in the files of {named:?}");
    // Retention has deleted these rows: only the files have them.
    let gone = "delete from outbox where source in ('leads', 'events') and status = 'processed'";
    assert!(app.db.client().await.execute(gone, &[]).await.unwrap() > 5);

    let admin = admin(&app).await;
    erase(&app, &admin, person.filter()).await;
    app.clock.advance(Duration::from_secs(3_600));
    copied.copy(&app.db).await;
    let mut after = copied.texts().await;
    assert_eq!(left_of(&secrets, &after), Vec::<String>::new());
    for table in before.keys() {
        // All rows of a table may be of the person.
        after.entry(table.clone()).or_default();
    }
    let own = [person.charge.as_str(), "ch_3Webhook000000001", "ch_3Unreadable0000001"];
    assert_others_unchanged(&secrets, &own, &before, &after);
    for (table, seen) in copied.read().await {
        assert_eq!(seen.wrong, Vec::<String>::new(), "{table}");
        assert_eq!(seen.duckdb.rows, seen.duckdb.versions, "{table}");
    }
    assert_eq!(copied.files(), copied.listed(), "the old objects are deleted");

    // A row that waits for `process`, which would take it out, is copied before.
    let json = [("Content-Type", "application/json")];
    let lead = ingest::post(&app.ingest, "/leads", &json, person.lead().as_bytes()).await;
    assert_eq!(lead.status, 201);
    copied.copy(&app.db).await;
    assert_eq!(left_of(&secrets, &copied.texts().await), Vec::<String>::new());
    come_again(&app, &admin, &person).await;
    copied.copy(&app.db).await;
    assert_eq!(left_of(&secrets, &copied.texts().await), Vec::<String>::new());
    assert_eq!(copied.files(), copied.listed());
}

//! Objects that are read again from the console, after a change of what reads them.

use std::time::Duration;

use penstock_domain::account::Role;

use super::World;
use crate::process::batches::{charge, put};

#[tokio::test]
async fn objects_are_counted_and_then_read_again_from_what_came_in() {
    let world = World::with_dead(6_120, 0).await;
    let operator = world.person("operator", Role::Operator).await;
    let rows: Vec<_> = (0..3)
        .map(|n| format!("ch_{n}"))
        .map(|id| (id.clone(), charge(&id, "100", "succeeded")))
        .collect();
    let ids = put(&world.app, &rows).await;
    crate::jobs::work(&world.app, &ids).await;
    let wrong = "update payments set status = 'unmapped' where external_id <> 'ch_2'";
    world.app.db.client().await.batch_execute(wrong).await.unwrap();

    let asking = world.page(&operator, "/console/remap?source=stripe&unmapped=true").await;
    assert!(asking.contains("name=\"source\" value=\"stripe\""), "{asking}");
    assert!(asking.contains("name=\"unmapped\" value=\"true\" checked"), "{asking}");
    let form = [("source", "stripe"), ("unmapped", "true"), ("entity", "")];
    let job = world.led(&operator, "/console/remap", &form).await;
    let page = world.page(&operator, &job).await;
    assert!(page.contains("Read again these ") && page.contains("<dd>true</dd>"), "{page}");
    let start = [("why", "the map knows it now"), ("rate", "1000")];
    world.led(&operator, &format!("{job}/start"), &start).await;
    for _ in 0..3 {
        world.app.clock.advance(Duration::from_secs(60));
        world.app.relay.run_once(world.app.relay_deadline()).await.unwrap();
        world.app.drain().await;
    }
    let page = world.page(&operator, &job).await;
    assert!(page.contains("<data value=\"2\" data-number=\"/report/processed\">"), "{page}");
    assert!(page.contains("<dd>completed</dd>"), "{page}");
    let read_again = "select string_agg(external_id, ' ' order by external_id) from outbox where error_kind = 'reread'";
    assert_eq!(world.app.db.scalar::<Option<String>>(read_again).await, None, "and processed");
    let refused = world.post(&operator, "/console/remap", &[("continueAt", "x")]).await;
    assert_eq!(refused.status_code, 400);
    assert!(refused.text().contains("#/continueAt"), "{}", refused.text());
}

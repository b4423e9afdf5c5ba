//! The audit log as a page and as a file.

use penstock_domain::account::Role;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock as _;
use penstock_store::audit::{Actor, Entry, write};
use penstock_tests::test_app::TestApp;

use super::{Person, World, get};
use crate::stripe_account::account;

/// A world with an operator and these changes by a key: what was done, and to what.
async fn world(seed: u64, changes: &[(Action, &str)]) -> (World, Person) {
    let world = World::over(TestApp::over(account(seed, 1)).await);
    let operator = world.person("operator", Role::Operator).await;
    let (owner, now) = (world.app.db.client().await, world.app.clock.now());
    for (action, object) in changes {
        let actor = Actor::Key { name: "=cmd|' /C calc'!A0" };
        let entry = Entry::new(actor, *action, object, "request-1", now);
        let why = Some("<img src=x onerror=alert(1)>");
        write(&owner, &Entry { why, count: Some(3), ..entry }).await.unwrap();
    }
    (world, operator)
}

#[tokio::test]
async fn the_trail_is_filtered_by_actor_action_and_object() {
    let changes = [(Action::KeyMade, "one"), (Action::KeyRevoked, "one"), (Action::KeyMade, "two")];
    let (world, operator) = world(6_170, &changes).await;
    let actor = form_urlencoded::byte_serialize(b"=cmd|' /C calc'!A0").collect::<String>();
    for (query, rows) in [
        (String::new(), 3),
        ("action=key.made".to_owned(), 2),
        ("object=one".to_owned(), 2),
        ("action=key.made&object=one&actor=".to_owned(), 1),
        (format!("actor={actor}"), 3),
        ("actor=somebody".to_owned(), 0),
        ("until=2000-01-01T00:00:00Z".to_owned(), 0),
        ("from=2000-01-01T00:00:00Z".to_owned(), 3),
    ] {
        let page = world.page(&operator, &format!("/console/audit?{query}")).await;
        assert_eq!(page.matches("<code>request-1</code>").count(), rows, "{query}");
        let file = world.page(&operator, &format!("/console/audit.csv?{query}")).await;
        assert_eq!(file.lines().count(), rows + 1, "{query}");
    }
    let refused = world.answer(&get("/console/audit?action=odd", Some(&operator.cookie))).await;
    assert_eq!(refused.status_code, 400);
}

#[tokio::test]
async fn pages_of_the_trail_join_without_a_gap_while_changes_come_in() {
    let changes = vec![(Action::KeyMade, "one"); 150];
    let (world, operator) = world(6_171, &changes).await;
    let first = world.page(&operator, "/console/audit?object=one").await;
    assert_eq!(first.matches("<code>request-1</code>").count(), 100);
    let owner = world.app.db.client().await;
    let entry =
        Entry::new(Actor::System, Action::KeyMade, "one", "request-1", world.app.clock.now());
    write(&owner, &entry).await.unwrap();
    let (_, next) = first.split_once("rel=\"next\"").map_or(("", ""), |it| it);
    assert!(!next.is_empty(), "{first}");
    let (_, next) = first.split_once("cursor=").unwrap();
    let next = next.split('"').next().unwrap();
    let second = world.page(&operator, &format!("/console/audit?object=one&cursor={next}")).await;
    assert_eq!(second.matches("<code>request-1</code>").count(), 50);
}

#[tokio::test]
async fn hostile_text_is_text_on_the_page_and_no_formula_in_the_file() {
    let (world, operator) = world(6_172, &[(Action::LeadChanged, "@SUM(1)")]).await;
    let page = world.page(&operator, "/console/audit").await;
    assert!(!page.contains("<img"), "{page}");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    let file = world.answer(&get("/console/audit.csv", Some(&operator.cookie))).await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=audit.csv");
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    let rows: Vec<&str> = file.text().lines().collect();
    assert_eq!(rows[0], "at,actorKind,actor,action,object,count,why,detail,address,requestId");
    assert!(
        rows[1].contains(",key,\"'=cmd|' /C calc'!A0\",lead.changed,\"'@SUM(1)\",3,"),
        "{}",
        rows[1]
    );
}

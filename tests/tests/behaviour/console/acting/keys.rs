//! API keys that are made and revoked in the console.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_edge::http::Service as _;
use penstock_tests::clock::TestClock;
use penstock_tests::test_app::{TestApp, admission};

use super::{Person, World};
use crate::admin::trigger::request;
use crate::ingest;
use crate::stripe_account::account;

async fn world(seed: u64) -> (World, Person) {
    let world = World::over(TestApp::over(account(seed, 1)).await);
    let admin = world.person("admin", Role::Admin).await;
    (world, admin)
}

/// The key that a page shows.
pub fn shown(page: &str) -> String {
    let (_, after) = page.split_once("<code id=\"key\">").expect("the key is shown");
    after.split('<').next().unwrap().to_owned()
}

/// An environment of `metrics`, which keys that read open.
pub fn metrics(app: &TestApp) -> metrics::Ports<TestClock> {
    metrics::Ports {
        database: app.db.database_of("metrics", 1),
        admission: admission(app.db.database_of("metrics", 1), 1_000),
        config: metrics::MetricsConfig::from_env(&Env::default()).unwrap(),
        clock: app.clock.clone(),
        started: app.clock.now(),
    }
}

/// The status with which `metrics` answers a key that reads.
async fn opens(world: &World, key: &str) -> u16 {
    let request = request("GET", "/stats", &[("x-api-key", key)]);
    metrics(&world.app).handle(&request, "i").await.status_code
}

#[tokio::test]
async fn a_key_is_shown_once_opens_the_api_and_is_refused_once_it_is_revoked() {
    let (world, admin) = world(6_150).await;
    let form = [("name", "the shop"), ("scope", "read"), ("rate", "7")];
    let made = world.post(&admin, "/console/keys", &form).await;
    assert_eq!(
        (made.status_code, &made.headers["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let key = shown(made.text());
    assert!(key.starts_with("penstock_read_") && key.len() == 14 + 43 + 1 + 32, "{key}");
    assert_eq!(opens(&world, &key).await, 200);
    let post = ingest::post;
    let sent = post(&world.app.ingest, "/events", &[("X-Api-Key", &key)], b"{}").await;
    assert_eq!(sent.status, 401, "it reads, and sends nothing");

    let list = world.page(&admin, "/console/keys").await;
    assert!(list.contains("the shop") && list.contains(&admin.email) && !list.contains(&key));
    // By place: base64url has `_` too, so that a part between two of them may be of no letter.
    let secret = &key["penstock_read_".len()..];
    assert!(!list.contains(&secret[..8]), "no part of it");
    let id: uuid::Uuid = world.app.db.scalar("select id from api_keys").await;
    let revoke = format!("/console/keys/{id}/revoke");
    assert!(world.page(&admin, &revoke).await.contains("Revoke it"));
    for _ in 0..2 {
        let form = [("why", "it leaked")];
        assert_eq!(world.led(&admin, &revoke, &form).await, "/console/keys");
    }
    assert_eq!(opens(&world, &key).await, 401);
    assert!(!world.page(&admin, "/console/keys").await.contains("/revoke"), "it is revoked");
    let trail = "select string_agg(format('%s %s %s', action, why, detail), '|' order by seq) from audit_log";
    let expected = concat!(
        "key.made  {\"name\":\"the shop\",\"scope\":\"read\"}|",
        "key.revoked it leaked {\"name\":\"the shop\",\"scope\":\"read\"}"
    );
    assert_eq!(world.app.db.scalar::<String>(trail).await, expected);
    let everything: String =
        world.app.db.scalar("select string_agg(t::text, ' ') from audit_log t").await;
    assert!(!everything.contains(&secret[..8]));
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_once_an_hour_and_shown() {
    let (world, admin) = world(6_151).await;
    let form = [("name", "the shop"), ("scope", "read")];
    let key = shown(world.post(&admin, "/console/keys", &form).await.text());
    assert!(world.page(&admin, "/console/keys").await.contains("<td>never</td>"));
    let noted = "select last_used_at from api_keys";
    let first = world.app.clock.now();
    let window = |at: jiff::Timestamp| at.as_second() - at.as_second() % 10;
    opens(&world, &key).await;
    let at: jiff::Timestamp = world.app.db.scalar(noted).await;
    assert_eq!(at.as_second(), window(first));
    // Within the hour nothing is written, and the list still has the newest use.
    let to_the_hour = 3_600 - u64::try_from(first.as_second() % 3_600).unwrap();
    if to_the_hour > 60 {
        world.app.clock.advance(Duration::from_secs(30));
        opens(&world, &key).await;
        assert_eq!(world.app.db.scalar::<jiff::Timestamp>(noted).await, at);
    }
    world.app.clock.advance(Duration::from_secs(3_600));
    let second = world.app.clock.now();
    opens(&world, &key).await;
    let at: jiff::Timestamp = world.app.db.scalar(noted).await;
    assert_eq!(at.as_second(), window(second));
    assert!(!world.page(&admin, "/console/keys").await.contains("<td>never</td>"));
}

#[tokio::test]
async fn a_name_is_text_on_every_page_and_a_field_that_cannot_be_read_makes_no_key() {
    let (world, admin) = world(6_152).await;
    let hostile = "<script>alert(1)</script>\u{202e}";
    let made = world.post(&admin, "/console/keys", &[("name", hostile), ("scope", "ingest")]).await;
    assert_eq!(made.status_code, 201, "{}", made.text());
    for page in [made.text(), &world.page(&admin, "/console/keys").await] {
        assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{202E}"), "{page}");
    }
    for form in [&[("name", "x"), ("scope", "root")][..], &[("scope", "read")], &[]] {
        let refused = world.post(&admin, "/console/keys", form).await;
        assert_eq!(refused.status_code, 400, "{form:?}");
    }
    assert_eq!(world.app.db.scalar::<i64>("select count(*) from api_keys").await, 1);
}

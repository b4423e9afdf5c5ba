//! Senders who prove nothing: what they can make Penstock do, and whom they can shut out (traps 75
//! and 76).

use std::sync::Arc;

use penstock_clients::issuer::KeyIssuer;
use penstock_store::admission::Admission;
use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::CuttingProxy;
use penstock_tests::test_app::{INGEST_KEY, TestApp, admission, batch};

use crate::ingest::spill::cut_off;
use crate::ingest::{answer, post, request};
use crate::stripe_account::account;

/// A key in the form of ours, with a mark that nobody has made.
fn forged(n: u32) -> String {
    format!("penstock_ingest_{n:043}.{n:032x}")
}

fn unmarked(n: u32) -> String {
    format!("an invented key, number {n}")
}

/// Posts with a key, and returns the status.
async fn status(app: &TestApp, path: &str, key: Option<&str>, body: &[u8]) -> u16 {
    let headers: Vec<_> = key.map(|key| ("X-Api-Key", key)).into_iter().collect();
    answer(&app.ingest, request(path, &headers, body)).await.status
}

#[tokio::test]
async fn trap_76_while_postgres_is_away_an_invented_key_sends_nothing_and_leaves_no_letter() {
    let app = cut_off(370).await;
    let body = vec![b'x'; 180_000];
    for n in 0..50 {
        assert_eq!(status(&app, "/leads", Some(&forged(n)), &body).await, 401);
        assert_eq!(status(&app, "/leads", Some(&unmarked(n)), &body).await, 503);
    }
    assert!(app.spill.take().is_empty(), "nothing was taken");
    assert_eq!(post(&app.ingest, "/leads", &[], &body).await.status, 202, "a key that is ours");
    // Another scope's key is none for this route.
    let read = INGEST_KEY.replace("_ingest_", "_read_");
    assert_eq!(status(&app, "/leads", Some(&read), b"x").await, 401);
}

#[tokio::test]
async fn of_those_who_prove_nothing_a_small_share_is_taken_while_postgres_is_away_and_looked_up_later()
 {
    let app = cut_off(371).await;
    app.spill.take();
    let mut taken = 0;
    for n in 0..50 {
        taken += u32::from(status(&app, "/leads", Some(&unmarked(n)), b"a lead").await == 202);
    }
    assert_eq!(taken, 2, "in one second, of one environment");
    let spilled = app.spill.take();
    assert_eq!(app.bring_in(&spilled).await, 0, "counted, and gone");
    assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 0, "by `bury` as well");
    let kept = "select (select count(*) from outbox) + (select count(*) from dead_letters)";
    assert_eq!(app.db.scalar::<i64>(kept).await, 0);
}

#[tokio::test]
async fn what_was_taken_from_a_marked_key_is_a_letter_where_a_restored_database_has_lost_the_key() {
    let app = cut_off(375).await;
    app.spill.take();
    assert_eq!(post(&app.ingest, "/leads", &[], b"a lead").await.status, 202);
    app.db.client().await.batch_execute("delete from api_keys").await.unwrap();
    let spilled = app.spill.take();
    assert_eq!(app.bring_in(&spilled).await, 1, "it stays in its queue");
    assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 0);
    let letter = "select error || ', ' || (position('a lead' in convert_from(payload, 'utf8')) > 0 \
                  or position(encode('a lead', 'base64') in convert_from(payload, 'utf8')) > 0)::text from dead_letters";
    assert_eq!(
        app.db.scalar::<String>(letter).await,
        "its API key was revoked, may not send this, or is no longer known, true"
    );
}

#[tokio::test]
async fn trap_76_a_guess_costs_postgres_no_statement() {
    let mut app = TestApp::over(account(372, 1)).await;
    app.let_in().await;
    let proxy = CuttingProxy::start(app.db.login()).await;
    let through =
        Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    app.ingest.admission = admission(through, 1_000);
    assert_eq!(post(&app.ingest, "/leads", &[], b"x").await.status, 201);
    let before = proxy.messages();
    for n in 0..50 {
        assert_eq!(status(&app, "/leads", Some(&forged(n)), b"x").await, 401);
    }
    assert_eq!(proxy.messages(), before, "a mark that is not ours is refused unasked");
    assert_eq!(status(&app, "/leads", Some(&unmarked(1)), b"x").await, 401);
    let once = proxy.messages();
    assert!(once > before);
    for _ in 0..50 {
        assert_eq!(status(&app, "/leads", Some(&unmarked(1)), b"x").await, 401);
    }
    assert_eq!(proxy.messages(), once, "a key that was unknown a moment ago is not asked for");
}

#[tokio::test]
async fn a_key_is_limited_in_bytes_as_well_as_in_requests() {
    let mut app = TestApp::over(account(373, 1)).await;
    app.let_in().await;
    app.ingest.admission = admission(app.db.database_of("ingest", 1), 1);
    // 10 requests of 16 KiB in ten seconds, or 3 of 64 KiB: the third is paid with what is left.
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(status(&app, "/leads", Some(INGEST_KEY), &[b'x'; 65_536]).await);
    }
    assert_eq!(statuses, [201, 201, 201, 429, 429]);
}

#[tokio::test]
async fn senders_without_a_key_have_a_rate_and_a_bound() {
    let mut app = TestApp::over(account(374, 1)).await;
    app.ingest.config.keyless = vec!["/api/lead"];
    let lead = |n: u32| format!("{{\"email\":\"{n}@example.com\"}}").into_bytes();
    let mut statuses = Vec::new();
    for n in 0..60 {
        statuses.push(status(&app, "/api/lead", None, &lead(n)).await);
    }
    assert!(statuses[..50].iter().all(|status| *status == 201), "{statuses:?}");
    assert!(statuses[50..].iter().all(|status| *status == 429), "{statuses:?}");
    let long = vec![b' '; ingest::UNPROVEN_LIMIT + 3];
    assert_eq!(status(&app, "/api/lead", None, &long).await, 413);
    // While Postgres is away they share what is taken of those who prove nothing.
    app.ingest.database = app.nowhere();
    app.ingest.admission = admission(app.nowhere(), 1_000);
    let mut taken = 0;
    for n in 0..50 {
        taken += u32::from(status(&app, "/api/lead", None, &lead(n)).await == 202);
    }
    assert_eq!((taken, app.spill.take().len()), (2, 2));
}

#[tokio::test]
async fn keys_without_a_mark_may_be_turned_away_unasked_and_those_with_one_go_on_working() {
    let mut app = TestApp::over(account(375, 1)).await;
    app.let_in().await;
    let env = [("API_KEY_SECRET", "marks of the test app"), ("OLDER_KEYS", "refused")];
    let strict = || KeyIssuer::from_env(&env.into_iter().collect(), &Arc::default()).unwrap();
    app.ingest.admission =
        Admission::new(app.db.database(1), 1_000).with_issuer(Arc::new(strict()));
    assert_eq!(post(&app.ingest, "/leads", &[], b"x").await.status, 201);
    // Without a database: not even that is asked.
    app.ingest.admission = Admission::new(app.nowhere(), 1_000).with_issuer(Arc::new(strict()));
    assert_eq!(status(&app, "/leads", Some(&unmarked(1)), b"x").await, 401);
    // A sender without any key is none of an older key.
    app.ingest.config.keyless = vec!["/api/lead"];
    assert_eq!(status(&app, "/api/lead", None, b"{}").await, 202);
    app.ingest.admission =
        Admission::new(app.db.database(1), 1_000).with_issuer(Arc::new(strict()));
    assert_eq!(status(&app, "/api/lead", None, b"{}").await, 201);
    let word = [("OLDER_KEYS", "perhaps")];
    assert!(KeyIssuer::from_env(&word.into_iter().collect(), &Arc::default()).is_err());
}

//! Everything that `relay` deletes of accounts, and when.

use std::time::Duration;

use penstock_domain::account::{Email, limits, link::Kind};
use penstock_domain::account::{Role, token};
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock as _;
use penstock_domain::ids::id_at;
use penstock_store::account_links::NewLink;
use penstock_store::audit::{self, Actor, Entry};
use penstock_store::sign_in_limits::{self, Counters};
use penstock_store::{account_links, reset_requests};
use penstock_tests::test_app::TestApp;

use super::{made_user, new_token, planted_session};
use crate::stripe_account::account;

const DAY: Duration = Duration::from_secs(86_400);

const TABLES: [&str; 6] =
    ["sessions", "account_links", "reset_requests", "sign_in_limits", "audit_log", "users"];

async fn counts(app: &TestApp) -> [i64; 6] {
    let mut counts = [0; 6];
    for (count, table) in counts.iter_mut().zip(TABLES) {
        *count = app.db.scalar(&format!("select count(*) from {table}")).await;
    }
    counts
}

#[tokio::test]
async fn what_is_over_goes_and_the_trail_after_its_retention_and_accounts_stay() {
    let app = TestApp::over(account(9_640, 1)).await;
    let (client, now) = (app.db.client().await, app.clock.now());
    let person = made_user(&app.db, "ada@example.com", Role::Admin, None, now).await;
    for remembered in [true, false] {
        planted_session(&app.db, person.id, remembered, now).await;
    }
    let email = Email::parse("ada@example.com").unwrap();
    for (kind, role) in [(Kind::Reset, None), (Kind::Invite, Some(Role::Viewer))] {
        let new = NewLink {
            id: id_at(now),
            kind,
            token_sha256: &token::hashed(&new_token()).unwrap(),
            email: &email,
            role,
            user_id: Some(person.id),
            now,
        };
        account_links::insert(&client, new).await.unwrap();
    }
    reset_requests::request(&client, &email, now).await.unwrap();
    let of =
        Counters { account: limits::account(&email), known: limits::known(&email, "203.0.113.7") };
    sign_in_limits::settle(&client, &of, now).await.unwrap();
    let other = Email::parse("eve@example.com").unwrap();
    let of =
        Counters { account: limits::account(&other), known: limits::known(&other, "203.0.113.7") };
    sign_in_limits::take(&client, &of, now).await.unwrap().unwrap();
    let entry = Entry::new(Actor::System, Action::UserMade, "x", "r", now);
    audit::write(&client, &entry).await.unwrap();
    for (days, left) in [
        // Sessions of a day and of seven; links of an hour and of seven days, kept for a day more.
        (0, [2, 2, 1, 2, 1, 1]),
        (1, [2, 2, 1, 2, 1, 1]),
        (2, [1, 1, 0, 1, 1, 1]),
        (7, [1, 1, 0, 1, 1, 1]),
        (9, [0, 0, 0, 1, 1, 1]),
        (31, [0, 0, 0, 1, 1, 1]),
        (32, [0, 0, 0, 0, 1, 1]),
        (400, [0, 0, 0, 0, 1, 1]),
        (401, [0, 0, 0, 0, 0, 1]),
    ] {
        let at = now + days * DAY;
        app.clock.advance(Duration::try_from(at.duration_since(app.clock.now())).unwrap());
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        assert_eq!(counts(&app).await, left, "after {days} days: {TABLES:?}");
    }
}

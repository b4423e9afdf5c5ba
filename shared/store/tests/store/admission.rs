//! Keys and rates, over as many environments as ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::access::{KeyHeader, KeyStatus, PresentedKey};
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::{Cut, CuttingProxy, TestDatabase};
use uuid::Uuid;

const KEY: PresentedKey = presented(7);
const OTHER: PresentedKey = presented(8);
const GUESS: PresentedKey = presented(9);

const fn presented(key: u8) -> PresentedKey {
    PresentedKey { header: KeyHeader::ApiKey, sha256: [key; 32], mark: None }
}

/// 12:00 and some seconds.
fn noon_and(seconds: i64) -> Timestamp {
    Timestamp::from_second(
        "2026-03-15T12:00:00Z".parse::<Timestamp>().unwrap().as_second() + seconds,
    )
    .unwrap()
}

async fn add(database: &TestDatabase, key: PresentedKey, rate_per_second: Option<i32>) -> Uuid {
    let (id, sha256) = (Uuid::now_v7(), key.sha256);
    let new = NewKey { id, name: "crm", scope: Scope::Ingest, sha256, rate_per_second };
    assert!(api_keys::insert(&database.client().await, new, noon_and(0)).await.unwrap());
    id
}

async fn with_key(rate_per_second: Option<i32>) -> TestDatabase {
    let database = TestDatabase::new().await;
    add(&database, KEY, rate_per_second).await;
    database
}

async fn is_admitted(by: &Admission, key: &PresentedKey, now: Timestamp) -> bool {
    matches!(by.authenticate(key, now).await.unwrap(), KeyStatus::Valid(_))
}

/// How many requests one environment gets through until it is refused.
async fn spend(by: &Admission, key: &PresentedKey, now: Timestamp) -> u32 {
    let mut admitted = 0;
    while is_admitted(by, key, now).await {
        admitted += 1;
    }
    admitted
}

fn through(proxy: &CuttingProxy) -> Database {
    let pool = Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    pool.checked_after(Duration::MAX)
}

#[tokio::test]
async fn environments_that_race_for_one_key_get_exactly_its_limit_together() {
    for (rate, limit) in [(100, 1000), (1, 10), (13, 130)] {
        let database = with_key(Some(rate)).await;
        let admitted = Arc::new(AtomicU32::new(0));
        let environments: Vec<_> = (0..8)
            .map(|_| {
                let (environment, admitted) =
                    (Admission::new(database.database(1), 5), Arc::clone(&admitted));
                tokio::spawn(async move {
                    admitted
                        .fetch_add(spend(&environment, &KEY, noon_and(3)).await, Ordering::SeqCst);
                    let KeyStatus::RateLimited { retry_after_s } =
                        environment.authenticate(&KEY, noon_and(3)).await.unwrap()
                    else {
                        panic!("refused once, refused to the end of the window")
                    };
                    assert_eq!(retry_after_s, 7);
                })
            })
            .collect();
        for environment in environments {
            environment.await.unwrap();
        }
        assert_eq!(admitted.load(Ordering::SeqCst), limit);
    }
}

/// There is no row to lock yet, so one of them writes it, and the others must see what it took.
#[tokio::test]
async fn environments_that_meet_at_a_keys_very_first_request_take_one_slice_each() {
    let database = TestDatabase::new().await;
    let environments: Vec<_> =
        (0..8).map(|_| Arc::new(Admission::new(database.database(1), 1))).collect();
    for environment in &environments {
        // Connected, so that they start as one.
        assert_eq!(
            environment.authenticate(&GUESS, noon_and(0)).await.unwrap(),
            KeyStatus::Unknown
        );
    }
    for key in 10..60 {
        let key = presented(key);
        add(&database, key.clone(), Some(1)).await;
        let asked = environments.iter().cloned().map(|environment| {
            let key = key.clone();
            tokio::spawn(async move { is_admitted(&environment, &key, noon_and(0)).await })
        });
        for admitted in asked.collect::<Vec<_>>() {
            assert!(admitted.await.unwrap(), "eight of ten");
        }
        assert_eq!(spend(&environments[0], &key, noon_and(0)).await, 2, "the rest of ten");
    }
}

#[tokio::test]
async fn little_is_stranded_in_other_environments_when_the_first_is_refused() {
    for rate in [2, 10, 50, 100, 1000] {
        let database = with_key(Some(rate)).await;
        let environments: Vec<_> =
            (0..8).map(|_| Admission::new(database.database(1), 5)).collect();
        let (limit, mut admitted) = (rate * 10, 0);
        'window: loop {
            for environment in &environments {
                if !is_admitted(environment, &KEY, noon_and(0)).await {
                    break 'window;
                }
                admitted += 1;
            }
        }
        assert!((limit * 85 / 100..=limit).contains(&admitted), "{admitted} of {limit}");
    }
}

#[tokio::test]
async fn one_that_is_refused_comes_in_again_in_the_next_window() {
    let database = with_key(None).await;
    let (one, other) =
        (Admission::new(database.database(1), 2), Admission::new(database.database(1), 2));
    assert_eq!(spend(&one, &KEY, noon_and(0)).await, 20);
    assert_eq!(
        one.authenticate(&KEY, noon_and(0)).await.unwrap(),
        KeyStatus::RateLimited { retry_after_s: 10 }
    );
    assert_eq!(
        other.authenticate(&KEY, noon_and(9)).await.unwrap(),
        KeyStatus::RateLimited { retry_after_s: 1 }
    );
    assert_eq!(spend(&other, &KEY, noon_and(10)).await, 20);
    assert_eq!(spend(&one, &KEY, noon_and(19)).await, 0);
    assert_eq!(spend(&one, &KEY, noon_and(20)).await, 20);
}

#[tokio::test]
async fn what_is_left_of_a_window_is_not_carried_into_the_next() {
    let database = with_key(Some(100)).await;
    let admission = Admission::new(database.database(1), 5);
    assert!(is_admitted(&admission, &KEY, noon_and(9)).await);
    assert_eq!(spend(&admission, &KEY, noon_and(10)).await, 1000);
}

#[tokio::test]
async fn two_keys_share_no_limit_and_a_keys_own_rate_beats_the_default() {
    let database = with_key(None).await;
    add(&database, OTHER, Some(3)).await;
    let admission = Admission::new(database.database(1), 2);
    assert_eq!(spend(&admission, &KEY, noon_and(0)).await, 20);
    assert_eq!(spend(&admission, &OTHER, noon_and(0)).await, 30);
}

#[tokio::test]
async fn a_clock_that_is_behind_spends_from_the_window_that_others_began() {
    let database = with_key(Some(1)).await;
    let (ahead, behind) =
        (Admission::new(database.database(1), 5), Admission::new(database.database(1), 5));
    assert!(is_admitted(&ahead, &KEY, noon_and(20)).await);
    assert_eq!(spend(&behind, &KEY, noon_and(9)).await, 9);
    assert_eq!(
        behind.authenticate(&KEY, noon_and(9)).await.unwrap(),
        KeyStatus::RateLimited { retry_after_s: 21 }
    );
    assert_eq!(spend(&ahead, &KEY, noon_and(20)).await, 0);
}

#[tokio::test]
async fn a_window_that_a_broken_clock_began_far_ahead_shuts_nobody_out() {
    let database = with_key(Some(1)).await;
    let broken = Admission::new(database.database(1), 5);
    assert_eq!(spend(&broken, &KEY, noon_and(86_400)).await, 10);
    assert_eq!(spend(&Admission::new(database.database(1), 5), &KEY, noon_and(0)).await, 10);
}

#[tokio::test]
async fn a_key_that_is_remembered_costs_no_round_trip_admitted_or_refused() {
    let database = with_key(Some(2)).await;
    let proxy = CuttingProxy::start(database.login()).await;
    let admission = Admission::new(through(&proxy), 5);
    assert_eq!(admission.recall(&KEY, 1, noon_and(0)).await, None);
    let mut asked = 0;
    for _ in 0..20 {
        let before = proxy.messages();
        assert!(is_admitted(&admission, &KEY, noon_and(0)).await);
        asked += u32::from(proxy.messages() > before);
    }
    // Slices of 2, 2, 2, and then of 1.
    assert_eq!(asked, 17);
    assert_eq!(spend(&admission, &KEY, noon_and(0)).await, 0);
    let before = proxy.messages();
    for second in 0..10 {
        assert_eq!(spend(&admission, &KEY, noon_and(second)).await, 0);
    }
    assert_eq!(proxy.messages(), before);
}

#[tokio::test]
async fn a_busy_key_asks_once_for_every_64_requests_until_its_window_is_nearly_spent() {
    let database = with_key(Some(1000)).await;
    let proxy = CuttingProxy::start(database.login()).await;
    let admission = Admission::new(through(&proxy), 5);
    assert!(is_admitted(&admission, &KEY, noon_and(0)).await);
    let before = proxy.messages();
    for _ in 0..640 {
        assert!(is_admitted(&admission, &KEY, noon_and(1)).await);
    }
    // Five messages a statement.
    assert_eq!(proxy.messages() - before, 10 * 5);
}

#[tokio::test]
async fn a_revoked_key_ends_within_thirty_seconds_and_is_not_remembered_then() {
    let database = TestDatabase::new().await;
    let id = add(&database, KEY, None).await;
    let (warm, ahead) =
        (Admission::new(database.database(1), 100), Admission::new(database.database(1), 100));
    // In a window begun by a clock that is ahead, so that the window does not end it sooner.
    assert!(is_admitted(&ahead, &KEY, noon_and(60)).await);
    assert!(is_admitted(&warm, &KEY, noon_and(0)).await);
    assert!(api_keys::revoke(&database.client().await, id, noon_and(0)).await.unwrap());
    assert!(is_admitted(&warm, &KEY, noon_and(29)).await);
    assert!(warm.remembered(&KEY.sha256).is_some());
    assert_eq!(warm.authenticate(&KEY, noon_and(30)).await.unwrap(), KeyStatus::Unknown);
    assert_eq!(warm.remembered(&KEY.sha256), None);
    let cold = Admission::new(database.database(1), 100);
    assert_eq!(cold.authenticate(&KEY, noon_and(0)).await.unwrap(), KeyStatus::Unknown);
}

#[tokio::test]
async fn a_key_unknown_or_revoked_writes_nothing_and_is_not_remembered() {
    let database = TestDatabase::new().await;
    let id = add(&database, KEY, None).await;
    let on = database.client().await;
    assert!(api_keys::revoke(&on, id, noon_and(0)).await.unwrap());
    let admission = Admission::new(database.database(1), 100);
    for key in [KEY, GUESS] {
        assert_eq!(admission.authenticate(&key, noon_and(0)).await.unwrap(), KeyStatus::Unknown);
        assert_eq!(admission.remembered(&key.sha256), None);
    }
    assert_eq!(database.scalar::<i64>("select count(*) from rate_windows").await, 0);
    // Nor did it lock a row, which would have been a write too: the table was never extended.
    assert_eq!(database.scalar::<i64>("select pg_relation_size('rate_windows')").await, 0);
}

#[tokio::test]
async fn a_key_made_after_it_was_refused_comes_in_within_seconds_and_until_then_nobody_is_asked() {
    let database = TestDatabase::new().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let admission = Admission::new(through(&proxy), 100);
    assert_eq!(admission.authenticate(&KEY, noon_and(0)).await.unwrap(), KeyStatus::Unknown);
    add(&database, KEY, None).await;
    let before = proxy.messages();
    for _ in 0..100 {
        assert!(!is_admitted(&admission, &KEY, noon_and(4)).await);
    }
    assert_eq!(proxy.messages(), before, "a guess that is repeated costs Postgres nothing");
    assert!(is_admitted(&admission, &KEY, noon_and(5)).await);
}

/// How many requests of a weight two environments get through in one window.
async fn spend_weighing(database: &TestDatabase, weight: u32) -> u32 {
    let environments =
        [Admission::new(database.database(1), 5), Admission::new(database.database(1), 5)];
    let mut admitted = 0;
    loop {
        let environment = &environments[usize::from(admitted % 2 == 1)];
        let status = environment.authenticate_weighing(&KEY, weight, noon_and(0)).await.unwrap();
        if !matches!(status, KeyStatus::Valid(_)) {
            return admitted;
        }
        admitted += 1;
    }
}

#[tokio::test]
async fn a_long_request_counts_by_its_length_over_all_environments() {
    for (rate, weight, limit) in [(100, 4, 250), (100, 64, 16), (10, 64, 2), (1, 64, 1), (1, 1, 10)]
    {
        let database = with_key(Some(rate)).await;
        let admitted = spend_weighing(&database, weight).await;
        // One request in each environment may be let in by the last that is left there.
        assert!((limit.min(1)..=limit + 2).contains(&admitted), "{rate}, {weight}: {admitted}");
        assert!(admitted * 10 >= limit * 8, "{rate}, {weight}: {admitted} of {limit}");
    }
}

#[tokio::test]
async fn senders_without_a_key_share_one_rate() {
    let database = TestDatabase::new().await;
    let environments =
        [1, 2, 3].map(|_| Admission::new(database.database(1), 100).with_keyless_rate(2));
    let mut admitted = 0;
    for environment in &environments {
        admitted += spend(environment, &PresentedKey::NONE, noon_and(0)).await;
    }
    assert_eq!(admitted, 20, "two a second in a window of ten seconds");
    assert_eq!(database.scalar::<i64>("select count(*) from api_keys").await, 0);
}

#[tokio::test]
async fn several_keys_of_one_name_are_valid_at_once() {
    let database = with_key(None).await;
    let id = add(&database, OTHER, None).await;
    let admission = Admission::new(database.database(1), 100);
    for key in [KEY, OTHER] {
        assert!(is_admitted(&admission, &key, noon_and(0)).await);
    }
    let KeyStatus::Valid(key) = admission.authenticate(&OTHER, noon_and(0)).await.unwrap() else {
        panic!("admitted before")
    };
    assert_eq!(
        (key.id, key.name.as_str(), key.scope, key.sha256),
        (id, "crm", Scope::Ingest, OTHER.sha256)
    );
}

#[tokio::test]
async fn a_key_is_remembered_while_postgres_is_away() {
    let database = with_key(None).await;
    let proxy = CuttingProxy::start(database.login()).await;
    let admission = Admission::new(through(&proxy), 100);
    assert!(is_admitted(&admission, &KEY, noon_and(0)).await);
    drop(proxy);
    assert!(admission.authenticate(&KEY, noon_and(3600)).await.unwrap_err().is_unreachable());
    assert_eq!(admission.remembered(&KEY.sha256).unwrap().name, "crm");
    assert_eq!(admission.remembered(&GUESS.sha256), None);
}

#[tokio::test]
async fn trap_44_a_connection_that_breaks_is_replaced_and_nothing_granted_twice() {
    for cut in [Cut::BeforeForwarding, Cut::AfterForwarding] {
        let database = with_key(Some(10)).await;
        let proxy = CuttingProxy::start(database.login()).await;
        let admission = Admission::new(through(&proxy), 5);
        assert!(is_admitted(&admission, &KEY, noon_and(0)).await);
        // The fifth message, Sync, is what commits.
        proxy.cut_at(5, cut, || ());
        let admitted = 1 + spend(&admission, &KEY, noon_and(0)).await;
        assert!(proxy.was_cut());
        assert!((85..=100).contains(&admitted), "{cut:?}: {admitted}");
    }
}

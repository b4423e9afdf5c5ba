//! How often a key may send requests, and how long a revoked key still works.

use std::sync::Arc;
use std::time::Duration;

use super::{
    READ_KEY, Reply, StoppedClock, add_key, at, config, database, event, get, noon, ok, ports, send,
};
use metrics::{MetricsConfig, Ports};
use penstock_domain::config::Env;
use penstock_store::api_keys::{self, Scope};
use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::{CuttingProxy, TestDatabase};

const CHEAP: &str = "/metrics/unmapped-statuses";

/// Twenty requests in ten seconds.
fn twenty() -> MetricsConfig {
    MetricsConfig { rate_limit_per_second: 2, ..config() }
}

fn through(proxy: &CuttingProxy, config: MetricsConfig) -> Ports<StoppedClock> {
    let pool = Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    ports(pool.checked_after(Duration::MAX), config)
}

/// Sends requests until one is refused.
async fn spend(ports: &Ports<StoppedClock>) -> (u32, Reply) {
    let mut answered = 0;
    loop {
        match get(ports, CHEAP).await {
            reply if reply.status == 200 => answered += 1,
            refused => return (answered, refused),
        }
    }
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_429_with_retry_after_until_the_next_window() {
    let database = database().await;
    let mut ports = ports(database.database_of("metrics", 1), twenty());
    ports.clock = StoppedClock(at("2026-03-15T12:00:07.5Z"));
    let (answered, refused) = spend(&ports).await;
    assert_eq!((answered, refused.status), (20, 429));
    assert_eq!(
        (refused.header("retry-after"), refused.header("content-type")),
        ("3", "application/problem+json")
    );
    assert_eq!(refused.body["type"], "urn:penstock:problem:rate-limited");
    ports.clock = StoppedClock(at("2026-03-15T12:00:10Z"));
    assert_eq!(spend(&ports).await.0, 20);
}

#[tokio::test]
async fn another_key_has_a_limit_of_its_own_and_health_has_none() {
    let database = database().await;
    add_key(&database.client().await, "other-key", Scope::Read).await;
    let ports = ports(database.database_of("metrics", 1), twenty());
    assert_eq!(spend(&ports).await.1.status, 429);
    assert_eq!(send(&ports, &event("GET", CHEAP, &[("x-api-key", "other-key")])).await.status, 200);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&ports, path).await.status, 200);
    }
}

#[tokio::test]
async fn environments_share_the_limit() {
    let database = database().await;
    let (one, other) = (
        ports(database.database_of("metrics", 1), twenty()),
        ports(database.database_of("metrics", 1), twenty()),
    );
    let answered = spend(&one).await.0 + spend(&other).await.0;
    assert_eq!(answered, 20);
}

#[tokio::test]
async fn a_key_that_is_remembered_adds_no_statement_and_one_that_is_refused_asks_nothing() {
    let database = database().await;
    let proxy = CuttingProxy::start(database.login_of("metrics")).await;
    let ports = through(&proxy, config());
    ok(&ports, CHEAP).await;
    let before = proxy.messages();
    ok(&ports, CHEAP).await;
    assert_eq!(proxy.messages() - before, 5, "the question alone");
    let ports = through(&proxy, twenty());
    assert_eq!(spend(&ports).await.1.status, 429);
    let before = proxy.messages();
    for path in [CHEAP, "/metrics/revenue/daily", "/runs?nonsense=1"] {
        assert_eq!(get(&ports, path).await.status, 429);
    }
    assert_eq!(proxy.messages(), before);
}

#[tokio::test]
async fn a_revoked_key_is_401_within_thirty_seconds() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    let id = add_key(&on, READ_KEY, Scope::Read).await;
    let mut ports = ports(database.database_of("metrics", 1), config());
    ok(&ports, CHEAP).await;
    assert!(api_keys::revoke(&on, id, noon()).await.unwrap());
    ports.clock = StoppedClock(at("2026-03-15T12:00:30Z"));
    assert_eq!(get(&ports, CHEAP).await.status, 401);
}

#[test]
fn a_rate_that_lets_nobody_in_is_refused() {
    for rate in ["0", "-1", "many"] {
        let env: Env = [("RATE_LIMIT_PER_SECOND", rate)].into_iter().collect();
        assert!(
            MetricsConfig::from_env(&env)
                .unwrap_err()
                .to_string()
                .contains("RATE_LIMIT_PER_SECOND"),
            "{rate}"
        );
    }
    assert_eq!(config().rate_limit_per_second, 100);
}

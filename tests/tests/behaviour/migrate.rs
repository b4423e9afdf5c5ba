//! An operator's commands about keys, and the keys that come with a deployment.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use migrate::{MigrateError, Ports, Report, Request};
use penstock_clients::secret::Secret;
use penstock_domain::access::{KeyHeader, KeyStatus, PresentedKey};
use penstock_domain::clock::Clock as _;
use penstock_store::admission::{Admission, Verdict};
use penstock_store::roles::limits::Idle;
use penstock_testkit::{Authority, Outcome, RuntimeHost, TestDatabase, TlsFront, binary};
use penstock_tests::clock::StoppedClock;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::test_app::issuer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEY: &str = "a-key-that-the-crm-was-given-long-ago";

fn clock() -> StoppedClock {
    StoppedClock("2026-03-15T12:00:00Z".parse().unwrap())
}

fn ports(database: &TestDatabase) -> Ports<StoppedClock> {
    let (database, business_zone) = (database.database(2), "UTC".to_owned());
    Ports {
        database,
        business_zone,
        bootstrap_keys: None,
        issuer: issuer(),
        logins: Vec::new(),
        own_logins: false,
        idle: Idle::default(),
        clock: clock(),
    }
}

fn with_secret(database: &TestDatabase, secret: &Value) -> Ports<StoppedClock> {
    Ports { bootstrap_keys: Some(Secret::given(secret.to_string())), ..ports(database) }
}

fn request(request: &Value) -> Request {
    serde_json::from_value(request.clone()).unwrap()
}

async fn done(ports: &Ports<StoppedClock>, what: Value) -> Report {
    ports.handle(request(&what)).await.unwrap()
}

async fn refused(ports: &Ports<StoppedClock>, what: Value) -> MigrateError {
    ports.handle(request(&what)).await.unwrap_err()
}

fn named(name: &str, key: &str) -> Value {
    json!({"apiKey": {"name": name, "scope": "ingest", "sha256": hex::encode(Sha256::digest(key))}})
}

async fn listed(ports: &Ports<StoppedClock>) -> Vec<Value> {
    let report = serde_json::to_value(done(ports, json!({"listApiKeys": true})).await).unwrap();
    report["apiKeys"].as_array().unwrap().clone()
}

async fn is_valid(database: &TestDatabase, key: &str) -> bool {
    let admission = Admission::new(database.database(1), 1);
    let key = PresentedKey::new(KeyHeader::ApiKey, key.as_bytes()).unwrap();
    let status = admission.authenticate(&key, clock().now()).await.unwrap();
    matches!(status, KeyStatus::Valid(_))
}

/// Returns an error with its causes, as the log and the operator get it.
fn said(error: &MigrateError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[tokio::test]
async fn a_new_key_gets_a_mark_that_proves_it_without_a_look_up() {
    let database = TestDatabase::new().await;
    let made = format!("penstock_ingest_{}", "k".repeat(43));
    let report = done(&ports(&database), named("crm", &made)).await;
    let key = format!("{made}.{}", report.key_mark.unwrap());
    assert!(is_valid(&database, &key).await);
    let nowhere = Admission::new(database.database(1), 1).with_issuer(Arc::new(issuer()));
    let presented = |key: &str| PresentedKey::new(KeyHeader::ApiKey, key.as_bytes()).unwrap();
    assert_eq!(nowhere.proof(&presented(&key), clock().now()).await, Verdict::Ours);
    let other_scope = key.replace("_ingest_", "_admin_");
    assert_eq!(nowhere.proof(&presented(&other_scope), clock().now()).await, Verdict::Forged);
    assert_eq!(nowhere.proof(&presented(&made), clock().now()).await, Verdict::Unproven);
}

#[tokio::test]
async fn a_key_is_registered_once_and_listed_without_its_hash() {
    let database = TestDatabase::new().await;
    let ports = ports(&database);
    let mut wanted = named("crm", KEY);
    wanted["apiKey"]["ratePerSecond"] = json!(50);
    assert_eq!(done(&ports, wanted.clone()).await.key_registered, Some(true));
    assert_eq!(done(&ports, wanted).await.key_registered, Some(false));
    let mut keys = listed(&ports).await;
    assert!(keys[0].as_object_mut().unwrap().remove("id").is_some());
    let expected = json!([{
        "name": "crm", "scope": "ingest", "createdAt": "2026-03-15T12:00:00Z", "revokedAt": null, "ratePerSecond": 50
    }]);
    assert_eq!(Value::from(keys), expected);
}

#[tokio::test]
async fn a_name_revokes_all_its_valid_keys_and_an_id_one() {
    let database = TestDatabase::new().await;
    let ports = ports(&database);
    for (name, key) in [("crm", "a"), ("crm", "b"), ("shop", "c"), ("shop", "d")] {
        done(&ports, named(name, key)).await;
        assert!(is_valid(&database, key).await);
    }
    assert_eq!(done(&ports, json!({"revokeApiKey": {"name": "crm"}})).await.keys_revoked, Some(2));
    let id =
        listed(&ports).await.into_iter().find(|key| key["name"] == "shop").unwrap()["id"].clone();
    assert_eq!(done(&ports, json!({"revokeApiKey": {"id": id}})).await.keys_revoked, Some(1));
    let valid = [is_valid(&database, "a").await, is_valid(&database, "b").await];
    assert_eq!(valid, [false, false]);
    assert_ne!(is_valid(&database, "c").await, is_valid(&database, "d").await);
    let revoked = listed(&ports)
        .await
        .iter()
        .filter(|key| key["revokedAt"] == "2026-03-15T12:00:00Z")
        .count();
    assert_eq!(revoked, 3);
}

#[tokio::test]
async fn to_revoke_nothing_is_an_error() {
    let database = TestDatabase::new().await;
    let ports = ports(&database);
    done(&ports, named("crm", KEY)).await;
    let id = "019a0000-0000-7000-8000-000000000000";
    for (which, words) in [
        (json!({"name": "CRM"}), "nothing was revoked: there is no valid key of the name \"CRM\""),
        (
            json!({"id": id}),
            "nothing was revoked: there is no valid key with the id 019a0000-0000-7000-8000-000000000000",
        ),
    ] {
        assert_eq!(refused(&ports, json!({"revokeApiKey": which})).await.to_string(), words);
    }
    done(&ports, json!({"revokeApiKey": {"name": "crm"}})).await;
    let again = refused(&ports, json!({"revokeApiKey": {"name": "crm"}})).await;
    assert!(matches!(again, MigrateError::NothingRevoked(_)));
    assert!(serde_json::from_value::<Request>(json!({"revokeApiKey": {}})).is_err());
}

#[tokio::test]
async fn a_key_request_that_cannot_be_meant_is_refused() {
    let database = TestDatabase::new().await;
    let ports = ports(&database);
    for (field, value, words) in [
        ("name", json!(" "), "the key has no name of 1 to 255 bytes that is its own"),
        ("name", json!("n".repeat(256)), "the key has no name of 1 to 255 bytes that is its own"),
        (
            "name",
            json!("senders without a key"),
            "the key has no name of 1 to 255 bytes that is its own",
        ),
        ("scope", json!("root"), "the scope is none of read, ingest and admin"),
        ("sha256", json!("abc"), "sha256 is not 64 hexadecimal digits"),
        ("ratePerSecond", json!(0), "ratePerSecond is not above zero"),
    ] {
        let mut wanted = named("crm", KEY);
        wanted["apiKey"][field] = value;
        assert_eq!(refused(&ports, wanted).await.to_string(), words);
    }
    assert!(listed(&ports).await.is_empty());
}

#[tokio::test]
async fn a_deployment_registers_the_bootstrap_keys_that_are_not_there_yet() {
    let database = TestDatabase::new().await;
    let mut keys = vec![json!({"name": "crm", "scope": "ingest", "key": KEY})];
    let ports = with_secret(&database, &json!({"keys": keys}));
    assert_eq!(done(&ports, json!({})).await.bootstrap_keys_registered, Some(1));
    assert_eq!(done(&ports, json!({})).await.bootstrap_keys_registered, Some(0));
    let newer = KEY.to_uppercase();
    keys.push(json!({"name": "crm", "scope": "ingest", "key": newer, "ratePerSecond": 7}));
    let ports = with_secret(&database, &json!({"keys": keys}));
    assert_eq!(done(&ports, json!({})).await.bootstrap_keys_registered, Some(1));
    assert!(is_valid(&database, KEY).await && is_valid(&database, &newer).await);
    let rates: Vec<Value> =
        listed(&ports).await.iter().map(|key| key["ratePerSecond"].clone()).collect();
    assert!(rates.contains(&json!(7)) && rates.contains(&Value::Null));
    let kept = "select count(*) from api_keys k where k::text like '%long-ago%'";
    assert_eq!(database.scalar::<i64>(kept).await, 0, "only the hash is kept");
}

#[tokio::test]
async fn a_bootstrap_key_that_was_revoked_stays_revoked() {
    let database = TestDatabase::new().await;
    let ports =
        with_secret(&database, &json!({"keys": [{"name": "crm", "scope": "ingest", "key": KEY}]}));
    done(&ports, json!({})).await;
    done(&ports, json!({"revokeApiKey": {"name": "crm"}})).await;
    assert_eq!(done(&ports, json!({})).await.bootstrap_keys_registered, Some(0));
    assert!(!is_valid(&database, KEY).await);
}

#[tokio::test]
async fn a_bootstrap_secret_that_is_wrong_registers_nothing_and_is_not_repeated() {
    let database = TestDatabase::new().await;
    let with = |field: &str, value: Value| {
        let mut second = json!({"name": "shop", "scope": "ingest", "key": format!("{KEY}-2")});
        second[field] = value;
        json!({"keys": [{"name": "crm", "scope": "ingest", "key": KEY}, second]})
    };
    let form = "the secret is not JSON of the form";
    for (secret, words) in [
        (json!(KEY), form),
        (json!([{"name": "crm", "scope": "ingest", "key": KEY}]), form),
        (json!({"keys": {"crm": KEY}}), form),
        (json!({"keys": [], "key": KEY}), form),
        (json!({"keys": [KEY]}), "key 1 (without a name): it is not an object"),
        (
            with("key", json!("long-ago-but-too-short-by-one-c")),
            "key 2 (shop): its key is shorter than 32 characters",
        ),
        (
            with("key", json!("long-ago".repeat(65))),
            "key 2 (shop): its key is longer than 512 characters",
        ),
        (
            with("key", json!(format!("{KEY}\n"))),
            "key 2 (shop): its key has a space or another character",
        ),
        (with("key", json!(KEY)), "key 2 (shop): it is key 1 again"),
        (with("key", json!(7)), "key 2 (shop): it has no key"),
        (
            with("scope", json!("long-ago")),
            "key 2 (shop): its scope is none of read, ingest and admin",
        ),
        (with("name", json!("")), "it has no name"),
        (with("long-ago", json!("")), "key 2 (shop): it has a field that is none of"),
        (
            with("ratePerSecond", json!(0)),
            "key 2 (shop): its ratePerSecond is not a whole number above zero",
        ),
        (with("ratePerSecond", json!("long-ago")), "key 2 (shop): its ratePerSecond is not"),
    ] {
        let error = refused(&with_secret(&database, &secret), json!({})).await;
        assert!(said(&error).contains(words), "{words}: {}", said(&error));
        assert!(!format!("{} {error:?}", said(&error)).contains("long-ago"), "{words}");
    }
    let not_json =
        Ports { bootstrap_keys: Some(Secret::given(KEY.to_owned())), ..ports(&database) };
    let error = refused(&not_json, json!({})).await;
    assert!(said(&error).contains(form) && !format!("{error:?}").contains("long-ago"));
    assert!(listed(&not_json).await.is_empty());
}

#[tokio::test]
async fn a_command_works_whatever_the_bootstrap_secret_holds() {
    let database = TestDatabase::new().await;
    let ports = with_secret(&database, &json!("spoilt"));
    assert_eq!(done(&ports, named("crm", KEY)).await.bootstrap_keys_registered, None);
    assert_eq!(done(&ports, json!({"revokeApiKey": {"name": "crm"}})).await.keys_revoked, Some(1));
    assert_eq!(listed(&ports).await.len(), 1);
}

/// A function as built, before a database whose authority is named by a secret.
async fn built(name: &str, url: &str, aws: &FakeAws) -> RuntimeHost {
    let own = [
        ("DATABASE_URL", url.to_owned()),
        ("DATABASE_TLS", "require".to_owned()),
        (
            "DATABASE_ROOTS_SECRET_ARN",
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:s".to_owned(),
        ),
        ("API_KEY_SECRET", "marks".to_owned()),
    ];
    let env = [aws.environment().as_slice(), &own].concat();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    RuntimeHost::start(&binary(name), &env).await
}

#[tokio::test]
async fn a_database_with_an_authority_of_its_own_is_reached_by_the_secret_that_names_it() {
    let (database, authority) = (TestDatabase::empty().await, Authority::new());
    let front = TlsFront::start(database.login(), &authority, "localhost").await;
    let ready = json!({
        "version": "2.0", "rawPath": "/readyz", "rawQueryString": "", "headers": {},
        "isBase64Encoded": false, "requestContext": {"http": {"method": "GET"}, "stage": "$default"},
    });
    let aws = FakeAws::start().await;
    aws.rotate("-----no certificate-----");
    let (migrate, metrics) =
        (built("migrate", &front.url(), &aws).await, built("metrics", &front.url(), &aws).await);
    let refused = migrate.invoke(json!({})).await;
    let Outcome::Failed { message, .. } = refused else { panic!("{refused:?}") };
    assert!(message.ends_with("the roots for Postgres hold no certificate in PEM"), "{message}");
    assert_eq!(metrics.invoke(ready.clone()).await.reply()["statusCode"], 503);

    // A secret is read again after minutes, so these are new environments.
    aws.rotate(&authority.pem());
    let (migrate, metrics) =
        (built("migrate", &front.url(), &aws).await, built("metrics", &front.url(), &aws).await);
    let report = migrate.invoke_with_deadline(json!({}), Duration::from_secs(300)).await.reply();
    assert!(report["applied"].as_array().is_some_and(|all| !all.is_empty()), "{report}");
    assert_eq!(metrics.invoke(ready).await.reply()["statusCode"], 200);
}

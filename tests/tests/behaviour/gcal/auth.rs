//! The service account: claims, tokens, and keys that rotate (traps 15, 46).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use penstock_clients::google::{RENEW_BEFORE, ServiceAccount, TokenError};
use penstock_clients::secret::Secret;
use penstock_tests::http_client;
use penstock_tests::simulators::gcal::Fault;
use penstock_tests::simulators::gcal::{Account, GoogleCalendarSimulator};
use secrecy::{ExposeSecret, SecretString};

const SCOPE: &str = "https://www.googleapis.com/auth/calendar.events.readonly";

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn account(key_file: String) -> ServiceAccount {
    ServiceAccount::new(Secret::given(key_file), SCOPE)
}

async fn token(
    account: &ServiceAccount,
    at: Timestamp,
    fresh: bool,
) -> Result<SecretString, TokenError> {
    account.token(&http_client::new(), at, fresh).await
}

#[tokio::test]
async fn a_signed_claim_is_exchanged_once_and_the_token_kept_until_shortly_before_it_ends() {
    let google = GoogleCalendarSimulator::start(1, 0, now());
    let account = account(google.key_file());
    let first = token(&account, now(), false).await.unwrap();
    let almost = now() + (Duration::from_secs(3_600) - RENEW_BEFORE - Duration::from_secs(1));
    assert_eq!(
        token(&account, almost, false).await.unwrap().expose_secret(),
        first.expose_secret()
    );
    assert_eq!(google.exchanges(), (1, 0));
    google.follow(move || almost + SignedDuration::from_secs(1));
    let second = token(&account, almost + SignedDuration::from_secs(1), false).await.unwrap();
    assert_ne!(second.expose_secret(), first.expose_secret());
    assert_eq!(google.exchanges(), (2, 0));
    // After a 401 a new token is fetched, even if this one is still young.
    assert_ne!(
        token(&account, almost, true).await.unwrap().expose_secret(),
        second.expose_secret()
    );
}

#[tokio::test]
async fn at_the_same_time_there_is_one_exchange() {
    let google = GoogleCalendarSimulator::start(2, 0, now());
    let account = account(google.key_file());
    let http = http_client::new();
    futures_util::future::join_all((0..10).map(|_| account.token(&http, now(), false))).await;
    assert_eq!(google.exchanges(), (1, 0));
}

#[tokio::test]
async fn trap_15_what_google_refuses_is_told_in_its_words_and_never_shows_the_key() {
    let google = GoogleCalendarSimulator::start(3, 0, now());
    let token_uri = format!("{}/token", google.url());
    let stranger =
        Account::generate("stranger@penstock.iam.gserviceaccount.com").key_file(&token_uri);
    let greedy = ServiceAccount::new(Secret::given(google.key_file()), "https://mail.google.com/");
    for (account, words) in [
        (account(stranger), "with 400: invalid_grant: Invalid JWT Signature."),
        (greedy, "with 400: invalid_scope: Invalid OAuth scope or ID token audience provided."),
    ] {
        let error = token(&account, now(), false).await.unwrap_err();
        assert_eq!(error.to_string(), format!("Google gives no token, {words}"));
        assert!(!format!("{account:?}").contains("PRIVATE"), "{account:?}");
    }
    // A clock that is wrong by an hour.
    let late = account(google.key_file());
    assert!(matches!(
        token(&late, now() - SignedDuration::from_hours(2), false).await,
        Err(TokenError::Refused { .. })
    ));
}

#[tokio::test]
async fn what_is_no_key_file_says_where_and_not_what() {
    let google = GoogleCalendarSimulator::start(4, 0, now());
    let file = google.key_file();
    let no_pem = file.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE");
    let cut = file.replace("-----BEGIN PRIVATE KEY-----\\n", "-----BEGIN PRIVATE KEY-----\\nAAAA");
    for (file, expected) in [
        ("sk_live_oops".to_owned(), "it is not JSON, at line 1 column 1"),
        ("{}".to_owned(), "it is of another shape, at line 1 column 2"),
        (no_pem, "private_key: it is not PEM of a private key"),
        (cut, "private_key: InvalidEncoding"),
    ] {
        let error = token(&account(file), now(), false).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the secret is no key of a service account: {expected}")
        );
    }
    assert_eq!(google.exchanges(), (0, 0));
}

#[tokio::test]
async fn an_outage_of_the_token_endpoint_may_pass() {
    let google = GoogleCalendarSimulator::start(5, 0, now());
    let account = account(google.key_file());
    google.faults().next("/token", Fault::ServerError);
    google.faults().next("/token", Fault::Html);
    for expected in ["status 503", "it is not JSON"] {
        let error = token(&account, now(), false).await.unwrap_err();
        assert!(
            matches!(&error, TokenError::Unavailable(why) if why.contains(expected)),
            "{error}"
        );
    }
    token(&account, now(), false).await.unwrap();
}

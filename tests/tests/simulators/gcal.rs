//! The simulator itself, with requests that follow Google's documentation and requests that do not.

use jiff::{SignedDuration, Timestamp};
use penstock_clients::google::ServiceAccount;
use penstock_clients::secret::Secret;
use penstock_tests::http_client;
use penstock_tests::simulators::gcal::GoogleCalendarSimulator;
use secrecy::ExposeSecret;
use serde_json::Value;

const PATH: &str = "/calendars/team%231@group.calendar.google.com/events";
const LIST: &str = "singleEvents=true&showDeleted=true&maxResults=100";

struct Client {
    google: GoogleCalendarSimulator,
    http: reqwest::Client,
    token: String,
}

impl Client {
    async fn start(events: usize) -> Self {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let (google, http) = (GoogleCalendarSimulator::start(900, events, now), http_client::new());
        let scope = "https://www.googleapis.com/auth/calendar.readonly";
        let account = ServiceAccount::new(Secret::given(google.key_file()), scope);
        let token = account.token(&http, now, false).await.unwrap().expose_secret().to_owned();
        Self { google, http, token }
    }

    async fn get(&self, query: &str) -> (u16, Value) {
        let url = format!("{}{PATH}?{query}", self.google.base_url());
        let reply = self.http.get(url).bearer_auth(&self.token).send().await.unwrap();
        let status = reply.status().as_u16();
        (status, serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap())
    }

    /// Reads one event by its id.
    async fn event(&self, id: &str) -> (u16, Value) {
        let url = format!("{}{PATH}/{id}", self.google.base_url());
        let reply = self.http.get(url).bearer_auth(&self.token).send().await.unwrap();
        let status = reply.status().as_u16();
        (status, serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap())
    }

    /// Reads a list to its end. Returns the ids in it, and the sync token.
    async fn list(&self, query: &str) -> (Vec<String>, String) {
        let (mut ids, mut page) = (Vec::new(), String::new());
        loop {
            let (status, body) = self.get(&format!("{query}{page}")).await;
            assert_eq!(status, 200, "{body}");
            ids.extend(
                body["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_owned()),
            );
            match (body["nextPageToken"].as_str(), body["nextSyncToken"].as_str()) {
                (Some(token), None) => page = format!("&pageToken={token}"),
                (None, Some(token)) => return (ids, token.to_owned()),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_list_gives_its_token_on_the_last_page_and_the_token_what_changed_since() {
    let client = Client::start(250).await;
    let (all, token) = client.list(LIST).await;
    assert!(all.len() >= 250);
    let id = all[7].clone();
    client.google.with(|calendar| calendar.cancel_barely(&id));
    let (changed, next) = client.list(&format!("{LIST}&syncToken={token}")).await;
    assert_eq!(changed, std::slice::from_ref(&id));
    assert_eq!(client.list(&format!("{LIST}&syncToken={next}")).await.0, Vec::<String>::new());
    let (_, body) = client.get(&format!("{LIST}&syncToken={token}")).await;
    let keys: Vec<&String> = body["items"][0].as_object().unwrap().keys().collect();
    let series = body["items"][0]["recurringEventId"].is_string();
    assert!(series || keys == ["etag", "id", "kind", "status"], "{body}");
    assert!(
        !client.list("singleEvents=true&maxResults=100").await.0.contains(&id),
        "deleted events are shown on demand"
    );
}

#[tokio::test]
async fn what_a_sync_token_excludes_is_refused_and_a_token_that_has_ended_is_gone() {
    let client = Client::start(3).await;
    let (_, token) = client.list(LIST).await;
    for excluded in [
        "timeMin=2026-01-01T00:00:00Z",
        "timeMax=x",
        "updatedMin=x",
        "orderBy=startTime",
        "q=x",
        "iCalUID=x",
    ] {
        assert_eq!(
            client.get(&format!("{LIST}&syncToken={token}&{excluded}")).await.0,
            400,
            "{excluded}"
        );
    }
    for other in ["singleEvents=true", "singleEvents=true&showDeleted=false", "showDeleted=true"] {
        assert_eq!(client.get(&format!("{other}&syncToken={token}")).await.0, 400, "{other}");
    }
    assert_eq!(client.get(&format!("{LIST}&pageToken=x")).await.0, 400);
    client.google.expire_sync_tokens();
    let (status, body) = client.get(&format!("{LIST}&syncToken={token}")).await;
    assert_eq!(
        (status, body["error"]["errors"][0]["reason"].as_str()),
        (410, Some("fullSyncRequired"))
    );
    client.google.revoke_access_tokens();
    assert_eq!(client.get(LIST).await.0, 401);
}

#[tokio::test]
async fn lists_that_are_behind_show_events_as_they_were_and_their_token_brings_the_rest() {
    let client = Client::start(40).await;
    let start: Timestamp = "2026-06-01T00:30:00Z".parse().unwrap();
    let at = move |seconds| start + SignedDuration::from_secs(seconds);
    client.google.follow(move || at(0));
    let ids = client.google.with(|calendar| calendar.present());
    let (vanished, renamed) = (ids[0].clone(), ids[1].clone());
    let summary = |body: &Value| body["summary"].clone();
    let (_, before) = client.event(&renamed).await;
    client.google.with(|calendar| {
        calendar.list_lag = SignedDuration::from_secs(120);
        calendar.vanish(&vanished);
        calendar.rename(&renamed);
        calendar.change(1);
    });
    client.google.follow(move || at(60));
    let (_, now) = client.event(&renamed).await;
    assert_ne!(summary(&now), summary(&before), "by its id it is as it is");
    let (listed, token) = client.list(LIST).await;
    assert_eq!(listed, ids, "the list is as it was");
    client.google.follow(move || at(121));
    let (changed, _) = client.list(&format!("{LIST}&syncToken={token}")).await;
    assert!(changed.contains(&renamed) && !changed.contains(&vanished), "{changed:?}");
    assert!(!client.list(LIST).await.0.contains(&vanished));
}

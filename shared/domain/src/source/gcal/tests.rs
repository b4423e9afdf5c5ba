use jiff::civil::date;

use super::*;
use crate::calendar_event::{CalendarEvent, When};
use crate::disposition::Reason;
use crate::facts::Facts;
use crate::ids::OutboxId;
use crate::record::{JSON, RowView};
use crate::source::{OwnAccount, Push};

const AT: &str = "2026-06-01T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn paging() -> Paging {
    Paging {
        page_size: 250,
        window: std::time::Duration::ZERO,
        side_by_side: 1,
        part: Some("team#1@group.calendar.google.com".into()),
        version: None,
    }
}

fn read(payload: &str) -> Result<CalendarEvent, Reason> {
    let row = RowView {
        id: OutboxId::new(at(AT)),
        source: "gcal",
        entity: ENTITY,
        external_id: "e1",
        version_at: at(AT),
        payload: payload.as_bytes(),
        media: JSON,
        own: OwnAccount::default(),
    };
    let env = [("GCAL_CALENDAR_ID", "team")].into_iter().collect();
    let facts = GoogleCalendar.normalizer(&env).unwrap().normalize(row)?;
    let event = facts.calendar_events[0].value.clone();
    assert_eq!(facts, Facts { calendar_events: row.facts([event.clone()]), ..Facts::default() });
    Ok(event)
}

fn position(token: &Place) -> Position {
    Position { from: None, to: at(AT), token: Some(token.write()) }
}

#[test]
fn trap_12_every_request_has_the_same_parameters_and_none_that_a_token_excludes() {
    let calendar = paging().part.unwrap();
    let full = Place::start(&calendar);
    let places = [
        full.clone(),
        Place { page: Some("p".into()), ..full.clone() },
        Place { sync: Some("s".into()), ..full.clone() },
        Place { sync: Some("s".into()), page: Some("p".into()), ..full },
    ];
    let mut tokens = Vec::new();
    for place in &places {
        let request =
            GoogleCalendar.request(ENTITY, Mode::Incremental, &position(place), &paging());
        assert_eq!(request.path, "/calendars/team%231@group.calendar.google.com/events");
        let (fixed, other): (Vec<_>, Vec<_>) =
            request.query.into_iter().partition(|(name, _)| !name.ends_with("Token"));
        let expected = [("maxResults", "250"), ("showDeleted", "true"), ("singleEvents", "true")];
        assert_eq!(fixed, expected.map(|(name, value)| (name, value.to_owned())));
        tokens.push(
            other
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("&"),
        );
    }
    assert_eq!(tokens, ["", "pageToken=p", "syncToken=s", "syncToken=s&pageToken=p"]);
}

#[test]
fn trap_12_the_last_page_gives_the_cursor_and_only_that_calendar_can_use_it() {
    let start = GoogleCalendar
        .begin(Mode::Full, Checkpoint::default(), at(AT), &paging())
        .position
        .unwrap();
    let read = |body: &'static str, position: &Position| {
        let reply = Reply { as_of: at(AT), body: body.as_bytes() };
        GoogleCalendar
            .page(ENTITY, Mode::Full, RunId::new(at(AT)), position, reply, &paging())
            .unwrap()
            .next
    };
    let Next::Continue(second) = read(r#"{"kind":"calendar#events","nextPageToken":"p2"}"#, &start)
    else {
        panic!("there is another page")
    };
    let Next::Drained { cursor } =
        read(r#"{"kind":"calendar#events","items":[],"nextSyncToken":"s1"}"#, &second)
    else {
        panic!("that was the last page")
    };
    let cursor = Checkpoint { watermark: None, token: cursor.as_deref() };
    let begun = GoogleCalendar.begin(Mode::Incremental, cursor, at(AT), &paging());
    let request =
        GoogleCalendar.request(ENTITY, Mode::Incremental, &begun.position.unwrap(), &paging());
    assert_eq!(request.query.last().unwrap(), &("syncToken", "s1".to_owned()));

    let elsewhere = Paging { part: Some("another".into()), ..paging() };
    for (cursor, paging, why) in [
        (cursor, &elsewhere, "the sync token is another calendar's"),
        (Checkpoint::default(), &paging(), "there is no sync token yet"),
    ] {
        let begun = GoogleCalendar.begin(Mode::Incremental, cursor, at(AT), paging);
        assert_eq!((begun.position, begun.backfill.as_deref()), (None, Some(why)));
    }
}

#[test]
fn trap_16_what_is_no_page_of_events_is_an_error_and_never_an_endless_loop() {
    let place = Place { page: Some("p".into()), ..Place::start(&paging().part.unwrap()) };
    for (body, expected) in [
        ("<html>", "it is not JSON"),
        (r#"{"kind":"calendar#events","items":["#, "it ends too early"),
        ("{}", "it is no list of events"),
        (
            r#"{"kind":"calendar#events","nextPageToken":"a","nextSyncToken":"b"}"#,
            "both a next page and a sync token",
        ),
        (r#"{"kind":"calendar#events","nextPageToken":"p"}"#, "the next page is this page"),
        (
            r#"{"error":{"code":500,"message":"Backend Error","errors":[{"reason":"backendError"}]}}"#,
            "backendError: Backend Error",
        ),
    ] {
        let reply = Reply { as_of: at(AT), body: body.as_bytes() };
        let run = RunId::new(at(AT));
        let error = GoogleCalendar
            .page(ENTITY, Mode::Full, run, &position(&place), reply, &paging())
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

#[test]
fn a_version_is_its_content_and_a_tombstone_without_a_stamp_is_read_by_its_id() {
    let body = r#"{"kind":"calendar#events","nextSyncToken":"s","items":[
        {"id":"a","updated":"2026-05-01T00:00:00.123Z"},{"id":"b","status":"cancelled"},
        {"id":"c","status":"cancelled","updated":"0000-12-29T00:00:00.000Z"},{"status":"confirmed"},17,
        {"id":"d","status":7,"updated":"2026-05-01T00:00:00.123Z"}]}"#;
    let run = RunId::new(at(AT));
    let start = position(&Place::start(&paging().part.unwrap()));
    let page = |mode, as_of| {
        let reply = Reply { as_of, body: body.as_bytes() };
        let page = GoogleCalendar.page(ENTITY, mode, run, &start, reply, &paging()).unwrap();
        assert_eq!(page.to_read, ["b", "c"], "a list that is behind may be wrong about them");
        page.items
    };
    let incremental = page(Mode::Incremental, at("2026-06-01T09:59:59Z"));
    assert!(incremental[0].version_key.starts_with("sha256:"));
    assert_eq!(incremental[0].version_at, at("2026-05-01T00:00:00.123Z"));
    let seen = format!("run:{run}");
    for item in &incremental[1..3] {
        assert_eq!(
            (item.version_key.as_str(), item.version_at),
            (seen.as_str(), at("2026-06-01T09:59:59Z"))
        );
    }
    let ids: Vec<_> = incremental
        .iter()
        .map(|item| item.external_id.get(..7).unwrap_or(&item.external_id))
        .collect();
    assert_eq!(ids, ["a", "sha256:", "sha256:", "d"], "an odd status costs no event its id");
    let full = page(Mode::Full, at(AT));
    assert!(full.iter().all(|item| item.version_key == seen));
}

#[test]
fn what_a_refusal_means_is_told_by_its_reason() {
    let body = |reason: &str, rest: &str| {
        format!(
            r#"{{"error":{{"errors":[{{"domain":"d","reason":"{reason}","message":"m"{rest}}}],"message":"m"}}}}"#
        )
    };
    let verdict =
        |mode, status, body: &str| GoogleCalendar.error_class(mode, status, body.as_bytes());
    let again = |reason: &str| Some(ErrorClass::CursorExpired(format!("{reason}: m")));
    for reason in ["fullSyncRequired", "updatedMinTooLongAgo"] {
        assert_eq!(verdict(Mode::Incremental, 410, &body(reason, "")), again(reason));
    }
    assert_eq!(
        verdict(Mode::Full, 400, &body("invalid", r#","location":"pageToken""#)),
        again("invalid")
    );
    assert_eq!(verdict(Mode::Full, 400, &body("timeRangeEmpty", r#","location":"timeMax""#)), None);
    assert_eq!(verdict(Mode::Refetch, 410, &body("deleted", "")), Some(ErrorClass::Gone));
    assert_eq!(verdict(Mode::Refetch, 404, &body("notFound", "")), Some(ErrorClass::Gone));
    assert_eq!(
        verdict(Mode::Full, 404, &body("notFound", "")),
        None,
        "the calendar itself: a person must see to it"
    );
    for reason in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] {
        assert!(
            matches!(verdict(Mode::Full, 403, &body(reason, "")), Some(ErrorClass::RateLimited(_))),
            "{reason}"
        );
        assert_eq!(verdict(Mode::Full, 429, &body(reason, "")), None, "429 says so itself");
    }
    let daily = Some(ErrorClass::QuotaExhausted("dailyLimitExceeded: m".to_owned()));
    assert_eq!(verdict(Mode::Full, 403, &body("dailyLimitExceeded", "")), daily);
    for (status, reason) in [
        (401, "authError"),
        (403, "forbidden"),
        (403, "accessNotConfigured"),
        (500, "backendError"),
    ] {
        assert_eq!(verdict(Mode::Incremental, status, &body(reason, "")), None, "{reason}");
    }
    assert_eq!(verdict(Mode::Full, 403, "<html>"), None);
}

#[test]
fn a_refusal_is_read_in_whatever_shape_it_comes() {
    let verdict =
        |mode, status, body: &str| GoogleCalendar.error_class(mode, status, body.as_bytes());
    for (body, words) in [
        ("", "Google answers 410 and does not say why"),
        ("<html>", "Google answers 410 and does not say why"),
        (r#"{"error":{"code":410}}"#, "Google answers 410 and does not say why"),
        (r#"{"error":{"code":410,"message":"Gone","errors":null}}"#, "Gone"),
        (r#"{"error":{"code":410,"message":"Gone","errors":["x",{"reason":7}]}}"#, "7: Gone"),
        (r#"{"error":"gone","error_description":"begin anew"}"#, "gone: begin anew"),
        (r#"{"error":{"message":"m","status":"FAILED_PRECONDITION"}}"#, "FAILED_PRECONDITION: m"),
    ] {
        let expired = Some(ErrorClass::CursorExpired(words.to_owned()));
        assert_eq!(verdict(Mode::Incremental, 410, body), expired, "{body}");
        assert_eq!(verdict(Mode::Refetch, 410, body), Some(ErrorClass::Gone), "{body}");
    }
    let bare = |message: &str| format!(r#"{{"error":{{"code":400,"message":"{message}"}}}}"#);
    for message in
        ["Invalid page token value.", "Sync token is no longer valid, a full sync is required."]
    {
        let expired = Some(ErrorClass::CursorExpired(message.to_owned()));
        assert_eq!(verdict(Mode::Full, 400, &bare(message)), expired);
    }
    assert_eq!(verdict(Mode::Full, 400, &bare("Invalid value for: maxResults")), None);
    for body in [
        r#"{"error":{"code":404,"message":"Not Found"}}"#,
        r#"{"error":{"code":404,"message":"Not Found","status":"NOT_FOUND"}}"#,
    ] {
        assert_eq!(verdict(Mode::Refetch, 404, body), Some(ErrorClass::Gone), "{body}");
    }
    for body in ["", "<html>", r#"{"error":{"code":404,"errors":[{"reason":"other"}]}}"#] {
        assert_eq!(verdict(Mode::Refetch, 404, body), None, "a proxy deletes nothing: {body}");
    }
    let limited = r#"{"error":{"code":403,"message":"Quota exceeded","status":"PERMISSION_DENIED",
        "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED"}]}}"#;
    assert!(matches!(verdict(Mode::Full, 403, limited), Some(ErrorClass::RateLimited(_))));
    assert_eq!(GoogleCalendar.error_message(b"{\"error\":{}}"), None);
}

#[test]
fn trap_12_a_last_page_without_a_sync_token_is_asked_for_again_and_ends_an_incomplete_list() {
    let start = position(&Place::start(&paging().part.unwrap()));
    for tokens in ["", r#","nextSyncToken":"""#, r#","nextPageToken":"","nextSyncToken":null"#] {
        let body = format!(r#"{{"kind":"calendar#events","items":[{{"id":"a"}}]{tokens}}}"#);
        let reply = Reply { as_of: at(AT), body: body.as_bytes() };
        let run = RunId::new(at(AT));
        let page = GoogleCalendar.page(ENTITY, Mode::Full, run, &start, reply, &paging()).unwrap();
        assert_eq!(page.items.len(), 1, "what came is kept");
        assert!(page.doubt.is_some() && matches!(page.next, Next::Incomplete { .. }), "{tokens}");
    }
    let empty = r#"{"kind":"calendar#events","items":[],"nextPageToken":"p2"}"#;
    let reply = Reply { as_of: at(AT), body: empty.as_bytes() };
    let run = RunId::new(at(AT));
    let page = GoogleCalendar.page(ENTITY, Mode::Full, run, &start, reply, &paging()).unwrap();
    assert!(page.doubt.is_some() && matches!(page.next, Next::Continue(_)));
}

#[test]
fn an_event_is_read_with_its_zone_its_days_or_neither() {
    let event = read(
        r#" {"id":"e1","summary":"Lunch\u0000","start":{"dateTime":"2026-03-29T12:00:00+02:00","timeZone":"Europe/Zurich"},
        "end":{"dateTime":"2026-03-29T12:00:00+02:00"},"recurringEventId":"e"} "#,
    )
    .unwrap();
    let noon = at("2026-03-29T10:00:00Z");
    assert_eq!(event.when, When::Timed { start: noon, end: noon });
    assert_eq!(
        (event.status.as_str(), event.summary.as_deref()),
        ("confirmed", Some("Lunch\u{2400}"))
    );
    assert_eq!(
        (event.recurring_event_id.as_deref(), event.calendar_id.as_str()),
        (Some("e"), "team")
    );
    assert_eq!(
        (event.deleted_at, event.version.raw.start),
        (None, 1),
        "white space around it is not the object"
    );

    let local = r#"{"id":"e1","start":{"dateTime":"2026-07-01T09:00:00","timeZone":"America/New_York"},
        "end":{"dateTime":"2026-07-01T09:30:00","timeZone":"America/New_York"}}"#;
    let expected =
        When::Timed { start: at("2026-07-01T13:00:00Z"), end: at("2026-07-01T13:30:00Z") };
    assert_eq!(read(local).unwrap().when, expected);

    let days = read(
        r#"{"id":"e1","status":"tentative","start":{"date":"2026-12-31"},"end":{"date":"2027-01-01"}}"#,
    );
    assert_eq!(
        days.unwrap().when,
        When::AllDay { start: date(2026, 12, 31), end: date(2027, 1, 1) }
    );
}

#[test]
fn trap_12_a_cancelled_event_needs_no_more_than_its_id() {
    for (payload, series) in [
        (r#"{"id":"e1","status":"cancelled"}"#, None),
        (
            r#"{"id":"e1_20260601T080000Z","status":"cancelled","recurringEventId":"e1",
            "originalStartTime":{"dateTime":"2026-06-01T10:00:00+02:00"}}"#,
            Some("e1"),
        ),
        (r#"{"id":"e1","status":"cancelled","start":{"dateTime":"soon"},"end":{}}"#, None),
    ] {
        let event = read(payload).unwrap();
        assert_eq!((event.deleted_at, event.when), (Some(at(AT)), When::Unknown));
        assert_eq!((event.summary, event.recurring_event_id.as_deref()), (None, series));
    }
    let restorable = r#"{"id":"e1","status":"cancelled","summary":"Kept","start":{"date":"2026-01-01"},"end":{"date":"2026-01-02"}}"#;
    assert_eq!(read(restorable).unwrap().summary.as_deref(), Some("Kept"));
}

#[test]
fn what_violates_the_model_is_dead_with_its_place() {
    for (payload, expected) in [
        ("17", "invalid type"),
        (r#"{"status":"confirmed"}"#, "missing field `id`"),
        (r#"{"id":"e1"}"#, "event e1: it has no start"),
        (r#"{"id":"e1","start":{}}"#, "event e1: start: it has neither date nor dateTime"),
        (
            r#"{"id":"e1","start":{"dateTime":"2026-07-01T09:00:00"}}"#,
            "neither offset nor timeZone",
        ),
        (
            r#"{"id":"e1","start":{"dateTime":"2026-07-01T09:00:00","timeZone":"Moon/Base"}}"#,
            "the timeZone is not known",
        ),
        (
            r#"{"id":"e1","start":{"date":"2026-02-02"},"end":{"date":"2026-02-01"}}"#,
            "it ends before it starts",
        ),
        (
            r#"{"id":"e1","start":{"date":"2026-02-02"},"end":{"dateTime":"2026-02-02T00:00:00Z"}}"#,
            "a day, the other a time",
        ),
    ] {
        let reason = read(payload).unwrap_err();
        assert!(reason.detail.contains(expected), "{payload}: {}", reason.detail);
    }
}

#[test]
fn a_channel_ends_when_google_says_whether_as_text_or_as_a_number() {
    let opened = |expiration: &str| {
        let body = format!(
            r#"{{"kind":"api#channel","id":"c","resourceId":"r","expiration":{expiration}}}"#
        );
        GoogleCalendar
            .opened(Reply { as_of: Timestamp::UNIX_EPOCH, body: body.as_bytes() })
            .map(|c| c.expires_at)
    };
    let expected: Timestamp = "2015-03-14T09:26:53Z".parse().unwrap();
    assert_eq!(opened("\"1426325213000\"").unwrap(), expected);
    assert_eq!(opened("1426325213000").unwrap(), expected);
    for none in ["null", "\"soon\"", "{}"] {
        assert!(matches!(opened(none), Err(PageError::Malformed { .. })), "{none}");
    }
}

//! `/leads` and `/leads/{id}`: filters, search, pages, CSV, a lead with its body and its history.

use penstock_domain::clock::Clock as _;
use penstock_edge::http::{Request, Service as _};
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use super::{
    READ_KEY, Reply, Scope, StoppedClock, add_key, config, database, errors, event, get, ok, ports,
};
use crate::ingest::post;
use crate::stripe_account::account;

type Ports = metrics::Ports<StoppedClock>;

/// Twelve leads, a minute apart, the newest last, in every state.
const LEADS: &str = r"
    insert into leads (id, state, status, assigned_to, name, email, phone, country, description, sender, content_type, body,
                       received_at, outbox_id)
    select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
           case n when 11 then 'conflicting' when 12 then 'rejected' else 'accepted' end,
           case when n % 3 > 0 then (array['new', 'won'])[n % 3] end,
           case when n % 4 = 0 then 'bo' end,
           'Person ' || n, 'p' || n || '@X.example', case when n % 2 = 0 then '+49 (30) 9018-' || 20 + n end,
           case when n % 5 = 0 then 'DE' end, case n when 7 then 'Call O''Neil-Smith, after six' end,
           case when n < 6 then 'form' else 'shop' end, 'application/json', '{}',
           timestamptz '2026-03-15T11:00:00Z' + n * interval '1 minute', gen_random_uuid()
    from generate_series(1, 12) n";

async fn filled() -> (penstock_testkit::TestDatabase, Ports) {
    let database = database().await;
    database.client().await.batch_execute(LEADS).await.unwrap();
    let ports = ports(database.database_of("metrics", 1), config());
    (database, ports)
}

/// The numbers of the leads on a page.
fn numbers(page: &Value) -> Vec<u64> {
    let leads = page["leads"].as_array().unwrap();
    assert_eq!(page["count"], leads.len());
    let number = |lead: &Value| lead["name"].as_str().unwrap()[7..].parse().unwrap();
    leads.iter().map(number).collect()
}

#[tokio::test]
async fn each_filter_shows_its_leads_newest_first() {
    let (_database, ports) = filled().await;
    for (query, found) in [
        ("", &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1][..]),
        ("state=any&limit=3", &[12, 11, 10]),
        ("state=conflicting", &[11]),
        ("state=rejected", &[12]),
        ("status=won", &[8, 5, 2]),
        ("status=", &[9, 6, 3]),
        ("assignedTo=bo", &[8, 4]),
        ("assignedTo=&status=won", &[5, 2]),
        ("sender=form", &[5, 4, 3, 2, 1]),
        ("email=P7%40x.EXAMPLE", &[7]),
        ("phone=%2B4930901824", &[4]),
        ("country=de", &[10, 5]),
        ("from=2026-03-15T11:08:00Z", &[10, 9, 8]),
        ("to=2026-03-15T11:03:00Z", &[2, 1]),
        ("from=2026-03-15&to=2026-03-16&status=new", &[10, 7, 4, 1]),
        ("from=2026-03-16", &[]),
        ("q=neil", &[7]),
        ("q=o%27neil+call", &[7]),
        ("q=p7", &[7]),
        ("q=49+30+901824", &[4]),
        ("q=4930901824", &[4]),
        ("q=PERSON+1&limit=2", &[10, 1]),
        ("q=x.example&sender=form&limit=1", &[5]),
        ("q=neil+nobody", &[]),
        ("status=nothing", &[]),
    ] {
        let page = ok(&ports, &format!("/leads?{query}")).await;
        assert_eq!(numbers(&page.body), found, "{query}");
    }
}

#[tokio::test]
async fn pages_show_each_lead_once_whatever_comes_meanwhile() {
    let (database, ports) = filled().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ok(&ports, &format!("/leads?limit=3{cursor}")).await;
        seen.extend(numbers(&page.body));
        let Some(next) = page.body["nextCursor"].as_str() else {
            assert!(!page.headers.contains_key("x-next-cursor"));
            break;
        };
        assert_eq!(page.header("x-next-cursor"), next);
        cursor = format!("&cursor={next}");
        let newer = "insert into leads (id, state, name, content_type, body, received_at, outbox_id) \
                     select gen_random_uuid(), 'accepted', 'Person 99', '', '', '2026-03-15T11:30:00Z', gen_random_uuid()";
        database.client().await.batch_execute(newer).await.unwrap();
    }
    assert_eq!(seen, (1..=10).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn what_is_no_question_is_refused_by_name_and_a_key_that_may_not_read_reads_nothing() {
    let (database, ports) = filled().await;
    let bad =
        "/leads?limit=0&cursor=x&state=new&phone=call&q=%2B&from=yesterday&email=&source=stripe";
    let named: Vec<String> =
        errors(&get(&ports, bad).await).into_iter().map(|(at, _)| at).collect();
    for name in ["limit", "cursor", "state", "phone", "q", "from", "email", "source"] {
        assert!(named.contains(&format!("#/query/{name}")), "{name}: {named:?}");
    }
    assert_eq!(get(&ports, "/leads?from=2026-03-16&to=2026-03-15").await.status, 400);
    add_key(&database.client().await, "ingest-key", Scope::Ingest).await;
    let lead = "/leads/00000000-0000-7000-8000-000000000001";
    for path in ["/leads", lead] {
        let reply = super::send(&ports, &event("GET", path, &[("x-api-key", "ingest-key")])).await;
        assert_eq!(reply.status, 401, "{path}");
    }
    for unknown in ["/leads/00000000-0000-7000-8000-00000000000f", "/leads/x"] {
        assert_eq!(get(&ports, unknown).await.status, 404, "{unknown}");
    }
    let put = super::send(&ports, &event("PUT", lead, &[("x-api-key", READ_KEY)])).await;
    assert_eq!((put.status, put.header("allow")), (405, "GET, PATCH, POST, HEAD"));
}

/// Asks for CSV, and returns the text with the cursor of the next page.
async fn csv(ports: &Ports, target: &str) -> (String, Option<String>) {
    let headers = [("x-api-key", READ_KEY), ("accept", "text/csv")];
    let request: Request = serde_json::from_value(event("GET", target, &headers)).unwrap();
    let reply = ports.handle(&request, "invocation").await;
    assert_eq!(reply.status_code, 200, "{}", reply.text());
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let cursor = reply.headers.get("x-next-cursor").map(|next| next.to_str().unwrap().to_owned());
    (reply.text().to_owned(), cursor)
}

#[tokio::test]
async fn a_table_has_a_line_a_lead_no_formula_and_goes_on_at_the_cursor_of_its_header() {
    let (database, ports) = filled().await;
    let hostile = "update leads set name = '=1+1', description = E'a \"b\",\\nc', phone = '+49 30 1' where name = 'Person 10'";
    database.client().await.batch_execute(hostile).await.unwrap();
    let (first, cursor) = csv(&ports, "/leads?limit=6").await;
    let lines: Vec<&str> = first.split("\r\n").collect();
    assert!(
        lines[0].starts_with("id,receivedAt,state,conflictsWith,status,assignedTo,firstName,"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains(",\"'=1+1\",p10@X.example,+49 30 1,"), "{}", lines[1]);
    assert!(lines[1].contains(",\"a \"\"b\"\",\nc\","), "{}", lines[1]);
    let (second, none) = csv(&ports, &format!("/leads?limit=6&cursor={}", cursor.unwrap())).await;
    assert_eq!(none, None);
    assert_eq!(
        (lines.len(), second.split("\r\n").count()),
        (8, 6),
        "names, leads, and the end of the last line"
    );
}

#[tokio::test]
async fn a_page_of_very_long_leads_ends_before_lambdas_limit_and_the_next_ones_have_the_rest() {
    let (database, ports) = filled().await;
    let long = "insert into leads (id, state, name, description, content_type, body, received_at, outbox_id) \
                select gen_random_uuid(), 'accepted', repeat('\"', 1000), repeat('\"', 10000), '', '', \
                       timestamptz '2026-03-15T12:00:00Z' + n * interval '1 s', gen_random_uuid() \
                from generate_series(1, 300) n";
    database.client().await.batch_execute(long).await.unwrap();
    for (accept, most) in [("application/json", 6 << 20), ("text/csv", 6 << 20)] {
        let (mut pages, mut leads, mut cursor) = (0, 0, String::new());
        loop {
            let headers = [("x-api-key", READ_KEY), ("accept", accept)];
            let target = format!("/leads?limit=1000{cursor}");
            let request: Request = serde_json::from_value(event("GET", &target, &headers)).unwrap();
            let reply = ports.handle(&request, "invocation").await;
            let sent = serde_json::to_string(&reply).unwrap();
            assert!(sent.len() < most, "{} bytes of {accept}", sent.len());
            leads += reply.text().matches("2026-03-15T12:0").count();
            pages += 1;
            let Some(next) = reply.headers.get("x-next-cursor") else { break };
            cursor = format!("&cursor={}", next.to_str().unwrap());
        }
        assert_eq!(leads, 300, "{accept}");
        assert!(pages >= 3, "{pages} pages of {accept}");
    }
}

/// The system with leads of some shapes, and `metrics` over it.
async fn taken(seed: u64, bodies: &[(&str, &[u8])]) -> (TestApp, Ports, Vec<String>) {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    let mut ids = Vec::new();
    for (content_type, body) in bodies {
        let taken =
            post(&app.ingest, "/leads?utm=1", &[("Content-Type", content_type)], body).await;
        ids.push(taken.lead_id().to_owned());
    }
    app.drain().await;
    add_key(&app.db.client().await, READ_KEY, Scope::Read).await;
    let ports = ports(app.db.database_of("metrics", 1), config());
    (app, ports, ids)
}

#[tokio::test]
async fn a_lead_is_shown_with_its_columns_its_body_and_its_history() {
    let form = b"first_name=Ada&last_name=L&email=ada%40x.example&country=DE&gclid=k";
    let bodies = [
        ("application/json", &br#"{"firstName":"Ada","email":"ada@x.example","n":1.50}"#[..]),
        ("application/x-www-form-urlencoded", form),
        ("application/octet-stream", b"\xff\x00"),
    ];
    let (app, ports, ids) = taken(645, &bodies).await;
    let one = |id: &str| format!("/leads/{id}");
    let json = ok(&ports, &one(&ids[0])).await;
    assert_eq!(
        (json.body["bodyForm"].as_str(), &json.body["query"]),
        (Some("json"), &json!("utm=1"))
    );
    assert_eq!(json.body["body"]["n"], json!(1.5));
    assert_eq!((&json.body["firstName"], &json.body["lastName"]), (&json!("Ada"), &Value::Null));
    let received_at = app.clock.now() - std::time::Duration::from_secs(1);
    assert_eq!(
        json.body["receivedAt"],
        received_at.to_string(),
        "a second is what processing took"
    );
    let text = ok(&ports, &one(&ids[1])).await;
    let body = std::str::from_utf8(form).unwrap();
    assert_eq!((&text.body["bodyForm"], &text.body["body"]), (&json!("text"), &json!(body)));
    let columns =
        ["name", "country", "clickId", "email"].map(|name| text.body[name].as_str().unwrap());
    assert_eq!(columns, ["Ada L", "DE", "k", "ada@x.example"]);
    let bytes = ok(&ports, &one(&ids[2])).await;
    assert_eq!((&bytes.body["bodyForm"], &bytes.body["body"]), (&json!("base64"), &json!("/wA=")));
    assert_eq!((bytes.header("etag"), &bytes.body["history"]), ("\"0\"", &json!([])));
    history_is_shown(&app, &ports, &ids[2]).await;
}

async fn history_is_shown(app: &TestApp, ports: &Ports, id: &str) {
    let change = "with l as (update leads set status = 'won', revision = 1 where id = '{id}' returning id) \
                  insert into lead_changes select id, 1, 'status', null, 'won', 'crm', '2026-03-15T12:00:00Z' from l";
    app.db.client().await.batch_execute(&change.replace("{id}", id)).await.unwrap();
    let shown: Reply = ok(ports, &format!("/leads/{id}")).await;
    let expected = json!([{"field": "status", "from": null, "to": "won", "by": "crm", "at": "2026-03-15T12:00:00Z"}]);
    assert_eq!((shown.header("etag"), &shown.body["history"]), ("\"1\"", &expected));
}

//! The words of senders and vendors are text, on every page and in every CSV (trap 59).

use penstock_domain::account::Role;
use penstock_domain::ids::OutboxId;
use penstock_tests::test_app::TestApp;
use serde_json::json;
use uuid::Uuid;

use super::acting::{Person, World};
use super::html::{names, numbers, text};
use crate::ingest::post;
use crate::jobs::work;
use crate::process::batches::put;
use crate::stripe_account::account;

/// Texts that have harmed other consoles. Postgres takes no NUL in a text: it stands in bodies
/// only.
const NAUGHTY: [&str; 9] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\" autofocus onfocus=\"alert(1)",
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}<!-- ]]>",
    "=cmd|' /C calc'!A0",
    "pay\u{202e}gpj.exe \u{2066}\u{200b}\u{feff}",
    "&lt;b&gt; &amp;\u{1}\u{7f}\u{85}\r\n\t",
];

/// A world in which every field that others write has a naughty text in it.
struct Hostile {
    world: World,
    viewer: Person,
    operator: Person,
    lead: Uuid,
    transaction: Uuid,
    row: OutboxId,
}

impl Hostile {
    async fn with(seed: u64, naughty: &str) -> Self {
        let app = TestApp::over(account(seed, 5)).await;
        app.fetch_all().await.unwrap();
        app.work_tickets().await;
        app.let_in().await;
        let body = json!({
            "email": "ada@x.example", "name": naughty, "company": naughty, "country": naughty, naughty: [naughty, {"a": naughty}],
        });
        let lead = post(&app.ingest, "/leads", &[], body.to_string().as_bytes()).await;
        let event = json!({
            "userId": "user-1", "sessionId": naughty, "type": naughty, "eventId": naughty, "payload": {naughty: naughty},
        });
        post(&app.ingest, "/events", &[], event.to_string().as_bytes()).await;
        app.work_tickets().await;
        let payload = json!({ naughty: naughty }).to_string();
        let row = put(&app, &[("ch_bad".to_owned(), payload)]).await[0];
        work(&app, &[row]).await;
        let transaction = Uuid::now_v7();
        let client = app.db.client().await;
        let sql = "insert into transactions (id, sender, body, body_sha256, status, failure, deadline, reason, received_at, updated_at) \
                   values ($1, $2, convert_to($2, 'UTF8'), '\\x00', 'failed', 'refused', now(), $2, now(), now())";
        client.execute(sql, &[&transaction, &naughty]).await.unwrap();
        for sql in [
            "insert into transaction_changes select id, 1, $1, $1, $1, now() from transactions",
            "insert into transaction_attempts select id, 1, now(), now(), $1 from transactions",
            "insert into transaction_conflicts select id, $1, $1, $1, 1, now(), now() from transactions",
            "insert into notifications (id, transaction_id, revision, body, attempts, dead_at, last_error, created_at, expires_at) \
             select id, id, 1, $1, 1, now(), $1, now(), now() from transactions",
            "update sync_runs set last_error = $1, unmapped = array[$1]",
            "update dead_letters set error = $1, reason = $1, external_id = $1, entity = $1, error_field = $1",
            "update failed_attempts set error = $1, error_field = $1",
            "update outbox set last_error = $1, version_key = $1, content_type = $1 where status = 'dead'",
            "update leads set status = $1, assigned_to = $1, phone = $1, description = $1, ip = $1, domain = $1, sender = $1",
            "insert into lead_changes select id, 1, 'status', $1, $1, $1, now() from leads",
            "insert into contacts (source, external_id, email, phone, first_name, last_name, merged_into, version_at, native, \
                                   version_rank, content_hash, raw, outbox_id, updated_at) \
             select 'hubspot', $1, $1, $1, $1, $1, $1, now(), true, 0, 0, '', id, now() from transactions",
            "insert into calendar_events (source, calendar_id, external_id, status, summary, starts_at, all_day, version_at, \
                                          native, version_rank, content_hash, raw, outbox_id, updated_at) \
             select 'gcal', $1, $1, $1, $1, '2026-06-02T10:00Z', false, now(), true, 0, 0, '', id, now() from transactions",
        ] {
            client.execute(sql, &[&naughty]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        }
        let world = World::over(app);
        Self {
            viewer: world.person("vera", Role::Viewer).await,
            operator: world.person("otto", Role::Operator).await,
            world,
            lead: lead.lead_id().parse().unwrap(),
            transaction,
            row,
        }
    }

    /// The pages, each with whether a naughty text must be seen on it.
    fn pages(&self) -> Vec<String> {
        let Self { lead, transaction, row, .. } = self;
        let lists = [
            "runs",
            "dead-letters",
            "transactions",
            "leads?state=any",
            "people?user=user-1",
            "contacts",
        ];
        let lists = lists.map(|list| format!("/console/{list}"));
        let ones = [
            "/console/calendar?from=2026-06-01".to_owned(),
            format!("/console/dead-letters/{}", row.0),
            format!("/console/transactions/{transaction}"),
            format!("/console/leads/{lead}"),
        ];
        lists.into_iter().chain(ones).collect()
    }
}

/// The elements and attributes that a page of ours has. A browser makes no others of it.
const OURS: &str = "!DOCTYPE html head meta title link script body a header nav ul li div span form input button main h1 \
                    h2 p section table caption thead tbody tr th td footer label select option dl dt dd time small strong code ol \
                    details summary data i br pre abbr lang charset name content rel href type src class aria-label method action \
                    value id data-refresh data-api data-number data-ask-zone size autocomplete scope datetime tabindex role colspan \
                    aria-current placeholder required defer open selected";

#[tokio::test]
async fn trap_59_a_text_that_others_wrote_is_text_on_every_page() {
    for (at, naughty) in NAUGHTY.iter().enumerate() {
        let hostile = Hostile::with(17_030 + u64::try_from(at).unwrap(), naughty).await;
        for path in hostile.pages() {
            for person in [&hostile.viewer, &hostile.operator] {
                let html = hostile.world.page(person, &path).await;
                let is_ours = |name: &String| OURS.split_whitespace().any(|own| own == name);
                let strange = names(&html).find(|name| !is_ours(name));
                assert_eq!(
                    strange, None,
                    "{path}: {naughty:?} has made an element or an attribute"
                );
                // Every element is closed where it was opened.
                numbers(&html);
                let words = naughty.split(|c: char| !c.is_ascii_alphanumeric());
                let word = words.max_by_key(|word| word.len()).unwrap();
                assert!(text(&html).contains(word), "{path}: {naughty:?} is not seen");
                for hidden in [
                    '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{1}', '\u{7f}', '\u{85}',
                    '\r',
                ] {
                    assert!(!html.contains(hidden), "{path}: {hidden:?} is there as it came");
                }
            }
        }
    }
}

#[tokio::test]
async fn trap_59_no_cell_of_a_csv_is_a_formula() {
    for (at, naughty) in
        ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1"].iter().enumerate()
    {
        let hostile = Hostile::with(17_050 + u64::try_from(at).unwrap(), naughty).await;
        let csv = hostile.world.page(&hostile.viewer, "/console/leads.csv?state=any").await;
        let quoted = format!("\"'{naughty}\"");
        assert!(csv.matches(&quoted).count() >= 5, "{csv}");
        let begins = |cell: &str| cell.starts_with(['=', '@', '+', '-', '\t']);
        let bare = csv.lines().flat_map(|line| line.split(',')).find(|cell| begins(cell));
        assert_eq!(bare, None, "{csv}");
    }
}

#[tokio::test]
async fn a_megabyte_a_nul_and_bytes_that_are_no_text_are_shown_as_far_as_they_fit_and_say_so() {
    let app = TestApp::over(account(17_060, 1)).await;
    app.let_in().await;
    let long = json!({"email": "ada@x.example", "note": "x<".repeat(500_000)}).to_string();
    let nul = b"email=a\x00b&name=\xff\xfe";
    let mut leads = Vec::new();
    for body in [long.as_bytes(), nul] {
        let media = [("content-type", "application/octet-stream")];
        leads.push(post(&app.ingest, "/leads", &media, body).await.lead_id().to_owned());
    }
    app.work_tickets().await;
    let world = World::over(app);
    let operator = world.person("otto", Role::Operator).await;
    for (lead, bytes) in leads.iter().zip([long.len(), nul.len()]) {
        let html = world.page(&operator, &format!("/console/leads/{lead}")).await;
        assert!(html.len() < 60_000, "{}", html.len());
        assert!(html.contains(&format!("<data value=\"{bytes}\">")), "{}", text(&html));
        let revealed = world.post(&operator, &format!("/console/leads/{lead}/reveal"), &[]).await;
        assert_eq!(revealed.status_code, 200);
        // Lambda's reply takes 6 MiB, as a string of JSON.
        let reply = serde_json::to_string(&revealed).unwrap();
        assert!(reply.len() < 6 * 1024 * 1024, "{}", reply.len());
        numbers(revealed.text());
        let shown = text(revealed.text());
        match bytes > 1_000 {
            true => assert!(shown.contains("x<x<x<x<"), "the beginning is there"),
            false => assert!(shown.contains("email=a\\u{0000}b&name=\\xFF\\xFE"), "{shown}"),
        }
    }
}

//! Each filter of `/leads` reads a range of its own index, and looks at as little of many leads as
//! of few.

use penstock_testkit::TestDatabase;
use tokio_postgres::Client;

use super::plans::{Plan, explain};
use super::{at, database};

/// Leads of which one in a hundred has what is asked for, a second apart.
const FILL: &str = "
    insert into leads (id, state, status, assigned_to, name, email, phone, country, description, sender, content_type, body,
                       received_at, outbox_id)
    select gen_random_uuid(), case when n % 100 = 7 then 'rejected' else 'accepted' end,
           case when n % 100 = 1 then 'won' when n % 2 = 0 then 'new' end,
           case when n % 100 = 2 then 'bo' when n % 2 = 0 then 'al' end,
           'Person ' || n, 'p' || n || '@x.example', '+49 30 ' || 1000000 + n,
           case when n % 100 = 3 then 'NL' else 'DE' end, 'word' || n % 100 || ' of all',
           case when n % 100 = 5 then 'form' else 'shop' end, 'application/json', repeat('x', 200)::bytea,
           timestamptz '2026-03-15T12:00:00Z' - n * interval '1 s', gen_random_uuid()
    from generate_series(1, {leads}) n";

async fn filled(leads: u32) -> (TestDatabase, Client) {
    let database = database().await;
    let on = database.client().await;
    on.batch_execute(&FILL.replace("{leads}", &leads.to_string())).await.unwrap();
    on.batch_execute("vacuum (analyze) leads").await.unwrap();
    (database, on)
}

/// The filters in the order of the statement's parameters.
const FILTERS: [&str; 8] =
    ["state", "status", "assigned_to", "sender", "email", "phone", "country", "words"];

/// Explains a page of fifty with these filters.
async fn page(on: &Client, given: &[(&str, &str)]) -> Plan {
    let (from, before) = (at("1970-01-01T00:00:00Z"), at("9998-01-01T00:00:00Z"));
    let (id, limit, bytes) = (uuid::Uuid::nil(), 51_i64, 4_000_000_i64);
    let values = FILTERS.map(|name| given.iter().find(|(it, _)| *it == name).map(|it| it.1));
    let [state, status, assigned_to, sender, email, phone, country, words] = &values;
    explain(
        on,
        "leads.page",
        &[
            &from,
            &before,
            &id,
            state,
            status,
            assigned_to,
            sender,
            email,
            phone,
            country,
            words,
            &limit,
            &bytes,
        ],
    )
    .await
}

/// Each filter with the index that must find its leads.
const PAGES: [(&[(&str, &str)], &str); 9] = [
    (&[("state", "accepted")], "leads_newest"),
    (&[("state", "rejected")], "leads_aside"),
    (&[("state", "accepted"), ("status", "won")], "leads_by_status"),
    (&[("state", "accepted"), ("assigned_to", "bo")], "leads_by_assignee"),
    (&[("state", "accepted"), ("sender", "form")], "leads_by_sender"),
    (&[("state", "accepted"), ("email", "P9@x.example")], "leads_email"),
    (&[("state", "accepted"), ("phone", "49301000009")], "leads_by_phone"),
    (&[("state", "accepted"), ("country", "nl")], "leads_by_country"),
    (&[("state", "accepted"), ("words", "person:* & 4711:*")], "leads_by_words"),
];

#[tokio::test]
async fn each_filter_of_leads_uses_its_index_and_reads_as_little_of_many_as_of_few() {
    each_filter_reads_a_range(5_000, 25_000).await;
}

#[tokio::test]
#[ignore = "fills a million leads: PENSTOCK_FULL=1 make test"]
async fn each_filter_of_a_million_leads_reads_as_little_as_of_a_hundred_thousand() {
    each_filter_reads_a_range(100_000, 1_000_000).await;
}

async fn each_filter_reads_a_range(few: u32, many: u32) {
    let (_small, on_few) = filled(few).await;
    let (_large, on_many) = filled(many).await;
    for (filter, index) in PAGES {
        let (short, long) = (page(&on_few, filter).await, page(&on_many, filter).await);
        assert!(long.text.contains(index), "{filter:?} by {index}: {}", long.text);
        assert!(!long.text.contains("Seq Scan"), "{filter:?}: {}", long.text);
        // A level more of the index, and of a word's leads those that begin so.
        let most = 2 * short.buffers + 40;
        assert!(
            long.buffers <= most,
            "{filter:?}: {} pages of {most}: {}",
            long.buffers,
            long.text
        );
    }
}

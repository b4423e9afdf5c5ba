//! Stripe, HubSpot and Google Calendar from empty to exact, and the operator's reconciliation.

use std::collections::{BTreeMap, BTreeSet};

use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_tests::stack::Gateway;
use penstock_tests::vendors::{Compared, Sizes, Vendors, YEAR_DAYS};
use serde_json::Value;

use crate::deployed_app::DeployedApp;

const SIZES: Sizes = Sizes { charges: 300, contacts: 150, deals: 90, events: 60 };

/// A source's collected amounts by currency, and those net of refunds and disputes.
type Books = BTreeMap<String, (i128, i128)>;

struct ThreeSources {
    vendors: Vendors,
    app: DeployedApp,
    gateway: Gateway,
    key: String,
    sources: Vec<&'static str>,
}

impl ThreeSources {
    async fn new(name: &str, seed: u64) -> Self {
        Self::with_sources(name, seed, &Vendors::SOURCES).await
    }

    /// Deploys with the keys of some sources only.
    async fn with_sources(name: &str, seed: u64, sources: &[&'static str]) -> Self {
        let vendors = Vendors::start(seed, SIZES).unwrap();
        let mut secrets = vendors.secrets();
        for (source, key) in [
            ("stripe", &mut secrets.stripe_key),
            ("hubspot", &mut secrets.hubspot_token),
            ("gcal", &mut secrets.gcal_account),
        ] {
            *key = key.take().filter(|_| sources.contains(&source));
        }
        let app = DeployedApp::before_vendors(name, &vendors, secrets).await;
        app.stack.migrate().await.unwrap();
        let key = app.stack.key("read", "test").await.unwrap();
        let gateway = app.stack.gateway().unwrap();
        Self { vendors, app, gateway, key, sources: sources.to_vec() }
    }

    /// Requests every entity that `mode` has in each source, and works everything off.
    async fn fetch(&self, mode: Mode) {
        let sources = self.sources.iter().map(|name| source::find(name).unwrap());
        let requests = sources.flat_map(|source| {
            source
                .entities(mode)
                .iter()
                .map(|entity| FetchRequest::new(source.name(), entity, mode))
        });
        let bodies = requests.map(|request| serde_json::to_string(&request).unwrap()).collect();
        self.app.stack.fetch_requests().send(bodies).await.unwrap();
        self.app.drain().await;
    }

    async fn told(&self, source: &str) -> Books {
        let path = format!(
            "/metrics/revenue/summary?startDate={}&endDate={}&source={source}",
            day(-2 * YEAR_DAYS),
            day(1)
        );
        let summary = self.gateway.get(&path, &self.key).await.unwrap();
        let amount = |sums: &Value, field: &str| sums[field].as_str().unwrap().parse().unwrap();
        let read =
            |sums: &Value| (amount(sums, "totalRevenueCents"), amount(sums, "netRevenueCents"));
        let currencies = summary["byCurrency"].as_object().unwrap().iter();
        currencies.map(|(code, sums)| (code.clone(), read(sums))).collect()
    }

    async fn assert_true(&self) {
        for source in ["stripe", "hubspot"] {
            let books = self.vendors.books(source).into_iter();
            let books = books.map(|(code, [gross, _, _, net])| (code, (gross, net)));
            assert_eq!(self.told(source).await, books.collect::<Books>());
        }
        for compared in self.compared().await {
            assert!(compared.there > 0 && compared.different.is_empty(), "{compared:?}");
        }
        let outbox = self.app.outbox().await;
        assert_eq!((outbox.waiting, outbox.dead), (0, 0));
    }

    /// Compares contacts, deals and events of the three. Nothing else is connected here.
    async fn compared(&self) -> [Compared; 3] {
        let mut compared = self.vendors.compare(&self.app.sql).await.unwrap();
        compared.retain(|one| Vendors::SOURCES.contains(&one.connection));
        compared.try_into().unwrap()
    }

    /// Asserts that the app is ready and every source is fresh. A source that is not configured
    /// does not count.
    async fn assert_ready(&self) {
        let ready = self.gateway.reply("/readyz", None).await.unwrap();
        let told = ready.json().unwrap();
        assert_eq!((ready.status, &told["status"]), (200, &"ok".into()), "{told}");
        let checks: BTreeSet<&str> =
            told["checks"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(checks, self.sources.iter().copied().chain(["db", "sqs"]).collect());
    }

    /// Returns the place of each row, and the transaction that wrote it.
    async fn versions(&self) -> Vec<String> {
        let sql = "select format('%s %s %s %s %s', source, kind, external_id, xmin, ctid) from payments \
                   union all select format('contact %s %s %s', external_id, xmin, ctid) from contacts \
                   union all select format('calendar event %s %s %s', external_id, xmin, ctid) from calendar_events \
                   order by 1";
        self.app.sql.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// Returns the UTC date this number of days from now.
fn day(days: i64) -> jiff::civil::Date {
    use penstock_domain::clock::Clock as _;
    let now = penstock_clients::clock::SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC);
    now.date().saturating_add(jiff::Span::new().days(days))
}

#[tokio::test]
async fn an_incremental_run_of_every_source_gets_through_while_tens_of_thousands_of_refetches_wait()
{
    let test = ThreeSources::new("sys-flood", 37).await;
    test.fetch(Mode::Incremental).await;
    // No such charges: each costs one request, as one that is there.
    let flood = "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at) \
                 select 'stripe', 'charge', 'ch_flood_' || n, now(), now() from generate_series(1, 40000) n";
    test.app.sql.batch_execute(flood).await.unwrap();
    let message = serde_json::to_string(&FetchRequest::refetches("stripe", "charge")).unwrap();
    test.app.stack.quick_requests().send(vec![message; 50]).await.unwrap();
    test.app.until("the first refetches", "select count(*) < 40000 from refetch_requests").await;

    let began: String = test.app.sql.query_one("select now()::text", &[]).await.unwrap().get(0);
    let sources = Vendors::SOURCES.iter().map(|name| source::find(name).unwrap());
    let requests = sources.flat_map(|source| {
        let entities = source.entities(Mode::Incremental).iter();
        entities.map(|entity| FetchRequest::new(source.name(), entity, Mode::Incremental))
    });
    let bodies = requests.map(|request| serde_json::to_string(&request).unwrap()).collect();
    test.app.stack.quick_requests().send(bodies).await.unwrap();
    let probe = format!(
        "select count(distinct (source, entity)) = 4 from sync_runs \
         where mode = 'incremental' and status = 'succeeded' and started_at > '{began}'"
    );
    test.app.until("an incremental run of every source", &probe).await;
    let left: i64 =
        test.app.sql.query_one("select count(*) from refetch_requests", &[]).await.unwrap().get(0);
    assert!(left > 1_000, "{left} refetches are left: they have come first");
    test.app.sql.batch_execute("delete from refetch_requests").await.unwrap();
}

#[tokio::test]
async fn three_sources_go_from_empty_to_exact_and_a_second_full_run_writes_no_row() {
    let test = ThreeSources::new("sys-sources", 31).await;
    // The requests of the rules. There are no cursors yet, so fetch requests the full runs by
    // itself.
    test.fetch(Mode::Incremental).await;
    test.assert_true().await;

    let before = test.versions().await;
    test.fetch(Mode::Full).await;
    assert_eq!(test.versions().await, before, "a full run wrote what had not changed");

    let vendors = &test.vendors;
    let ([stripe, _], [google, _]) = (&vendors.stripe, &vendors.calendars);
    stripe.simulator.change(40);
    stripe.simulator.settle();
    google.simulator.with(|calendar| calendar.change(40));
    let changes = vendors.hubspot.portal().change(40);
    assert!(test.compared().await.iter().all(|kind| !kind.different.is_empty()));
    vendors.push_hubspot(&changes, &test.gateway).await.unwrap();
    test.fetch(Mode::Incremental).await;
    test.assert_true().await;
    test.assert_ready().await;
}

#[tokio::test]
async fn one_source_alone_is_pulled_and_those_without_a_key_are_not_missed() {
    let test = ThreeSources::with_sources("sys-hubspot-alone", 34, &["hubspot"]).await;
    test.fetch(Mode::Incremental).await;
    test.assert_ready().await;
    assert_eq!(test.told("hubspot").await.len(), test.vendors.books("hubspot").len());
    let [contacts, deals, events] = test.compared().await;
    for pulled in [contacts, deals] {
        assert!(pulled.there > 0 && pulled.different.is_empty(), "{pulled:?}");
    }
    assert_eq!((events.there, events.different.len()), (0, SIZES.events));
    let ([stripe, _], [google, _]) = (&test.vendors.stripe, &test.vendors.calendars);
    assert!(stripe.simulator.requests().is_empty() && google.simulator.exchanges() == (0, 0));
}

#[tokio::test]
async fn make_reconcile_finds_a_planted_difference_tells_it_and_mends_it() {
    let test = ThreeSources::new("sys-reconcile", 32).await;
    test.fetch(Mode::Incremental).await;
    let (code, clean) = test.app.stack.reconcile("stripe").await.unwrap();
    assert_eq!(code, 0, "{clean}");
    for kind in ["charge", "refund", "dispute"] {
        assert!(
            clean.contains(&format!("stripe {kind}: 0 differences found, 0 remain (run ")),
            "{clean}"
        );
    }

    let plant = "update payments p set amount = amount + 500 \
                 from (select external_id from payments where source = 'stripe' and kind = 'charge' and status = 'collected' \
                       order by occurred_at offset 20 limit 1) one \
                 where p.source = 'stripe' and p.external_id = one.external_id \
                 returning (p.occurred_at at time zone 'UTC')::date::text, p.currency";
    let planted = test.app.sql.query_one(plant, &[]).await.unwrap();
    let (date, currency): (String, String) = (planted.get(0), planted.get(1));
    let (code, told) = test.app.stack.reconcile("stripe").await.unwrap();
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("stripe charge: 1 differences found, 0 remain (run "), "{told}");
    let row = told
        .lines()
        .find(|line| line.trim_start().starts_with(&date))
        .unwrap_or_else(|| panic!("{told}"));
    let fields: Vec<&str> = row.split_whitespace().collect();
    // day, kind, status, currency, then `count = sum` of theirs and of ours.
    let [_, "charge", "collected", code, theirs_count, "=", theirs, ours_count, "=", ours] =
        fields[..]
    else {
        panic!("{told}")
    };
    assert_eq!((code, theirs_count), (currency.as_str(), ours_count));
    assert_eq!(ours.parse::<i64>().unwrap() - theirs.parse::<i64>().unwrap(), 500, "{told}");
    test.assert_true().await;
    let (code, again) = test.app.stack.reconcile("stripe").await.unwrap();
    assert!(code == 0 && again.contains("stripe charge: 0 differences found"), "{again}");
}

#[tokio::test]
async fn make_reconcile_ends_with_1_where_a_difference_stays() {
    let test = ThreeSources::new("sys-remains", 33).await;
    test.fetch(Mode::Incremental).await;
    let refuse = "create function refuse() returns trigger language plpgsql as $$ begin return null; end $$; \
                  create trigger refuse before insert on payments for each row when (new.kind = 'dispute') \
                  execute function refuse(); \
                  delete from payments where kind = 'dispute' \
                  and external_id = (select min(external_id) from payments where kind = 'dispute')";
    test.app.sql.batch_execute(refuse).await.unwrap();
    let (code, told) = test.app.stack.reconcile("stripe").await.unwrap();
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("stripe charge: 0 differences found, 0 remain"), "{told}");
    assert!(
        told.contains("stripe dispute: 1 differences found, 1 remain")
            && told.contains("  remaining:"),
        "{told}"
    );
}

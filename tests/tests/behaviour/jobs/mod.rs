//! Failures are listed by cause, and put back to work by jobs: each row once, whatever dies.

mod erase;
mod failures;
mod kills;
mod remap;
mod replay;

use std::time::Duration;

use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::Facts;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::RowView;
use penstock_domain::source::{self, Normalize, Whose};
use penstock_domain::ticket::Ticket;
use penstock_edge::http::Service as _;
use penstock_tests::test_app::TestApp;
use relay::RelayError;
use serde_json::{Value, json};

use crate::admin::trigger::{ADMIN_KEY, Admin, read, request};
use crate::process::batches::{charge, put};

/// Asks `admin` with its key. A body is sent with a POST.
pub async fn ask(admin: &Admin, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = request(method, path, &[("x-admin-api-key", ADMIN_KEY)]);
    request.body = body.map(|body| body.to_string());
    read(&admin.handle(&request, "invocation").await)
}

pub async fn get(admin: &Admin, path: &str) -> Value {
    let (status, body) = ask(admin, "GET", path, None).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

pub async fn post(admin: &Admin, path: &str, body: Value) -> (u16, Value) {
    ask(admin, "POST", path, Some(body)).await
}

/// Plans a job and starts it. Returns its id.
pub async fn start(admin: &Admin, path: &str, filter: Value) -> String {
    let (status, plan) = post(admin, path, json!({"dryRun": true, "filter": filter})).await;
    assert_eq!(status, 200, "{plan}");
    let token = plan["token"].as_str().unwrap().to_owned();
    let (status, job) =
        post(admin, path, json!({"token": token, "rate": 1_000, "why": "it is mended"})).await;
    assert_eq!((status, &job["jobId"]), (202, &json!(token)), "{job}");
    token
}

/// Lets `relay` work for a minute. Its round may have stopped half-way, as where the machine has no
/// time for a statement: the next goes on.
async fn round(app: &TestApp) {
    app.clock.advance(Duration::from_secs(60));
    let round = app.relay.run_once(app.relay_deadline()).await;
    assert!(matches!(round, Ok(_) | Err(RelayError::NotPurged(_))), "{round:?}");
}

/// Works the job until it has ended, a minute a round, and returns what it reports.
pub async fn finish(app: &TestApp, admin: &Admin, job: &str) -> Value {
    for _ in 0..40 {
        round(app).await;
        app.drain().await;
        let told = get(admin, &format!("/admin/jobs/{job}")).await;
        if told["state"] == "completed" {
            return told;
        }
    }
    panic!("the job does not end: {}", get(admin, &format!("/admin/jobs/{job}")).await);
}

/// A normalizer with a mistake: it does not know what some charges say. The real one does.
pub struct Mistaken(Box<dyn Normalize>);

impl Mistaken {
    /// The normalizer of Stripe in test mode.
    pub fn sound() -> Box<dyn Normalize> {
        let env = [("STRIPE_LIVEMODE", "false")].into_iter().collect();
        source::find("stripe").unwrap().normalizer(&env).unwrap()
    }

    pub fn mistaken() -> Box<dyn Normalize> {
        Box::new(Self(Self::sound()))
    }
}

impl Normalize for Mistaken {
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        if row.payload.starts_with(b"{\"mistaken\"") {
            let detail = format!("no map knows {:?} of line 17", row.external_id);
            return Err(Reason::new(ReasonKind::Invalid, detail));
        }
        self.0.normalize(row)
    }

    fn whose(&self, row: RowView<'_>) -> Whose {
        self.0.whose(row)
    }

    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Facts<'a> {
        self.0.unreadable(row, why)
    }
}

/// A charge that the real normalizer reads and [`Mistaken`] does not.
pub fn unknown_to_it(id: &str) -> String {
    charge(id, "100", "succeeded").replacen('{', "{\"mistaken\": 1, ", 1)
}

/// Has `process` work rows, of which many die.
pub async fn work(app: &TestApp, ids: &[OutboxId]) {
    for tickets in Ticket::split(ids).map(|ticket| ticket.to_body()).collect::<Vec<_>>().chunks(10)
    {
        assert_eq!(app.deliver(tickets, 1).await.failures(), 0);
    }
}

/// An app whose normalizer is mistaken, with so many charges that it cannot read.
pub async fn with_dead(seed: u64, dead: usize) -> (TestApp, Vec<OutboxId>) {
    let mut app = TestApp::over(crate::stripe_account::account(seed, 1)).await;
    app.process.reader.insert("stripe", Mistaken::mistaken());
    let rows: Vec<_> = (0..dead)
        .map(|n| format!("ch_{n:05}"))
        .map(|id| (id.clone(), unknown_to_it(&id)))
        .collect();
    let ids = put(&app, &rows).await;
    work(&app, &ids).await;
    app.process.reader.insert("stripe", Mistaken::sound());
    (app, ids)
}

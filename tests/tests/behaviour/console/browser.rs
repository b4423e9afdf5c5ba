//! The console in a real browser: the system's Chromium, driven by Playwright.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use console::Ports;
use penstock_domain::account::password::Cost;
use penstock_domain::clock::Clock as _;
use penstock_edge::config;
use penstock_tests::chromium::{MISSING, Tools};
use penstock_tests::clock::TestClock;
use penstock_tests::gateway::{Backend, Failure, Server, Settings, answer};
use penstock_tests::repository::root;
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::is_thorough;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use uuid::Uuid;

use super::acting::World;
use super::seeded::Seeded;
use crate::ingest::post;
use crate::jobs::{Mistaken, unknown_to_it, work};
use crate::process::batches::put;
use crate::stripe_account::account;

/// The programs that drive the browser. `None`, and a line that says how to get it, if it is not
/// installed; in continuous integration that is a failure.
pub(super) fn tools() -> Option<Tools> {
    let tools = Tools::find();
    if tools.is_none() {
        let must = config::from_process().given("PENSTOCK_BROWSER") == Some("1");
        assert!(!must, "{MISSING}");
        writeln!(std::io::stderr(), "{MISSING}").unwrap_or_default();
    }
    tools
}

/// The functions that people meet.
struct Functions {
    console: Ports,
    accounts: accounts::Ports<TestClock>,
}

/// The function that signs people in.
pub(super) fn accounts(app: &TestApp) -> accounts::Ports<TestClock> {
    accounts::Ports {
        database: app.db.database_of("accounts", 1),
        hashing: accounts::Hashing::at(Cost::LEAST),
        mail: None,
        settings: accounts::Settings { sign_up: accounts::SignUp::Invite, public_base_url: None },
        clock: app.clock.clone(),
    }
}

impl Backend for Functions {
    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Failure> {
        let invocation = Uuid::now_v7().to_string();
        match function {
            "accounts" => {
                let deadline = self.accounts.clock.now() + Duration::from_secs(20);
                let reply = self.accounts.invoke(event, &invocation, deadline).await;
                reply.map_err(|error| Failure::of_function(&error))
            }
            "console" => answer(&self.console, event, &invocation).await,
            other => Err(Failure::of_function(&format!("{other} is not served here"))),
        }
    }
}

/// A served console, and the program that goes through it.
struct Browsing {
    tools: Tools,
    server: Server,
    link: String,
}

impl Browsing {
    /// Serves the console of a world, and makes an admin a link that signs in.
    async fn of(tools: Tools, app: &TestApp, console: Ports) -> Self {
        let mut console = console;
        console.config.public_base_url = None;
        let functions = Functions { console, accounts: accounts(app) };
        let server = Server::start(Settings::default(), functions, std::io::stderr()).unwrap();
        let wanted = json!({"make_user": {
            "email": "ada@penstock.example", "role": "admin", "link": "sign_in", "baseUrl": server.url(),
        }});
        let deadline = app.clock.now() + Duration::from_secs(20);
        let reply = accounts(app).invoke(wanted, "invocation", deadline).await.unwrap();
        let link = reply["body"]["url"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned();
        Self { tools, server, link }
    }

    /// Runs the program. `done` does what it asks for.
    async fn run(
        &self,
        what: &str,
        view: [&str; 3],
        rest: &[String],
        mut done: impl AsyncFnMut(&str),
    ) {
        let mut program = self
            .tools
            .program("tests/behaviour/console/browser.py")
            .args([what, &self.server.url(), &self.link])
            .args(view)
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let (mut input, output) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines();
        let talking = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                match line.strip_prefix("> ") {
                    Some(what) => {
                        done(what).await;
                        input.write_all(b"done\n").await.unwrap();
                    }
                    None => said.push_str(&line),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(600), talking).await.expect("it ends");
        let output = program.wait_with_output().await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{view:?}: {said}\n{error}");
    }
}

/// The ways to look at pages: with the script or without, the width, and the colours.
const VIEWS: [[&str; 3]; 4] = [
    ["script", "1440", "light"],
    ["script", "375", "dark"],
    ["plain", "375", "light"],
    ["plain", "1440", "dark"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_read_in_a_browser_with_and_without_the_script_on_a_phone_and_on_a_screen() {
    let Some(tools) = tools() else { return };
    let views = if is_thorough() { &VIEWS[..] } else { &VIEWS[..2] };
    for (at, view) in views.iter().enumerate() {
        let seeded = Seeded::new(17_080 + u64::try_from(at).unwrap()).await;
        let naughty = json!({"email": "eve@x.example", "name": "<img src=x onerror=alert(1)>\u{202e}", "company": "</script><script>alert(2)</script>"});
        post(&seeded.world.app.ingest, "/leads", &[], naughty.to_string().as_bytes()).await;
        seeded.world.app.work_tickets().await;
        let mut paths = seeded.pages();
        let acting = [
            "jobs",
            "keys",
            "accounts",
            "audit",
            "account",
            "runs/start",
            "connections",
            "dead-letters/replay",
        ];
        paths.extend(acting.map(|page| format!("/console/{page}")));
        // The picture of the README is made anew when somebody asks for it.
        let keeps = config::from_process().given("PENSTOCK_KEEP_PICTURE") == Some("1");
        let picture = root().join("docs/console.png");
        let picture = if keeps && at == 0 { picture.display().to_string() } else { "-".to_owned() };
        let rest: Vec<String> = std::iter::once(picture).chain(paths).collect();
        let World { app, console, .. } = seeded.world;
        let browsing = Browsing::of(tools.clone(), &app, console).await;
        let event = json!({"userId": "user-1", "sessionId": "s", "type": "came later"}).to_string();
        let done = async |what: &str| match what {
            "event" => {
                assert_eq!(post(&app.ingest, "/events", &[], event.as_bytes()).await.status, 202);
                app.clock.advance(Duration::from_secs(2));
                let tickets = app.tickets.take();
                assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
            }
            other => panic!("{other} is not known"),
        };
        // axe takes most of the time.
        let what = if at == 0 || is_thorough() { "pages" } else { "again" };
        browsing.run(what, *view, &rest, done).await;
    }
}

/// Goes from the sign-in to the sign-out, with everything that is done between.
async fn from_sign_in_to_sign_out(seed: u64, view: [&str; 3]) {
    let Some(tools) = tools() else { return };
    let mut app = TestApp::over(account(seed, 40)).await;
    app.fetch_all().await.unwrap();
    app.work_tickets().await;
    app.process.reader.insert("stripe", Mistaken::mistaken());
    let mut dead: Vec<_> =
        (0..500).map(|n| format!("ch_{n:05}")).map(|id| (id.clone(), unknown_to_it(&id))).collect();
    // This one nobody can read.
    dead[7].1 = dead[7].1.replace("\"amount\": 100", "\"amount\": \"much\"");
    assert!(dead[7].1.contains("much"), "{}", dead[7].1);
    let ids = put(&app, &dead).await;
    work(&app, &ids).await;
    app.let_in().await;
    post(&app.ingest, "/leads", &[], br#"{"email":"ada@x.example","name":"Ada"}"#).await;
    app.work_tickets().await;
    let World { mut app, console, .. } = World::over(app);
    let browsing = Browsing::of(tools, &app, console).await;
    let done = async |what: &str| match what {
        "mend" => app.process.reader.insert("stripe", Mistaken::sound()),
        "work" => {
            for _ in 0..3 {
                app.clock.advance(Duration::from_secs(60));
                app.relay.run_once(app.relay_deadline()).await.unwrap();
                app.drain().await;
            }
        }
        other => panic!("{other} is not known"),
    };
    browsing.run("flow", view, &[], done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_replays_assigns_makes_a_key_reads_the_audit_log_and_signs_out() {
    from_sign_in_to_sign_out(17_090, ["script", "1440", "light"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_does_all_of_that_without_the_script_on_a_phone() {
    from_sign_in_to_sign_out(17_091, ["plain", "375", "dark"]).await;
}

/// The picture of the README is there, and as large as the test makes it.
#[test]
fn the_readme_shows_the_picture_that_the_test_makes() {
    let picture = std::fs::read(root().join("docs/console.png")).unwrap();
    let (head, size) = (&picture[..8], &picture[16..24]);
    assert_eq!(head, b"\x89PNG\r\n\x1a\n");
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    assert_eq!((number(&size[..4]), number(&size[4..])), (1_440, 900));
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("](docs/console.png)"), "README.md does not show it");
}

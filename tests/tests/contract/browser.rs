//! The digest's page in a browser: no script, and no markup that the browser has to mend.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::date;
use penstock_domain::digest::{Daily, Dead, Fresh, Known, Runs, Undecided, Unmapped, Week};
use penstock_domain::revenue::Sums;
use penstock_domain::transaction::State;
use penstock_edge::config;
use tokio::process::Command;

use crate::proof::Scratch;

/// A text that would be a script, an attribute or the end of an element.
const HOSTILE: &str = "\"'></td></table><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">&lt;";

/// A digest with every section, whose texts are all `text`.
fn digest(text: &str) -> Daily {
    let at = |time: &str| time.parse().unwrap();
    let all = || text.to_owned();
    let sums = Sums { collected: 5, refunded: 1, disputed: 1, count: 1 };
    let days = (21..=28).map(|day| (date(2026, 3, day), sums)).collect();
    Daily {
        stack: all(),
        zone: all(),
        since: at("2026-03-28T08:00:00Z"),
        as_of: at("2026-03-29T07:00:00Z"),
        revenue: Week { day: date(2026, 3, 28), days: BTreeMap::from([(all(), days)]) },
        pulls: vec![Fresh {
            connection: all(),
            entity: all(),
            age: Some(Duration::from_secs(60)),
            is_late: true,
            is_paused: false,
        }],
        runs: vec![Runs { connection: all(), succeeded: 1, failed: 1, running: 1, rows: 1 }],
        dead: vec![Dead { connection: all(), entity: all(), reason: all(), count: 1 }],
        has_more_dead: true,
        undecided: vec![Undecided {
            state: State::NeedsReview,
            count: 1,
            has_more: true,
            age: Duration::from_secs(7_200),
        }],
        unmapped: vec![Unmapped { connection: all(), kind: all(), status: all(), count: 1 }],
        issues: vec![Known {
            key: all(),
            what: all(),
            began_at: at("2026-03-28T09:00:00Z"),
            ended_at: None,
            is_told: true,
            told_at: None,
        }],
    }
}

/// The names of all tags of a page in their order. A browser adds `tbody` to each table.
fn tags(page: &str) -> Vec<String> {
    let tags = page.split('<').skip(1).map(|rest| {
        let name = rest.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
        name.to_ascii_lowercase()
    });
    tags.filter(|name| name != "tbody" && name != "/tbody").collect()
}

#[test]
fn hostile_texts_add_no_tag_to_the_page() {
    let (plain, hostile) = (digest("text"), digest(HOSTILE));
    let (plain, hostile) = (plain.document().message().html, hostile.document().message().html);
    assert_eq!(tags(&hostile), tags(&plain));
    assert!(!tags(&hostile).iter().any(|tag| ["script", "img", "a", "svg"].contains(&&**tag)));
}

/// Returns the browser of this machine, if it has one.
fn browser() -> Option<PathBuf> {
    let path = config::from_process().optional("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.into_iter().find(|program| program.is_file())
}

#[tokio::test]
async fn a_browser_finds_no_script_and_no_broken_markup_when_every_text_is_hostile() {
    let Some(browser) = browser() else {
        // The test above compares the tags all the same.
        let said = "chromium is not installed: no browser has read the page";
        writeln!(std::io::stderr(), "{said}").unwrap_or_default();
        return;
    };
    let folder = Scratch::new();
    let page = digest(HOSTILE).document().message().html;
    let file = folder.0.join("digest.html");
    std::fs::write(&file, &page).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .args(["--dump-dom", &format!("file://{}", file.display())])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && !dom.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(tags(&dom), tags(&page), "the browser has mended the page:\n{dom}");
    assert!(!dom.contains("<script") && !dom.contains("<img"), "{dom}");
    assert!(!dom.contains("<title>ran"), "a script ran");
    assert!(dom.contains("&lt;script&gt;document.title='ran'&lt;/script&gt;"), "{dom}");
}

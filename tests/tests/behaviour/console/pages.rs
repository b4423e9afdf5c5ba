//! Every page: its headers, its size, and what it says where there is nothing.

use penstock_domain::account::Role;
use penstock_tests::test_app::TestApp;

use super::acting::{World, get};
use super::html::{links, names, text};
use super::seeded::{LISTS, Seeded};
use crate::stripe_account::account;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The most bytes of a page.
const MOST_BYTES: usize = 60_000;

#[tokio::test]
async fn every_page_is_small_kept_by_no_cache_and_holds_no_script_or_style_of_its_own() {
    let seeded = Seeded::new(17_011).await;
    for path in seeded.pages() {
        let reply = seeded.world.answer(&get(&path, Some(seeded.viewer.cookie()))).await;
        let html = reply.text();
        assert_eq!(reply.status_code, 200, "{path}: {}", text(html));
        for (name, value) in [
            ("cache-control", "no-store"),
            ("content-security-policy", POLICY),
            ("content-type", "text/html; charset=utf-8"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(reply.headers[name], value, "{path}: {name}");
        }
        assert!(html.len() < MOST_BYTES, "{path} has {} bytes", html.len());
        assert!(!html.contains("class=\"slow\""), "{path}: {}", text(html));
        assert!(html.contains("As of <span data-refresh=\"as-of\"><time datetime="), "{path}");
        let inline = names(html).find(|name| name == "style" || name.starts_with("on"));
        assert_eq!(inline, None, "{path}");
        assert_eq!(html.matches("<script").count(), 1, "{path}");
        assert_eq!(html.matches("<h1>").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn an_empty_page_says_what_would_fill_it_and_how() {
    let world = World::over(TestApp::over(account(17_012, 1)).await);
    let viewer = world.person("vera", Role::Viewer).await;
    for (path, word) in [
        ("/console/runs", "POST /trigger/{source}/{mode}"),
        ("/console/dead-letters", "appears here with the exact reason"),
        ("/console/queues", "until process has worked it"),
        ("/console/transactions", "POST /transactions"),
        ("/console/leads", "POST /leads"),
        ("/console/people?user=nobody", "POST /events"),
        ("/console/contacts", "make connect"),
        ("/console/calendar", "make connect"),
        ("/console/revenue", "make reconcile"),
    ] {
        let html = world.page(&viewer, path).await;
        let shown = text(&html);
        assert!(html.contains("class=\"empty\"") && shown.contains(word), "{path}: {shown}");
    }
}

#[tokio::test]
async fn every_link_of_a_page_leads_to_a_page() {
    let seeded = Seeded::new(17_013).await;
    let mut tried = std::collections::BTreeSet::new();
    for path in seeded.pages() {
        for link in links(&seeded.world.page(&seeded.operator, &path).await) {
            if !link.starts_with("/console") || !tried.insert(link.clone()) {
                continue;
            }
            let reply = seeded.world.answer(&get(&link, Some(seeded.operator.cookie()))).await;
            assert_eq!(reply.status_code, 200, "{path} links to {link}: {}", text(reply.text()));
        }
    }
    assert!(tried.len() > 40, "{tried:?}");
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_named_and_one_that_is_not_known_is_left_aside() {
    let seeded = Seeded::new(17_014).await;
    for (path, named) in [
        ("/console/revenue?timezone=Mars/Base&by=hour", "#/query/timezone"),
        ("/console/revenue?startDate=2026-05-02&endDate=2026-05-01", "#/query/startDate"),
        ("/console/runs?status=done", "#/query/status"),
        ("/console/dead-letters?from=yesterday", "#/query/from"),
        ("/console/leads?cursor=x", "#/query/cursor"),
        ("/console/people?user=a%00b", "#/query/user"),
        ("/console/transactions?status=lost", "#/query/status"),
    ] {
        let reply = seeded.world.answer(&get(path, Some(seeded.viewer.cookie()))).await;
        assert_eq!(reply.status_code, 400, "{path}");
        assert!(text(reply.text()).contains(named), "{path}: {}", text(reply.text()));
        assert_eq!(reply.headers["content-security-policy"], POLICY, "{path}");
    }
    for path in LISTS {
        let mark = if path.contains('?') { '&' } else { '?' };
        seeded.page(&format!("{path}{mark}utm_source=x&source=")).await;
    }
}

#[tokio::test]
async fn a_path_that_no_page_has_is_a_page_that_says_so() {
    let seeded = Seeded::new(17_015).await;
    let unknown = uuid::Uuid::now_v7();
    let paths = [
        "/console/nothing".to_owned(),
        format!("/console/runs/{unknown}"),
        "/console/runs/x".to_owned(),
        format!("/console/dead-letters/{unknown}"),
        format!("/console/leads/{unknown}"),
        format!("/console/transactions/{unknown}"),
        "/console/assets/console.css".to_owned(),
        "/console/link?token=short".to_owned(),
    ];
    for path in paths {
        let reply = seeded.world.answer(&get(&path, Some(seeded.viewer.cookie()))).await;
        assert_eq!(reply.status_code, 404, "{path}");
        assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(reply.headers["content-security-policy"], POLICY, "{path}");
        assert!(reply.text().contains("<h1>Not Found</h1>"), "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_good_under_the_names_that_pages_use() {
    let seeded = Seeded::new(17_016).await;
    let html = seeded.page("/console").await;
    for (attribute, media_type) in [
        ("<link rel=\"stylesheet\" href=\"", "text/css; charset=utf-8"),
        ("<script src=\"", "text/javascript; charset=utf-8"),
        ("<link rel=\"icon\" href=\"", "image/svg+xml"),
    ] {
        let (_, rest) = html.split_once(attribute).unwrap();
        let (path, _) = rest.split_once('"').unwrap();
        let reply = seeded.world.answer(&get(path, None)).await;
        assert_eq!(
            (reply.status_code, &reply.headers["content-type"]),
            (200, &media_type.parse().unwrap())
        );
        assert_eq!(reply.headers["cache-control"], "public, max-age=31536000, immutable", "{path}");
    }
}

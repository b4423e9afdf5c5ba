//! `/docs`: the contract as Swagger UI.

use std::io::Read as _;

use flate2::read::GzDecoder;
use penstock_edge::http::Reply;
use penstock_tests::test_app::TestApp;

use super::{World, get};
use crate::stripe_account::account;

async fn world(seed: u64) -> World {
    World::over(TestApp::over(account(seed, 1)).await)
}

fn header<'r>(reply: &'r Reply, name: &str) -> &'r str {
    reply.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_page_is_open_and_asks_nobody_but_its_own_origin() {
    let world = world(6_180).await;
    for path in ["/docs", "/api-docs"] {
        let page = world.answer(&get(path, None)).await;
        assert_eq!(
            (page.status_code, header(&page, "content-type")),
            (200, "text/html; charset=utf-8")
        );
        let policy = header(&page, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("connect-src 'self'"), "{policy}");
        let text = page.text();
        for word in ["http:", "https:", "//", "<style", "style=", "onclick", "onload"] {
            assert!(!text.contains(word), "{word}");
        }
        assert_eq!(text.matches("<script").count(), text.matches("<script src=\"docs/").count());
        let tag = header(&page, "etag").to_owned();
        let mut again = get(path, None);
        again.headers.insert("if-none-match", tag.parse().unwrap());
        assert_eq!(world.answer(&again).await.status_code, 304);
    }
}

#[tokio::test]
async fn each_file_that_the_page_names_is_served_whole() {
    let world = world(6_181).await;
    let page = world.answer(&get("/docs", None)).await;
    let names = page.text().split("\"docs/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let file = world.answer(&get(&format!("/docs/{name}"), None)).await;
        assert_eq!(file.status_code, 200, "{name}");
        assert_eq!(header(&file, "x-content-type-options"), "nosniff");
        let media_type = if name.ends_with(".js") { "text/javascript" } else { "text/css" };
        assert!(header(&file, "content-type").starts_with(media_type), "{name}");
        if header(&file, "content-encoding") == "gzip" {
            let mut text = String::new();
            // Its checksum and its length are in the stream, and are compared.
            GzDecoder::new(&*file.body).read_to_string(&mut text).unwrap();
            assert!(text.len() > 100_000, "{name}: {}", text.len());
        }
    }
    assert_eq!(world.answer(&get("/docs/petstore.json", None)).await.status_code, 404);
    assert_eq!(world.answer(&get("/docs/../console", None)).await.status_code, 404);
}

#[tokio::test]
async fn a_key_is_forgotten_with_the_page_and_no_other_contract_can_be_named() {
    let world = world(6_182).await;
    let script = world.answer(&get("/docs/initializer.js", None)).await;
    for setting in [
        "url: \"openapi.json\"",
        "persistAuthorization: false",
        "queryConfigEnabled: false",
        "validatorUrl: null",
    ] {
        assert!(script.text().contains(setting), "{setting}");
    }
    assert_eq!(world.answer(&get("/docs?url=https://evil.example", None)).await.status_code, 400);
}

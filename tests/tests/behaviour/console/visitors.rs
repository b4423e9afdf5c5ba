//! The people who may read: a session, its renewal, and the zone in which they read times.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_tests::test_app::TestApp;

use super::acting::{OWN, World, get, send};
use super::html::text;
use super::seeded::{LISTS, Seeded};
use crate::stripe_account::account;

async fn world(seed: u64) -> World {
    World::over(TestApp::over(account(seed, 1)).await)
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_sign_in_and_from_there_to_the_page() {
    let world = world(17_021).await;
    for path in LISTS {
        let reply = world.answer(&get(path, None)).await;
        assert_eq!(reply.status_code, 303, "{path}");
        let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let expected = match path {
            "/console" => "/console/sign-in".to_owned(),
            _ => format!("/console/sign-in?next={next}"),
        };
        assert_eq!(reply.headers["location"], expected.as_str());
        assert_eq!(reply.headers["cache-control"], "no-store", "{path}");
        let form = world.answer(&get(&expected, None)).await;
        assert_eq!(form.status_code, 200, "{path}");
        let field = format!("name=\"callbackURL\" value=\"{}\"", path.replace('&', "&#38;"));
        assert!(form.text().contains(&field), "{path}: {}", form.text());
    }
}

#[tokio::test]
async fn trap_61_the_page_to_sign_in_leads_to_no_other_host() {
    let world = world(17_022).await;
    for next in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "javascript:alert(1)",
    ] {
        let reply = world.answer(&get(&format!("/console/sign-in?next={next}"), None)).await;
        assert_eq!(reply.status_code, 200);
        assert!(reply.text().contains("name=\"callbackURL\" value=\"/console\""), "{next}");
        assert!(!reply.text().contains("evil"), "{next}");
    }
}

#[tokio::test]
async fn a_forged_an_old_and_an_ended_session_open_nothing() {
    let world = world(17_023).await;
    let person = world.person("vera", Role::Viewer).await;
    let open = async |cookie: &str| world.answer(&get("/console", Some(cookie))).await.status_code;
    assert_eq!(open(person.cookie()).await, 200);
    let forged = "__Secure-better-auth.session_token=abcdefghijklmnopqrstuvwxyzABCDEF";
    for cookie in
        [forged, "__Secure-better-auth.session_token=", "better-auth.session_token=x", "other=1"]
    {
        assert_eq!(open(cookie).await, 303, "{cookie}");
    }
    world.app.clock.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(open(person.cookie()).await, 303, "it is a week old");
    let again = world.person("otto", Role::Viewer).await;
    let sql = format!("delete from sessions where user_id = '{}'", again.id);
    world.app.db.client().await.batch_execute(&sql).await.unwrap();
    assert_eq!(open(again.cookie()).await, 303, "it was ended");
}

#[tokio::test]
async fn a_session_that_a_page_renews_gets_its_cookie_again() {
    let world = world(17_024).await;
    let person = world.person("vera", Role::Viewer).await;
    let open = async || world.answer(&get("/console/runs", Some(person.cookie()))).await.cookies;
    assert_eq!(open().await, Vec::<String>::new());
    world.app.clock.advance(Duration::from_secs(25 * 3_600));
    let renewed = open().await;
    assert_eq!(
        renewed,
        [format!("{}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=604800", person.cookie())]
    );
    assert_eq!(open().await, Vec::<String>::new(), "once a day");
    world.app.clock.advance(Duration::from_secs(6 * 86_400 + 3_600));
    let reply = world.answer(&get("/console/runs", Some(person.cookie()))).await;
    assert_eq!(reply.status_code, 200, "a week is counted from its renewal");
}

#[tokio::test]
async fn times_are_in_the_zone_that_the_reader_has_chosen_with_utc_beside() {
    let seeded = Seeded::new(17_025).await;
    let cookie = seeded.viewer.cookie();
    let form = [("zone", "asia/kolkata"), ("back", "/console/runs?status=succeeded")];
    let chosen = seeded.world.answer(&send("/console/zone", Some(cookie), OWN, &form)).await;
    assert_eq!(
        (chosen.status_code, &chosen.headers["location"]),
        (303, &"/console/runs?status=succeeded".parse().unwrap())
    );
    assert_eq!(
        chosen.cookies,
        ["penstock-zone=Asia/Kolkata; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=31536000"]
    );
    let with = |zone: &str| format!("{cookie}; penstock-zone={zone}");
    let page = async |cookies: &str| {
        let reply = seeded.world.answer(&get("/console/runs", Some(cookies))).await;
        (reply.status_code, reply.text().to_owned())
    };
    // The clock of the app is at 2026-06-01T00:00 and some seconds.
    let (_, html) = page(&with("Asia/Kolkata")).await;
    assert!(text(&html).contains("2026-06-01 05:30:0"), "{}", text(&html));
    assert!(html.contains(" <small>00:00:0"), "UTC is beside");
    assert!(!html.contains("data-ask-zone"));
    let (_, html) = page(&with("America%2FNew_York")).await;
    assert!(
        text(&html).contains("2026-05-31 20:00:0") && html.contains(" <small>2026-06-01 00:00:0"),
        "{}",
        text(&html)
    );
    for odd in ["Mars/Base", "%ff", "<script>"] {
        let (status, html) = page(&with(odd)).await;
        assert!(status == 200 && html.contains("data-ask-zone"), "{odd}");
    }
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = seeded.world.answer(&send("/console/zone", Some(cookie), &foreign, &form)).await;
    assert_eq!(refused.status_code, 403);
    let form = [("zone", "Mars/Base"), ("back", "/console")];
    let refused = seeded.world.answer(&send("/console/zone", Some(cookie), OWN, &form)).await;
    assert_eq!(refused.status_code, 400);
}

//! Payloads are masked until an operator reveals one.

use penstock_domain::account::Role;

use super::acting::{OWN, send};
use super::html::text;
use super::seeded::Seeded;

#[tokio::test]
async fn a_page_shows_the_shape_of_a_payload_and_no_value_whoever_asks() {
    let seeded = Seeded::new(17_071).await;
    let admin = seeded.world.person("ada", Role::Admin).await;
    let pages = [
        (format!("/console/leads/{}", seeded.lead), "\"email\": text", "ada@x.example\""),
        (format!("/console/dead-letters/{}", seeded.letter), "\"mistaken\": number", "ch_dead_0\""),
        (format!("/console/transactions/{}", seeded.transaction), "\"amount\": number", "1.10"),
        ("/console/people?user=user-1".to_owned(), "\"n\": number", "\"n\": 0"),
    ];
    for person in [&seeded.viewer, &seeded.operator, &admin] {
        for (path, shape, value) in &pages {
            let shown = text(&seeded.world.page(person, path).await);
            assert!(shown.contains(shape), "{path}: {shown}");
            assert!(!shown.contains(value), "{path} shows {value} to {}: {shown}", person.email);
        }
    }
}

#[tokio::test]
async fn only_an_operator_is_offered_to_reveal_and_only_an_operator_may() {
    let seeded = Seeded::new(17_072).await;
    for path in [
        format!("/console/leads/{}", seeded.lead),
        format!("/console/dead-letters/{}", seeded.letter),
    ] {
        let button = format!("action=\"{path}/reveal\"");
        assert!(!seeded.page(&path).await.contains(&button), "{path}");
        assert!(seeded.world.page(&seeded.operator, &path).await.contains(&button), "{path}");
        let reveal = format!("{path}/reveal");
        let refused =
            seeded.world.answer(&send(&reveal, Some(seeded.viewer.cookie()), OWN, &[])).await;
        assert_eq!(refused.status_code, 403, "{path}");
        let shown = seeded.world.post(&seeded.operator, &reveal, &[]).await;
        assert_eq!(shown.status_code, 200, "{path}: {}", text(shown.text()));
    }
    let reveal = format!("/console/leads/{}/reveal", seeded.lead);
    let shown = text(seeded.world.post(&seeded.operator, &reveal, &[]).await.text());
    assert!(shown.contains("\"email\": \"ada@x.example\""), "{shown}");
}

#[tokio::test]
async fn what_the_operator_of_the_deployment_keeps_from_view_is_shown_to_nobody() {
    let mut seeded = Seeded::new(17_073).await;
    let env = [("REDACTED_POINTERS", "leads=/email")].into_iter().collect();
    seeded.world.console.config.redactions =
        penstock_domain::redaction::Redactions::from_env(&env).unwrap();
    let reveal = format!("/console/leads/{}/reveal", seeded.lead);
    let shown = text(seeded.world.post(&seeded.operator, &reveal, &[]).await.text());
    assert!(
        shown.contains("\"email\": \"[redacted]\"") && shown.contains("\"Ada Lovelace\""),
        "{shown}"
    );
}

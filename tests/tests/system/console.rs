//! The console behind the gateway of a deployed stack.

use penstock_tests::stack::Person;

use crate::deployed_app::DeployedApp;

#[tokio::test]
async fn a_person_signs_in_by_a_link_once_reads_pages_and_signs_out() {
    let app = DeployedApp::new("sys-console", &[]).await;
    let gateway = app.stack.gateway().unwrap();
    let link = Person::link(&app.stack, &gateway, "ada@example.com", "admin").await.unwrap();
    let person = Person::by_link(&gateway, &link).await.unwrap_or_else(|e| {
        panic!("{e}\n{}", app.stack.last_words(20));
    });
    assert!(Person::by_link(&gateway, &link).await.is_err(), "the link worked twice");

    for path in ["/console", "/console/revenue", "/console/queues", "/console/audit", "/docs"] {
        let reply = person.open(&gateway, path).await.unwrap();
        assert_eq!(reply.status, 200, "{path}\n{}", app.stack.last_words(20));
        assert!(reply.headers.contains_key("content-security-policy"), "{path}");
    }
    let out = person.send(&gateway, "/api/auth/sign-out", "").await.unwrap();
    assert_eq!((out.status, &out.headers["location"]), (303, &"/console/sign-in".parse().unwrap()));
    let reply = person.open(&gateway, "/console").await.unwrap();
    assert_eq!(reply.status, 303, "the session is over");
}

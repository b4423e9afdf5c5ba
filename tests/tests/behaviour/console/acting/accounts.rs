//! Accounts that admins manage, and a person's own account.

use std::time::Duration;

use penstock_domain::account::{Role, token};
use penstock_edge::http::Service as _;
use penstock_tests::test_app::TestApp;
use uuid::Uuid;

use super::{OWN, Person, World, get, send};
use crate::console::browser::accounts;
use crate::stripe_account::account;

async fn world(seed: u64) -> (World, Person) {
    let world = World::over(TestApp::over(account(seed, 1)).await);
    let admin = world.person("admin", Role::Admin).await;
    (world, admin)
}

/// The token of the link that a page shows.
fn token_of(page: &str) -> String {
    let (_, after) = page.split_once("<code id=\"link\">").expect("a link is shown");
    let link = after.split('<').next().unwrap();
    let token = link.strip_prefix("https://penstock.example/console/link?token=");
    token.unwrap_or_else(|| panic!("{link}")).to_owned()
}

/// The status of a page for a person: 303 leads to sign in.
async fn status(world: &World, person: &Person, path: &str) -> u16 {
    world.answer(&get(path, Some(&person.cookie))).await.status_code
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_only_its_hash_is_kept() {
    let (world, admin) = world(6_160).await;
    let form = [("email", " New@Penstock.example"), ("role", "operator")];
    let made = world.post(&admin, "/console/accounts", &form).await;
    assert_eq!(
        (made.status_code, &made.headers["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let token = token_of(made.text());
    let link = "select format('%s %s %s %s', kind, email, role, encode(token_sha256, 'hex')) from account_links";
    let hash = hex::encode(token::hashed(&token).unwrap());
    let expected = format!("invite new@penstock.example operator {hash}");
    assert_eq!(world.app.db.scalar::<String>(link).await, expected);
    let trail: String =
        world.app.db.scalar("select string_agg(t::text, ' ') from audit_log t").await;
    assert!(trail.contains("user.invited") && !trail.contains(&token), "{trail}");
    let again = world.post(&admin, "/console/accounts", &form).await;
    assert_ne!(token_of(again.text()), token, "the older one works no more");
    assert_eq!(world.app.db.scalar::<i64>("select count(*) from account_links").await, 1);
    for (form, status) in [
        (&[("email", "admin@penstock.example"), ("role", "viewer")][..], 409),
        (&[("email", "nobody"), ("role", "viewer")], 400),
        (&[("email", "a@b.example"), ("role", "owner")], 400),
        (&[], 400),
    ] {
        let refused = world.post(&admin, "/console/accounts", form).await;
        assert_eq!(refused.status_code, status, "{form:?}");
    }
}

#[tokio::test]
async fn another_role_ends_the_sessions_of_the_account() {
    let (world, admin) = world(6_161).await;
    let bo = world.person("bo", Role::Viewer).await;
    let path = format!("/console/accounts/{}", bo.id);
    assert_eq!(status(&world, &bo, "/console/account").await, 200);
    let form = [("role", "operator"), ("why", "works leads now")];
    assert_eq!(world.led(&admin, &format!("{path}/role"), &form).await, path);
    assert_eq!(status(&world, &bo, "/console/account").await, 303);
    let page = world.page(&admin, &path).await;
    assert!(page.contains("<dd>operator</dd>") && page.contains("Nobody is signed in"), "{page}");
    assert_eq!(world.led(&admin, &format!("{path}/role"), &form).await, path, "the same again");
    let trail = "select string_agg(format('%s %s %s %s %s', action, object, count, why, detail), '|') from audit_log";
    let expected =
        r#"role.changed bo@penstock.example 1 works leads now {"from":"viewer","to":"operator"}"#;
    assert_eq!(world.app.db.scalar::<String>(trail).await, expected);
}

#[tokio::test]
async fn an_account_is_signed_out_everywhere_disabled_and_enabled() {
    let (world, admin) = world(6_162).await;
    let bo = world.person("bo", Role::Viewer).await;
    let path = format!("/console/accounts/{}", bo.id);
    assert!(world.page(&admin, &path).await.contains("a browser"));
    world.led(&admin, &format!("{path}/sign-out"), &[]).await;
    assert_eq!(status(&world, &bo, "/console/account").await, 303);
    let (_, cookie) = world.session(bo.id).await;
    let bo = Person { cookie, ..bo };
    assert_eq!(status(&world, &bo, "/console/account").await, 200);
    world.led(&admin, &format!("{path}/disable"), &[("why", "has left")]).await;
    assert_eq!(status(&world, &bo, "/console/account").await, 303);
    assert!(world.page(&admin, &path).await.contains("Let its person sign in again"));
    let link = world.post(&admin, &format!("{path}/reset"), &[]).await;
    assert_eq!(link.status_code, 409, "nobody signs in to it");
    world.led(&admin, &format!("{path}/enable"), &[]).await;
    let link = world.post(&admin, &format!("{path}/reset"), &[]).await;
    assert_eq!(link.status_code, 201, "{}", link.text());
    token_of(link.text());
    let kind = "select format('%s %s', kind, user_id) from account_links";
    assert_eq!(world.app.db.scalar::<String>(kind).await, format!("reset {}", bo.id));
    let actions = "select string_agg(action, ' ' order by seq) from audit_log";
    assert_eq!(
        world.app.db.scalar::<String>(actions).await,
        "sessions.ended user.disabled user.enabled link.made"
    );
}

#[tokio::test]
async fn the_last_admin_stays_one_even_if_two_take_each_others_role_at_once() {
    let (world, ada) = world(6_163).await;
    let own = format!("/console/accounts/{}", ada.id);
    for (change, form) in [("role", &[("role", "viewer")][..]), ("disable", &[])] {
        let refused = world.post(&ada, &format!("{own}/{change}"), form).await;
        assert_eq!(refused.status_code, 409, "{change}");
        assert!(refused.text().contains("last account that manages"), "{}", refused.text());
    }
    let bo = world.person("bo", Role::Admin).await;
    let other = super::environment(&world.app, &world.transactions);
    let form = [("role", "viewer")];
    let path_of = |person: &Person| format!("/console/accounts/{}/role", person.id);
    let by_other = send(&path_of(&ada), Some(&bo.cookie), OWN, &form);
    let one = async { world.post(&ada, &path_of(&bo), &form).await };
    let two = other.handle(&by_other, "invocation");
    let (one, two) = tokio::join!(one, two);
    let mut statuses = [one.status_code, two.status_code];
    statuses.sort_unstable();
    // Whoever is second is no admin any more, or would leave none.
    assert!(statuses[0] == 303 && matches!(statuses[1], 401 | 403 | 409), "{statuses:?}");
    let admins = "select count(*) from users where role = 'admin' and disabled_at is null";
    assert_eq!(world.app.db.scalar::<i64>(admins).await, 1);
}

#[tokio::test]
async fn a_person_ends_their_own_sessions_and_nobody_elses() {
    let (world, admin) = world(6_164).await;
    let bo = world.person("bo", Role::Viewer).await;
    let (second, cookie) = world.session(bo.id).await;
    let other = Person { cookie, session: second, ..bo.clone() };
    let page = world.page(&bo, "/console/account").await;
    assert!(page.contains("(this one)") && page.contains(&second.to_string()), "{page}");
    assert!(page.contains("name=\"currentPassword\" type=\"password\""), "{page}");
    let end = |id: Uuid| format!("/console/account/sessions/{id}/end");
    assert_eq!(world.post(&bo, &end(admin.session), &[]).await.status_code, 404);
    assert_eq!(status(&world, &admin, "/console/account").await, 200);
    assert_eq!(world.led(&bo, &end(second), &[]).await, "/console/account");
    assert_eq!(status(&world, &other, "/console/account").await, 303);
    world.session(bo.id).await;
    world.session(bo.id).await;
    assert_eq!(world.led(&bo, "/console/account/sessions/end", &[]).await, "/console/account");
    let left = format!("select count(*) from sessions where user_id = '{}'", bo.id);
    assert_eq!(world.app.db.scalar::<i64>(&left).await, 1);
    assert_eq!(status(&world, &bo, "/console/account").await, 200);
    let trail =
        "select string_agg(format('%s %s', action, count), ' ' order by seq) from audit_log";
    assert_eq!(world.app.db.scalar::<String>(trail).await, "sessions.ended 1 sessions.ended 2");
    let page = world.page(&bo, "/console/account?error=%3Cimg%3E").await;
    assert!(page.contains("&lt;img&gt;") && !page.contains("<img>"), "{page}");
}

#[tokio::test]
async fn accounts_are_listed_page_by_page_without_a_hash() {
    let (world, admin) = world(6_165).await;
    let many = "insert into users (id, email, name, role, password, created_at, updated_at) \
                select gen_random_uuid(), format('n%s@x.example', n), '<b>', 'viewer', 'a hash', now() + n * interval '1 s', now() \
                from generate_series(1, 150) n";
    world.app.db.client().await.batch_execute(many).await.unwrap();
    let first = world.page(&admin, "/console/accounts").await;
    assert_eq!(first.matches("<td>&lt;b&gt;</td>").count(), 100);
    assert!(!first.contains("a hash"));
    let (_, next) = first.split_once("/console/accounts?cursor=").expect("there are more");
    let next = next.split('"').next().unwrap();
    let second = world.page(&admin, &format!("/console/accounts?cursor={next}")).await;
    assert_eq!(second.matches("<td>&lt;b&gt;</td>").count(), 50);
    assert!(second.contains("admin@penstock.example"), "{second}");
}

/// Sends a form to `accounts`. Returns where it leads, and the cookie of a session that begins.
async fn sent(
    world: &World,
    cookie: Option<&str>,
    path: &str,
    form: &[(&str, &str)],
) -> (String, Option<String>) {
    let reply = accounts(&world.app).handle(&send(path, cookie, OWN, form), "invocation").await;
    assert_eq!(reply.status_code, 303, "{path}: {}", reply.text());
    let mut cookies = reply.cookies.iter().filter_map(|cookie| cookie.split(';').next());
    let session = cookies.find(|cookie| cookie.contains("session_token=")).map(str::to_owned);
    (reply.headers["location"].to_str().unwrap().to_owned(), session)
}

/// The hidden fields of the form that a page sends to this address.
fn hidden<'p>(page: &'p str, action: &str) -> Vec<(&'p str, &'p str)> {
    let (_, form) = page.split_once(&format!("action=\"{action}\">")).expect("it has the form");
    let form = form.split("</form>").next().unwrap();
    let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
    inputs
        .map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (name, rest.split('"').next().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn whoever_is_invited_sets_a_password_by_the_link_and_changes_it_on_their_own_page() {
    let (world, admin) = world(6_166).await;
    let form = [("email", "bo@penstock.example"), ("role", "operator")];
    let token = token_of(world.post(&admin, "/console/accounts", &form).await.text());
    let form = [
        ("token", token.as_str()),
        ("name", "Bo"),
        ("password", "correct horse"),
        ("callbackURL", "/console"),
    ];
    let (page, session) = sent(&world, None, "/api/auth/use-link", &form).await;
    let session = session.expect("a session begins");
    assert_eq!(page, "/console");
    let own = world.answer(&get("/console/account", Some(&session))).await;
    assert_eq!(own.status_code, 200, "{}", own.text());
    assert!(own.text().contains("bo@penstock.example") && own.text().contains("<dd>operator</dd>"));
    let change = "/api/auth/change-password";
    let fields = hidden(own.text(), change);
    let wrong = [&fields[..], &[("currentPassword", "a guess"), ("newPassword", "battery staple")]]
        .concat();
    let (page, _) = sent(&world, Some(&session), change, &wrong).await;
    assert_eq!(page, "/console/account?error=INVALID_PASSWORD");
    let page = world.answer(&get(&page, Some(&session))).await;
    assert!(page.text().contains("<code>INVALID_PASSWORD</code>"), "{}", page.text());
    // A wrong password makes the next try wait.
    world.app.clock.advance(Duration::from_secs(60));
    let right =
        [&fields[..], &[("currentPassword", "correct horse"), ("newPassword", "battery staple")]]
            .concat();
    let (page, renewed) = sent(&world, Some(&session), change, &right).await;
    assert_eq!(page, "/console/account?changed=password");
    let renewed = renewed.expect("a new session begins");
    let page = world.answer(&get(&page, Some(&renewed))).await;
    assert!(page.text().contains("The password is changed."), "{}", page.text());
    let before = world.answer(&get("/console/account", Some(&session))).await;
    assert_eq!(before.status_code, 303, "the session before is over");
}

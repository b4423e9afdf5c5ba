//! Every route of the console, tried by everybody: computed from the table of routes.

use std::time::Duration;

use console::Ports;
use penstock_domain::access::Need;
use penstock_domain::account::Role;
use penstock_domain::clock::Clock as _;
use penstock_edge::http::{Method, RouteInfo, routes};

use super::{OWN, Things, World, get, send};
use crate::admin::audit::refuse_trail;

/// The answer that a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    /// To sign in: by a page that leads there, or by 401.
    SignIn,
    /// 403.
    Refused,
    /// The route does its work, or says why not. Either way it is open to the caller.
    Served,
}

impl Answered {
    fn of(status: u16, location: Option<&str>) -> Self {
        let to_sign_in = location.is_some_and(|to| to.starts_with("/console/sign-in"));
        match status {
            401 => Self::SignIn,
            303 if to_sign_in => Self::SignIn,
            403 => Self::Refused,
            _ => Self::Served,
        }
    }
}

/// Who asks, and with which headers.
struct Caller<'a> {
    name: &'a str,
    cookie: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    /// The role that the caller has as far as the console can know.
    role: Option<Role>,
    /// Whether a form comes from a page of the console.
    is_own: bool,
}

impl Caller<'_> {
    fn expected(&self, route: &RouteInfo) -> Answered {
        let Need::Session(least) = route.need else { return Answered::Served };
        if route.method == Method::POST && !self.is_own {
            return Answered::Refused;
        }
        match self.role {
            None => Answered::SignIn,
            Some(role) if role < least => Answered::Refused,
            Some(_) => Answered::Served,
        }
    }
}

async fn asked(world: &World, things: &Things, route: &RouteInfo, by: &Caller<'_>) -> Answered {
    let request = if route.method == Method::GET {
        get(&things.path(&route.path), by.cookie)
    } else {
        let (path, form) = things.valid(&route.path);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        send(&path, by.cookie, by.headers, &form)
    };
    let reply = world.answer(&request).await;
    assert!(reply.status_code < 500, "{} as {}: {}", route.path, by.name, reply.text());
    let location = reply.headers.get("location").and_then(|it| it.to_str().ok());
    Answered::of(reply.status_code, location)
}

#[tokio::test]
async fn every_route_is_open_to_the_roles_that_it_names_and_to_nobody_else() {
    let world = World::with_dead(6_100, 3).await;
    let admin = world.person("admin", Role::Admin).await;
    let week_ago = world.app.clock.now() - Duration::from_secs(7 * 24 * 60 * 60);
    let (_, expired) = world.session_since(admin.id, week_ago).await;
    let things = world.things(&admin).await;
    let [viewer, operator] = [
        world.person("viewer", Role::Viewer).await,
        world.person("operator", Role::Operator).await,
    ];
    let forged = "__Secure-better-auth.session_token=0123456789abcdef0123456789abcdef";
    let caller =
        |name, cookie, headers, role, is_own| Caller { name, cookie, headers, role, is_own };
    let (foreign, site) =
        (&[("origin", "https://evil.example")][..], &[("sec-fetch-site", "cross-site")][..]);
    let own_origin = &[("origin", "https://penstock.example")][..];
    let admins = Some(admin.cookie.as_str());
    let callers = [
        // Without a cookie nobody is signed in, so no origin is asked for.
        caller("nobody", None, &[], None, true),
        caller("a forged session", Some(forged), OWN, None, true),
        caller("an expired session", Some(expired.as_str()), OWN, None, true),
        caller("another site", admins, site, Some(Role::Admin), false),
        caller("another origin", admins, foreign, Some(Role::Admin), false),
        caller("no origin", admins, &[], Some(Role::Admin), false),
        caller("viewer", Some(&viewer.cookie), OWN, Some(Role::Viewer), true),
        caller("operator", Some(&operator.cookie), own_origin, Some(Role::Operator), true),
        caller("admin", admins, OWN, Some(Role::Admin), true),
    ];
    let mut wrong = Vec::new();
    for route in routes::<Ports>() {
        for by in &callers {
            let answered = asked(&world, &things, &route, by).await;
            if answered != by.expected(&route) {
                wrong.push(format!("{} {} as {}: {answered:?}", route.method, route.path, by.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn trap_61_no_get_of_the_console_changes_a_row() {
    let world = World::with_dead(6_101, 3).await;
    let admin = world.person("admin", Role::Admin).await;
    let things = world.things(&admin).await;
    let before = world.rows().await;
    let sent = (world.app.requests.take().len(), world.transactions.take().len());
    let mut asked = 0;
    for route in routes::<Ports>().filter(|route| route.method == Method::GET) {
        let reply = world.answer(&get(&things.path(&route.path), Some(&admin.cookie))).await;
        assert!(matches!(reply.status_code, 200 | 404), "{}: {}", route.path, reply.status_code);
        assert_eq!(world.rows().await, before, "{}", route.path);
        asked += 1;
    }
    assert!(asked > 40, "{asked} pages");
    assert_eq!(
        (world.app.requests.take().len(), world.transactions.take().len()),
        (0, 0),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_change_whose_row_of_the_audit_log_cannot_be_written_is_not_made() {
    let world = World::with_dead(6_102, 3).await;
    let admin = world.person("admin", Role::Admin).await;
    let things = world.things(&admin).await;
    refuse_trail(&world.app, "console").await;
    world.app.requests.take();
    let before = world.rows().await;
    let mut tried = 0;
    for route in routes::<Ports>().filter(|route| route.method == Method::POST) {
        // It writes a cookie and nothing else.
        if route.path == "/console/zone" {
            continue;
        }
        let (path, form) = things.valid(&route.path);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = world.post(&admin, &path, &form).await;
        assert_eq!(reply.status_code, 500, "{path}: {}", reply.text());
        assert_eq!(world.rows().await, before, "{path}");
        tried += 1;
    }
    assert!(tried > 20, "{tried} routes");
    assert!(world.app.requests.take().is_empty() && world.transactions.take().is_empty());
}

#[tokio::test]
async fn each_change_is_in_the_audit_log_once_with_its_author_and_their_address() {
    let world = World::with_dead(6_103, 3).await;
    let admin = world.person("admin", Role::Admin).await;
    let things = world.things(&admin).await;
    let owner = world.app.db.client().await;
    let mut actions = Vec::new();
    for route in routes::<Ports>().filter(|route| route.method == Method::POST) {
        owner.batch_execute("delete from audit_log").await.unwrap();
        let (path, form) = things.valid(&route.path);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = world.post(&admin, &path, &form).await;
        assert!(matches!(reply.status_code, 200 | 201 | 303), "{path}: {}", reply.text());
        let sql = "select actor_kind, actor, action, address, request_id from audit_log";
        let rows = owner.query(sql, &[]).await.unwrap();
        if route.path == "/console/zone" {
            assert!(rows.is_empty());
            continue;
        }
        assert_eq!(rows.len(), 1, "{path}");
        let text = |column| rows[0].get::<_, String>(column);
        assert_eq!((text(0), text(1)), ("user".to_owned(), admin.email.clone()), "{path}");
        assert_eq!((text(3), text(4)), ("198.51.100.7".to_owned(), "invocation".to_owned()));
        actions.push(text(2));
    }
    actions.sort_unstable();
    actions.dedup();
    let expected = [
        "connection.paused",
        "connection.resumed",
        "job.paused",
        "job.planned",
        "job.resumed",
        "job.started",
        "job.stopped",
        "key.made",
        "key.revoked",
        "lead.changed",
        "link.made",
        "payload.revealed",
        "role.changed",
        "run.requested",
        "sessions.ended",
        "transaction.notified",
        "transaction.resumed",
        "user.disabled",
        "user.enabled",
        "user.invited",
    ];
    assert_eq!(actions, expected);
}

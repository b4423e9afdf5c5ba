//! Every route as every caller: a table of the statuses.

use accounts::contract;
use penstock_domain::account::Role;
use penstock_edge::http::{Method, Need};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ask, World, new_token};

/// How a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Without a cookie.
    Nobody,
    /// With a session of this role, from a page of our own.
    Person(Role),
    /// As an admin, by `Origin` alone: a browser that does not know `Sec-Fetch-Site`.
    OwnOrigin,
    /// As an admin, from a page of another origin.
    ForeignOrigin,
    /// The same, of a browser that says `Sec-Fetch-Site`.
    CrossSite,
    /// As an admin, without a word about where it comes from.
    NoOrigin,
    /// As an admin, from a frame without an origin.
    NullOrigin,
    /// With a session that is over.
    Expired,
    /// With a token that was made up.
    Forged,
}

impl Caller {
    const ALL: [Self; 11] = [
        Self::Nobody,
        Self::Person(Role::Viewer),
        Self::Person(Role::Operator),
        Self::Person(Role::Admin),
        Self::OwnOrigin,
        Self::ForeignOrigin,
        Self::CrossSite,
        Self::NoOrigin,
        Self::NullOrigin,
        Self::Expired,
        Self::Forged,
    ];

    /// Has the request come this way, with this token if it has one.
    pub fn dress(self, ask: Ask, token: &str) -> Ask {
        let bare = || ask.clone().without("sec-fetch-site");
        match self {
            Self::Nobody => ask,
            Self::Person(_) | Self::Expired | Self::Forged => ask.session(token),
            Self::OwnOrigin => bare().header("origin", super::BASE).session(token),
            Self::ForeignOrigin => bare().header("origin", "https://evil.example").session(token),
            Self::CrossSite => ask.header("sec-fetch-site", "cross-site").session(token),
            Self::NoOrigin => bare().session(token),
            Self::NullOrigin => bare().header("origin", "null").session(token),
        }
    }

    /// The role of the session; `None` if none is found.
    fn role(self) -> Option<Role> {
        match self {
            Self::Nobody | Self::Expired | Self::Forged => None,
            Self::Person(role) => Some(role),
            _ => Some(Role::Admin),
        }
    }

    fn is_refused_for_its_origin(self) -> bool {
        [Self::ForeignOrigin, Self::CrossSite, Self::NoOrigin, Self::NullOrigin].contains(&self)
    }
}

/// The path of every route, with an id in the place of a parameter.
pub fn paths(id: Uuid) -> Vec<String> {
    contract::routes().map(|route| route.path.replace("{userId}", &id.to_string())).collect()
}

/// A body that the route understands, and the statuses of one who may use it.
fn sample(name: &str) -> (Value, &'static [u16]) {
    let nothing = json!({});
    match name {
        "signUp" => (json!({"email": "new@example.com", "password": "correct horse"}), &[400]),
        "signIn" => {
            (json!({"email": "nobody@example.com", "password": "wrong horse"}), &[401, 429])
        }
        "revokeSession" => (json!({"token": "none"}), &[200]),
        "changePassword" => (
            json!({"currentPassword": "wrong horse", "newPassword": "battery staple"}),
            &[400, 429],
        ),
        "requestPasswordReset" => (json!({"email": "nobody@example.com"}), &[200]),
        "resetPassword" => (json!({"newPassword": "battery staple", "token": "none"}), &[400]),
        "useLink" => (json!({"token": "none"}), &[400]),
        "inviteUser" => (json!({"email": "new@example.com", "role": "viewer"}), &[200]),
        "setUserRole" => (json!({"role": "viewer"}), &[404]),
        "signOutUser" | "disableUser" | "enableUser" | "makeResetLink" => (nothing, &[404]),
        _ => (nothing, &[200]),
    }
}

/// The statuses that a caller may read.
fn expected(
    need: Need,
    method: &Method,
    caller: Caller,
    of_admitted: &'static [u16],
) -> &'static [u16] {
    if *method != Method::GET && caller.is_refused_for_its_origin() {
        return &[403];
    }
    match (need, caller.role()) {
        (Need::Nothing, _) => of_admitted,
        (Need::Session(_), None) => &[401],
        (Need::Session(least), Some(role)) if role < least => &[403],
        (Need::Session(_), Some(_)) => of_admitted,
        (other, _) => panic!("{other:?} is no need of this function"),
    }
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_table_says() {
    let world = World::new().await;
    let expired = {
        let person = world.person("old@example.com", Role::Admin).await;
        let token = world.session_of(&person, false).await;
        world.pass(std::time::Duration::from_secs(86_400));
        token
    };
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push((role, world.person(&format!("{}@example.com", role.as_str()), role).await));
    }
    let (mut tried, mut admitted) = (0, 0);
    for route in contract::routes() {
        for caller in Caller::ALL {
            // A session of its own each time: some routes end it.
            let token = match caller {
                Caller::Expired => expired.clone(),
                Caller::Nobody | Caller::Forged => new_token(),
                other => {
                    let of = |(role, _): &&(Role, _)| Some(*role) == other.role();
                    world.session_of(&people.iter().find(of).unwrap().1, true).await
                }
            };
            let (body, of_admitted) = sample(route.name);
            let path = route.path.replace("{userId}", &Uuid::nil().to_string());
            let ask = match route.method {
                Method::GET => Ask::get(&path),
                _ => Ask::post(&path, &body),
            };
            let answer = world.send(caller.dress(ask, &token)).await;
            let wanted = expected(route.need, &route.method, caller, of_admitted);
            assert!(
                wanted.contains(&answer.status),
                "{} as {caller:?}: {} is none of {wanted:?}: {}",
                route.name,
                answer.status,
                answer.body
            );
            assert!(!answer.reply.text().contains(&token), "{}: a reply has a token", route.name);
            tried += 1;
            admitted += usize::from(answer.status == 200);
        }
    }
    assert_eq!(tried, contract::routes().count() * Caller::ALL.len());
    assert!(admitted > 40, "{admitted} were admitted");
}

#[tokio::test]
async fn no_api_key_opens_a_route_for_people_and_no_session_one_for_keys() {
    let world = World::new().await;
    for header in ["x-api-key", "x-admin-api-key"] {
        let answer = world.send(Ask::get("/users").header(header, "a key")).await;
        assert_eq!(answer.is(401).code(), "UNAUTHORIZED");
    }
}

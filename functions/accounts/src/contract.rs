//! The contract of `accounts`, for docs/openapi.json.

use penstock_clients::clock::SystemClock;
use penstock_edge::contract::{Contract, Descriptions, Mismatch, Operation};
use penstock_edge::http::{self, RouteInfo};
use serde_json::{Value, json};

use crate::Ports;
use crate::media::FORM;
use crate::reply::{
    AuthOk, Credential, SessionAndUser, SessionBody, SignedIn, SignedOut, Status, TokenAndUser,
};

mod users;

/// The routes of this function.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    http::routes::<Ports<SystemClock>>()
}

/// Adds the routes of this function to the contract.
///
/// # Errors
/// [`Mismatch`] if the route table and the descriptions have different names.
pub fn describe(to: &mut Contract) -> Result<(), Mismatch> {
    to.describe(routes(), DESCRIPTIONS)
}

/// The routes of this function, by their names.
const DESCRIPTIONS: Descriptions<'_> = &[
    ("signUp", sign_up),
    ("signIn", sign_in),
    ("signOut", sign_out),
    ("getAuthSession", get_session),
    ("getSession", get_session),
    ("listSessions", list_sessions),
    ("revokeSession", revoke_session),
    ("revokeSessions", revoke_sessions),
    ("revokeOtherSessions", revoke_other_sessions),
    ("changePassword", change_password),
    ("requestPasswordReset", request_reset),
    ("resetPassword", reset),
    ("useLink", use_link),
    ("updateUser", update_user),
    ("listAccounts", list_accounts),
    ("authOk", ok),
    ("listUsers", users::list_users),
    ("inviteUser", users::invite),
    ("setUserRole", users::set_role),
    ("signOutUser", users::sign_out_user),
    ("disableUser", users::disable),
    ("enableUser", users::enable),
    ("makeResetLink", users::reset_link),
];

const TAG: &str = "Accounts";

const ID: &str = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";
const HANDLE: &str = "019a0c9e6a117c019a2b5d0f6b7c8e90";
const TOKEN: &str = "q2Vb0mZ8xJ4kT7sLw3Yc9RfHn5PdGaEu";

fn user() -> Value {
    json!({
        "id": ID, "name": "Ada", "email": "ada@example.com", "emailVerified": true, "image": null, "role": "viewer",
        "createdAt": "2026-06-01T12:00:00.000Z", "updatedAt": "2026-06-01T12:00:00.000Z",
    })
}

fn session() -> Value {
    json!({
        "id": "019a0c9e-6a11-7c01-9a2b-5d0f6b7c8e90", "token": HANDLE, "userId": ID,
        "expiresAt": "2026-06-08T12:00:00.000Z", "createdAt": "2026-06-01T12:00:00.000Z",
        "updatedAt": "2026-06-01T12:00:00.000Z", "ipAddress": "203.0.113.7", "userAgent": "Mozilla/5.0",
    })
}

/// A body of these fields, as JSON or as a form. Fields that are not named are left alone, and one
/// that is not required may be null.
fn fields(to: &mut Contract, name: &str, required: &[&str], properties: Value) -> Value {
    let mut properties = properties;
    properties["callbackURL"] = json!({
        "type": "string", "pattern": "^/([!-.0-\\[\\]-~][!-\\[\\]-~]*)?$|^$",
        "description": "A path of this API. A form is answered by 303 to it.",
    });
    for (field, schema) in properties.as_object_mut().into_iter().flatten() {
        if !required.contains(&field.as_str()) && schema["type"].is_string() {
            schema["type"] = json!([schema["type"], "null"]);
        }
    }
    let schema = json!({
        "type": "object", "additionalProperties": true, "required": required, "properties": properties,
    });
    to.define(name, schema)
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn email() -> Value {
    json!({
        "type": "string", "maxLength": 254, "description": "An e-mail address. Case does not matter.",
        "pattern": "^([A-Za-z0-9_'+-]+\\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\\.)+[A-Za-z]{2,}$",
    })
}

fn role() -> Value {
    json!({ "type": "string", "enum": ["viewer", "operator", "admin"] })
}

fn password() -> Value {
    json!({ "type": "string", "minLength": 8, "maxLength": 128 })
}

fn body(route: Operation, about: &str, schema: Value, example: Value) -> Operation {
    let form = (FORM, schema.clone(), example.clone());
    route
        .body(about, &[("application/json", schema, example), form])
        .reply_empty(303, "To a form: the page that comes next.")
        .problems(&[(413, "TooLarge"), (415, "UnsupportedMediaType"), (503, "Unavailable")])
}

/// A body of which nothing is required.
fn empty_body(route: Operation, to: &mut Contract) -> Operation {
    let schema = fields(to, "NoFields", &[], json!({}));
    body(route, "An empty object.", schema, json!({})).body_is_optional()
}

fn status(route: Operation, to: &mut Contract, about: &str) -> Operation {
    let reply = to.schema::<Status>();
    route.reply(200, about, &reply, &json!({ "status": true }))
}

fn sign_up(route: Operation, to: &mut Contract) -> Operation {
    let schema = fields(
        to,
        "SignUp",
        &["email", "password"],
        json!({
            "email": email(), "password": password(), "name": text("The part before the @ if it is missing."),
            "image": text("The URL of a picture."), "token": text("The token of an invitation to this address."),
            "rememberMe": { "type": "boolean", "default": true },
        }),
    );
    let example = json!({ "email": "ada@example.com", "password": "correct horse", "name": "Ada" });
    let reply = to.schema::<TokenAndUser>();
    let route = route.titled(TAG, "Make an account").about(
        "As Better Auth's, and it sets the same cookie. Unless the operator opens it to all, it takes the `token` of an \
         invitation: `POST /users/invite` makes one. An account of one who was not invited is a viewer's.",
    );
    body(route, "The account.", schema, example)
        .reply(
            200,
            "It is made, and signed in.",
            &reply,
            &json!({ "token": HANDLE, "user": user() }),
        )
        .problems(&[(403, "ForeignOrigin"), (422, "UserExists"), (429, "TooManyTries")])
}

fn sign_in(route: Operation, to: &mut Contract) -> Operation {
    let schema = fields(
        to,
        "SignIn",
        &["email", "password"],
        json!({
            "email": email(), "password": text("The password."),
            "rememberMe": { "type": "boolean", "default": true, "description": "false: until the browser is closed, and a day at most." },
        }),
    );
    let reply = to.schema::<SignedIn>();
    let example = json!({ "email": "ada@example.com", "password": "correct horse" });
    let signed_in = json!({ "redirect": false, "token": HANDLE, "user": user() });
    let route = route.titled(TAG, "Sign in").about(
        "As Better Auth's, and it sets the same cookie. `token` names the session, and opens nothing: the token itself is in \
         the cookie only. A wrong password makes a pause for this account, which doubles up to 15 minutes; an unknown address \
         is answered alike, and as fast.",
    );
    body(route, "Address and password.", schema, example)
        .reply(200, "Signed in.", &reply, &signed_in)
        .problems(&[(401, "WrongPassword"), (403, "ForeignOrigin"), (429, "TooManyTries")])
}

fn sign_out(route: Operation, to: &mut Contract) -> Operation {
    let reply = to.schema::<SignedOut>();
    empty_body(route.titled(TAG, "Sign out"), to)
        .reply(200, "The session has ended, if there was one.", &reply, &json!({ "success": true }))
        .problems(&[(403, "ForeignOrigin")])
}

fn get_session(route: Operation, to: &mut Contract) -> Operation {
    let found = to.schema::<SessionAndUser>();
    let reply = json!({ "anyOf": [found, { "type": "null" }] });
    let flag = |about: &str| (about.to_owned(), json!({ "type": "string" }));
    let (refresh, cache) = (
        flag("`true`: the session is not renewed."),
        flag("For Better Auth's client. It changes nothing here."),
    );
    route
        .titled(TAG, "Read the session")
        .about("`null` without a session, and never 401. One that is older than a day is renewed, and its cookie set again.")
        .query("disableRefresh", &refresh.0, refresh.1)
        .query("disableCookieCache", &cache.0, cache.1)
        .reply(200, "The session with its user, or null.", &reply, &json!({ "session": session(), "user": user() }))
        .problems(&[(503, "Unavailable")])
}

fn list_sessions(route: Operation, to: &mut Contract) -> Operation {
    let one = to.schema::<SessionBody>();
    let reply = json!({ "type": "array", "items": one });
    route
        .titled(TAG, "List your sessions")
        .reply(200, "Sessions that are not over, newest first.", &reply, &json!([session()]))
        .problems(&[(503, "Unavailable")])
}

fn revoke_session(route: Operation, to: &mut Contract) -> Operation {
    let schema = fields(
        to,
        "RevokeSession",
        &["token"],
        json!({ "token": text("The `token` of the list.") }),
    );
    let route = route.titled(TAG, "End one of your sessions");
    let route = body(route, "The session.", schema, json!({ "token": HANDLE }));
    status(route, to, "It has ended, or was none.")
}

fn revoke_sessions(route: Operation, to: &mut Contract) -> Operation {
    let route = empty_body(route.titled(TAG, "End all your sessions"), to);
    status(route, to, "They have ended, this one too.")
}

fn revoke_other_sessions(route: Operation, to: &mut Contract) -> Operation {
    let route = empty_body(route.titled(TAG, "End your other sessions"), to);
    status(route, to, "They have ended.")
}

fn change_password(route: Operation, to: &mut Contract) -> Operation {
    let schema = fields(
        to,
        "ChangePassword",
        &["currentPassword", "newPassword"],
        json!({
            "currentPassword": text("The password of today."), "newPassword": password(),
            "revokeOtherSessions": { "type": "boolean", "description": "Other sessions end in any case." },
        }),
    );
    let reply = to.schema::<TokenAndUser>();
    let example = json!({ "currentPassword": "correct horse", "newPassword": "battery staple" });
    body(route.titled(TAG, "Change your password"), "Both passwords.", schema, example)
        .reply(
            200,
            "It is changed, and this session has a new cookie.",
            &reply,
            &json!({ "token": null, "user": user() }),
        )
        .problems(&[(429, "TooManyTries")])
}

fn request_reset(route: Operation, to: &mut Contract) -> Operation {
    let properties = json!({ "email": email(), "redirectTo": text("For Better Auth's client. It changes nothing here.") });
    let schema = fields(to, "RequestPasswordReset", &["email"], properties);
    let route = route
        .titled(TAG, "Ask for a new password")
        .about("A mail with a link comes within a minute or two, if mail is set up. An unknown address is answered alike.");
    let route = body(route, "The address.", schema, json!({ "email": "ada@example.com" }));
    status(route, to, "Noted.").problems(&[(403, "ForeignOrigin"), (429, "TooManyTries")])
}

fn reset(route: Operation, to: &mut Contract) -> Operation {
    let properties = json!({ "newPassword": password(), "token": text("The token of the link.") });
    let schema = fields(to, "ResetPassword", &["newPassword"], properties);
    let example = json!({ "newPassword": "battery staple", "token": TOKEN });
    let route = route.titled(TAG, "Set a new password").query(
        "token",
        "The token of the link, if the body has none.",
        json!({ "type": "string" }),
    );
    let route = body(route, "The password.", schema, example);
    status(route, to, "It is set, and all sessions have ended.").problems(&[(403, "ForeignOrigin")])
}

fn use_link(route: Operation, to: &mut Contract) -> Operation {
    let properties = json!({
        "token": text("The token of the link."), "password": password(), "name": text("The name of a new account."),
        "rememberMe": { "type": "boolean", "default": true },
    });
    let schema = fields(to, "UseLink", &["token"], properties);
    let reply = to.schema::<SignedIn>();
    let route = route.titled(TAG, "Sign in by a link").about(
        "A link works once. One that invites or sets a new password asks for `password`; one that signs in does not.",
    );
    body(route, "The link.", schema, json!({ "token": TOKEN, "password": "correct horse" }))
        .reply(
            200,
            "Signed in.",
            &reply,
            &json!({ "redirect": false, "token": HANDLE, "user": user() }),
        )
        .problems(&[(403, "ForeignOrigin"), (422, "UserExists")])
}

fn update_user(route: Operation, to: &mut Contract) -> Operation {
    let image = json!({ "type": ["string", "null"], "description": "The URL of a picture; null takes it away." });
    let properties = json!({ "name": text("Your name."), "image": image });
    let schema = fields(to, "UpdateUser", &[], properties);
    let route = route.titled(TAG, "Change your name or picture");
    let route =
        body(route, "The fields to change.", schema, json!({ "name": "Ada" })).body_is_optional();
    status(route, to, "It is changed.")
}

fn list_accounts(route: Operation, to: &mut Contract) -> Operation {
    let one = to.schema::<Credential>();
    let reply = json!({ "type": "array", "items": one });
    let example = json!([{
        "id": ID, "providerId": "credential", "accountId": ID, "userId": ID, "scopes": [],
        "createdAt": "2026-06-01T12:00:00.000Z", "updatedAt": "2026-06-01T12:00:00.000Z",
    }]);
    route
        .titled(TAG, "List your ways to sign in")
        .reply(200, "One if a password is set, else none.", &reply, &example)
        .problems(&[(503, "Unavailable")])
}

fn ok(route: Operation, to: &mut Contract) -> Operation {
    let reply = to.schema::<AuthOk>();
    route.titled(TAG, "Whether accounts are served here").reply(
        200,
        "They are.",
        &reply,
        &json!({ "ok": true }),
    )
}

//! The contract of the routes by which an admin manages accounts.

use penstock_edge::contract::{Contract, Operation};
use serde_json::json;

use super::{ID, TAG, TOKEN, body, email, empty_body, fields, role, status, user};
use crate::reply::{LinkReply, UsersReply};
use crate::users::{DEFAULT_LIMIT, MOST};

pub(super) fn list_users(route: Operation, to: &mut Contract) -> Operation {
    let reply = to.schema::<UsersReply>();
    let mut one = user();
    one["hasPassword"] = json!(true);
    one["disabledAt"] = json!(null);
    one["lastSeenAt"] = json!("2026-06-02T08:00:00.000Z");
    one["sessions"] = json!(1);
    route
        .titled(TAG, "List all accounts")
        .query(
            "limit",
            "How many accounts a page has.",
            json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT }),
        )
        .query(
            "cursor",
            "`nextCursor` of the page before.",
            json!({ "type": "string", "format": "run-cursor" }),
        )
        .reply(
            200,
            "A page of accounts, newest first.",
            &reply,
            &json!({ "users": [one], "nextCursor": null }),
        )
        .problems(&[(503, "Unavailable")])
}

fn link(route: Operation, to: &mut Contract, kind: &str) -> Operation {
    let reply = to.schema::<LinkReply>();
    let mut link = json!({
        "kind": kind, "email": "ada@example.com", "url": format!("https://api.example.com/console/link?token={TOKEN}"),
        "expiresAt": "2026-06-08T12:00:00.000Z", "mailed": false,
    });
    if kind == "invite" {
        link["role"] = json!("operator");
    }
    route.reply(
        200,
        "The link, which no later reply shows.",
        &reply,
        &json!({ "status": true, "link": link }),
    )
}

pub(super) fn invite(route: Operation, to: &mut Contract) -> Operation {
    let schema =
        fields(to, "InviteUser", &["email", "role"], json!({ "email": email(), "role": role() }));
    let route = route.titled(TAG, "Invite a person").about(
        "The link works once, for seven days. An older one to the same address works no more.",
    );
    let route = body(
        route,
        "The person.",
        schema,
        json!({ "email": "ada@example.com", "role": "operator" }),
    );
    link(route, to, "invite").problems(&[(422, "UserExists")])
}

fn of_user(route: Operation, title: &str) -> Operation {
    let id = json!({ "type": "string", "format": "user-id", "examples": [ID] });
    route.titled(TAG, title).path("userId", "The account's id.", id).problems(&[(404, "NotFound")])
}

pub(super) fn set_role(route: Operation, to: &mut Contract) -> Operation {
    let schema = fields(to, "SetUserRole", &["role"], json!({ "role": role() }));
    let route = of_user(route, "Give an account a role")
        .about("All of its sessions end. The last admin stays one.");
    let route = body(route, "The role.", schema, json!({ "role": "operator" }));
    status(route, to, "It has this role.").problems(&[(409, "LastAdmin")])
}

pub(super) fn sign_out_user(route: Operation, to: &mut Contract) -> Operation {
    let route = empty_body(of_user(route, "End all sessions of an account"), to);
    status(route, to, "They have ended.")
}

pub(super) fn disable(route: Operation, to: &mut Contract) -> Operation {
    let route = of_user(route, "Disable an account")
        .about("Nobody can sign in to it any more, and its sessions end. The last admin stays.");
    let route = empty_body(route, to);
    status(route, to, "It is disabled.").problems(&[(409, "LastAdmin")])
}

pub(super) fn enable(route: Operation, to: &mut Contract) -> Operation {
    let route = empty_body(of_user(route, "Enable an account"), to);
    status(route, to, "It can be signed in to again.")
}

pub(super) fn reset_link(route: Operation, to: &mut Contract) -> Operation {
    let route = of_user(route, "Make a link to a new password")
        .about("For people whom no mail reaches. It works once, for an hour.");
    let route = empty_body(route, to);
    link(route, to, "reset")
}

//! The pages for people without a session: to sign in, and to use a link that works once. They
//! change nothing; their forms go to `accounts`.

use askama::Template;
use penstock_domain::account::link::Kind;
use penstock_domain::account::token;
use penstock_edge::http::{Call, Failure, Problem, Query, Reply, StatusCode};
use penstock_store::account_links;

use crate::Ports;
use crate::addresses::own_page;
use crate::filters::{self, Markup};
use crate::page::{self, Shell};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    shell: Shell,
    next: String,
    error: Option<String>,
    note: Option<&'static str>,
}

/// `GET /console/sign-in`: `next`, the page to go on to; `error` and `retryAfter`, of a refusal;
/// `asked` and `done`, of a password that is set anew.
pub(crate) async fn page(_: &Ports, mut call: Call<'_>) -> Result<Reply, Failure> {
    let next = call.query.take("next");
    let error = Refused::take(&mut call.query);
    let (asked, done) = (call.query.take("asked"), call.query.take("done"));
    let note = match (asked.as_deref(), done.as_deref()) {
        (Some("reset"), _) => {
            Some("If there is such an account, a mail with a link is on its way.")
        }
        (_, Some("reset")) => Some("The password is set. Sign in with it."),
        _ => None,
    };
    let next = next.as_deref().and_then(own_page).unwrap_or("/console").to_owned();
    let shell = Shell::outside("Sign in");
    page::html(StatusCode::OK, &SignIn { shell, next, error, note })
}

/// A refusal by `accounts`, which leads back to the page with its form.
struct Refused;

impl Refused {
    /// Takes the refusal as a sentence. A code that is not known here says no more than that.
    fn take(query: &mut Query) -> Option<String> {
        let code = query.take("error")?;
        let seconds = query.take("retryAfter").and_then(|text| text.parse::<u64>().ok());
        let sentence = match code.as_str() {
            "INVALID_EMAIL_OR_PASSWORD" => "The e-mail address or the password is wrong.",
            "TOO_MANY_REQUESTS" => "Too many tries.",
            "INVALID_TOKEN" => "The link was used before, or is too old. Ask for another one.",
            "PASSWORD_REQUIRED" => "Choose a password.",
            "PASSWORD_TOO_SHORT" => "The password is too short: it needs 8 characters.",
            "PASSWORD_TOO_LONG" => "The password is too long: 128 characters at most.",
            "VALIDATION_ERROR" => "A field is not as it must be.",
            _ => "That did not work. Try again.",
        };
        Some(match seconds {
            Some(seconds) => format!("{sentence} Try again in {}.", filters::span(seconds)),
            None => sentence.to_owned(),
        })
    }
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    shell: Shell,
    token: String,
    email: Markup,
    asks_for_password: bool,
    asks_for_name: bool,
    error: Option<String>,
}

/// `GET /console/link`: `token`. The page has a button; nothing happens before it is pressed, so a
/// preview of the link uses nothing up (trap 61).
pub(crate) async fn link(ports: &Ports, mut call: Call<'_>) -> Result<Reply, Failure> {
    let gone = || {
        Problem::not_found(
            "The link is none of ours, was used before, or is too old. Ask for another one.",
        )
    };
    let token = call.query.take("token").unwrap_or_default();
    let error = Refused::take(&mut call.query);
    let sha256 = token::hashed(&token).ok_or_else(gone)?;
    let find = || async {
        let connection = ports.database.connection().await?;
        account_links::find(&**connection, &sha256, call.now).await
    };
    let link = ports.database.in_time_or_again(find).await?.ok_or_else(gone)?;
    let title = match link.kind {
        Kind::SignIn => "Sign in by a link",
        Kind::Invite => "You are invited",
        Kind::Reset => "Choose a new password",
    };
    let page = LinkPage {
        shell: Shell::outside(title),
        token,
        email: filters::text(&link.email),
        asks_for_password: link.kind.asks_for_password(),
        asks_for_name: link.kind == Kind::Invite && link.user_id.is_none(),
        error,
    };
    page::html(StatusCode::OK, &page)
}

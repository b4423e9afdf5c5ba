//! `/console/keys`: API keys are listed, made and revoked. A key is shown once, by the reply that
//! makes it.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use penstock_domain::access::{Scope, hashed};
use penstock_domain::audit::Action;
use penstock_domain::ids::KeyId;
use penstock_domain::intake::KEYLESS;
use penstock_edge::http::{Call, Failure, Problem, RETRY_AFTER, Reply, StatusCode};
use penstock_store::api_keys::{self, NewKey, ShownKey};
use penstock_store::audit::{self, Entry};
use penstock_store::{StoreError, begin, commit};
use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Uuid;

use super::form::{Form, fault};
use super::trail::entry;
use super::{LONGEST_WHY, id, maybe_why};
use crate::filters::{self, Markup, SHORT};
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::panel::{Panels, Part};
use crate::{Ports, Visitor};

/// The longest name of a key, in bytes. It is part of indexes, which have a limit.
const LONGEST_NAME: usize = 255;

/// The highest rate of a key: requests a second.
const HIGHEST_RATE: i32 = 1_000_000;

/// Keys on the page. Revoked ones are last.
const MOST: i64 = 500;

/// The scopes that a form offers.
const SCOPES: [Scope; 3] = [Scope::Ingest, Scope::Read, Scope::Admin];

fn unknown() -> Problem {
    Problem::not_found("There is no such key.")
}

/// A key as the list has it.
struct Line {
    id: Uuid,
    name: Markup,
    scope: String,
    rate: Markup,
    made_by: Markup,
    created: Markup,
    last_used: Markup,
    revoked: Markup,
    is_valid: bool,
}

impl Line {
    fn of(shown: ShownKey, visitor: &Visitor) -> Self {
        let ShownKey { key, made_by, last_used_at } = shown;
        let zone = &visitor.zone;
        Self {
            id: key.id,
            name: filters::cut(&key.name, SHORT, None),
            scope: key.scope,
            rate: match key.rate_per_second {
                Some(rate) => filters::number(rate.into(), ""),
                None => filters::text("as usual"),
            },
            made_by: filters::maybe(made_by.as_deref()),
            created: filters::time(key.created_at, zone),
            last_used: match last_used_at {
                Some(at) => filters::time(at, zone),
                None => filters::text("never"),
            },
            revoked: filters::maybe_time(key.revoked_at, zone),
            is_valid: key.revoked_at.is_none(),
        }
    }
}

#[derive(Template)]
#[template(path = "acting/keys.html")]
struct Keys {
    shell: Shell,
    keys: Part<Vec<Line>>,
}

impl Keys {
    const LONGEST_NAME: usize = LONGEST_NAME;
    const HIGHEST_RATE: i32 = HIGHEST_RATE;

    fn scopes() -> [&'static str; 3] {
        SCOPES.map(Scope::as_str)
    }
}

/// `GET /console/keys`
pub(crate) async fn list(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut panels = Panels::of(&ports.database);
    let keys = panels.read("keys", async |on: &_| api_keys::newest(on, MOST).await).await;
    panels.end().await;
    let line = |key| Line::of(key, &call.caller);
    let keys = keys.map(|keys| keys.into_iter().map(line).collect());
    html(StatusCode::OK, &Keys { shell: Shell::of(&call, Area::Keys, "API keys"), keys })
}

/// The fields of a key that is to be made.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    scope: Scope,
    rate: Option<i32>,
}

impl Wanted {
    /// Reads the form.
    ///
    /// # Errors
    /// 400 that names each field that cannot be read.
    fn of(form: &Form) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let name = form.text("name").unwrap_or_default();
        let is_sound =
            !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control);
        if !is_sound || name == KEYLESS {
            let detail = format!("must be 1 to {LONGEST_NAME} bytes without control characters");
            faults.push(fault("name", &detail));
        }
        let scope = form.text("scope").and_then(Scope::parse);
        if scope.is_none() {
            faults.push(fault("scope", "must be ingest, read or admin"));
        }
        let rate = form.text("rate").map(|text| text.parse::<i32>().ok());
        let is_rate =
            |rate: &Option<i32>| rate.is_some_and(|rate| (1..=HIGHEST_RATE).contains(&rate));
        if rate.as_ref().is_some_and(|rate| !is_rate(rate)) {
            let detail = format!("must be empty, or a whole number from 1 to {HIGHEST_RATE}");
            faults.push(fault("rate", &detail));
        }
        match scope {
            Some(scope) if faults.is_empty() => {
                Ok(Self { name: name.to_owned(), scope, rate: rate.flatten() })
            }
            _ => Err(Problem::invalid(faults)),
        }
    }
}

#[derive(Template)]
#[template(path = "acting/key_made.html")]
struct Made {
    shell: Shell,
    name: Markup,
    scope: &'static str,
    /// The key itself. No other page has it, and the database has its hash.
    key: String,
    has_mark: bool,
}

/// `POST /console/keys`: `name`, `scope`, `rate`. The reply is the only one that has the key.
pub(crate) async fn make(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let wanted = Wanted::of(&Form::of(call.request)?)?;
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).map_err(|_| Failure::internal("no random bytes"))?;
    let scope = wanted.scope.as_str();
    let key = format!("penstock_{scope}_{}", URL_SAFE_NO_PAD.encode(random));
    let (sha256, _) = hashed(key.as_bytes());
    // Made first: a key that is registered and has no mark would be one of the older form.
    let mark = ports.issuer.mark(wanted.scope, &sha256, call.now).await;
    let mark =
        mark.map_err(|error| Failure::from(Problem::unavailable(RETRY_AFTER)).because(error))?;
    let id = KeyId::new(call.now).0;
    let new = NewKey {
        id,
        name: &wanted.name,
        scope: wanted.scope,
        sha256,
        rate_per_second: wanted.rate,
    };
    let making = async {
        let by = &call.caller.session.email;
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        api_keys::make(&tx, new, by, call.now).await?;
        let object = id.to_string();
        let detail = serde_json::json!({ "name": wanted.name, "scope": scope }).to_string();
        let entry = Entry { detail: Some(&detail), ..entry(&call, Action::KeyMade, &object) };
        audit::write(&tx, &entry).await?;
        commit(tx).await
    };
    ports.database.in_time(making).await?;
    let page = Made {
        shell: Shell::of(&call, Area::Keys, "A new key"),
        name: filters::text(&wanted.name),
        scope,
        has_mark: mark.is_some(),
        key: match mark {
            Some(mark) => format!("{key}.{mark}"),
            None => key,
        },
    };
    html(StatusCode::CREATED, &page)
}

#[derive(Template)]
#[template(path = "acting/key.html")]
struct Asking {
    shell: Shell,
    key: Line,
}

impl Asking {
    const LONGEST_WHY: usize = LONGEST_WHY;
}

/// `GET /console/keys/{id}/revoke`: asks.
pub(crate) async fn ask_revoke(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = id(&call, unknown)?;
    let reading = || async { api_keys::find(&**ports.database.connection().await?, id).await };
    let found = ports.database.in_time_or_again(reading).await?.ok_or_else(unknown)?;
    let key = Line::of(found, &call.caller);
    html(StatusCode::OK, &Asking { shell: Shell::of(&call, Area::Keys, "Revoke a key"), key })
}

/// `POST /console/keys/{id}/revoke`: `why`. A key that is revoked already stays as it is.
pub(crate) async fn revoke(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = id(&call, unknown)?;
    let form = Form::of(call.request)?;
    let why = maybe_why(&form)?;
    let revoking = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(found) = api_keys::find(&tx, id).await? else { return Ok(false) };
        if api_keys::revoke(&tx, id, call.now).await? {
            let object = id.to_string();
            let detail = serde_json::json!({ "name": found.key.name, "scope": found.key.scope });
            let detail = detail.to_string();
            let entry = entry(&call, Action::KeyRevoked, &object);
            audit::write(&tx, &Entry { why, detail: Some(&detail), ..entry }).await?;
            commit(tx).await?;
        }
        Ok::<_, StoreError>(true)
    };
    if !ports.database.in_time(revoking).await? {
        return Err(unknown().into());
    }
    Ok(see_other("/console/keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<Wanted, Problem> {
        Wanted::of(&Form::parse(form.as_bytes()).unwrap())
    }

    #[test]
    fn a_key_has_a_name_a_scope_and_perhaps_a_rate() {
        let wanted = read("name=+crm+&scope=read&rate=").unwrap();
        assert_eq!(wanted, Wanted { name: "crm".to_owned(), scope: Scope::Read, rate: None });
        assert_eq!(read("name=crm&scope=ingest&rate=5").unwrap().rate, Some(5));
    }

    #[test]
    fn each_field_that_cannot_be_read_is_named() {
        let long = format!("name={}&scope=read", "x".repeat(256));
        let keyless = form_urlencoded::Serializer::new("scope=ingest&".to_owned())
            .append_pair("name", KEYLESS)
            .finish();
        for (form, pointers) in [
            ("", &["#/name", "#/scope"][..]),
            ("name=a%0Ab&scope=root&rate=0", &["#/name", "#/scope", "#/rate"]),
            ("name=crm&scope=read&rate=1.5", &["#/rate"]),
            ("name=crm&scope=read&rate=1000001", &["#/rate"]),
            (long.as_str(), &["#/name"]),
            (keyless.as_str(), &["#/name"]),
        ] {
            let refused = read(form).unwrap_err();
            let found: Vec<&str> = refused.errors.iter().map(|it| it.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{form}");
        }
    }
}

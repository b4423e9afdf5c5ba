//! Bootstrap keys: made elsewhere, kept in Secrets Manager, registered by each deployment.
//!
//! `{"keys":[{"name":"crm","scope":"ingest","key":"…","ratePerSecond":50}]}`; the rate may be left
//! out.

use std::collections::HashMap;

use penstock_clients::secret::Secret;
use penstock_domain::access::hashed;
use penstock_domain::clock::Clock;
use penstock_domain::ids::KeyId;
use penstock_domain::text::LONGEST_API_KEY;
use penstock_store::api_keys::{self, NewKey, Scope};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::{MigrateError, Ports};

/// Bytes. A key of 32 random characters cannot be guessed.
const SHORTEST: usize = 32;

/// The reason why the secret cannot be used. It names the entry and repeats nothing but names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The secret is not JSON of this shape.
    #[error(
        "the secret is not JSON of the form {{\"keys\":[{{\"name\":…,\"scope\":…,\"key\":…}}]}}"
    )]
    Shape,
    /// One of the keys cannot be used. Keys are counted from 1.
    #[error("key {index} ({}): {reason}", name.as_deref().unwrap_or("without a name"))]
    Key {
        index: usize,
        /// The key's name, if it can be read.
        name: Option<String>,
        reason: String,
    },
}

/// A key that may be registered.
#[derive(Debug)]
struct Entry {
    name: String,
    scope: Scope,
    sha256: [u8; 32],
    rate_per_second: Option<i32>,
}

impl<C: Clock> Ports<C> {
    /// Registers the keys that are not there yet, and returns their number. A revoked key is there,
    /// and stays revoked.
    pub(crate) async fn bootstrap(&self, secret: &Secret) -> Result<usize, MigrateError> {
        let now = self.clock.now();
        let text = secret.get(now, true).await?;
        let entries = parse(text.expose_secret())?;
        let connection = self.database.connection().await?;
        let mut registered = 0;
        for Entry { name, scope, sha256, rate_per_second } in &entries {
            let (id, scope, sha256) = (KeyId::new(now).0, *scope, *sha256);
            let new = NewKey { id, name, scope, sha256, rate_per_second: *rate_per_second };
            registered += usize::from(api_keys::insert(&**connection, new, now).await?);
        }
        Ok(registered)
    }
}

/// Reads all keys of the secret, or none.
fn parse(text: &str) -> Result<Vec<Entry>, Unusable> {
    let mut whole: Value = serde_json::from_str(text).map_err(|_| Unusable::Shape)?;
    let listed = match whole.as_object_mut() {
        Some(object) if object.len() == 1 => object.remove("keys").ok_or(Unusable::Shape)?,
        _ => return Err(Unusable::Shape),
    };
    let listed = listed.as_array().ok_or(Unusable::Shape)?;
    let mut seen = HashMap::new();
    let mut entries = Vec::new();
    for (index, value) in (1..).zip(listed) {
        let wrong = |reason| Unusable::Key {
            index,
            name: value["name"].as_str().map(str::to_owned),
            reason,
        };
        let entry = entry(value).map_err(|reason| wrong(reason.to_owned()))?;
        if let Some(first) = seen.insert(entry.sha256, index) {
            return Err(wrong(format!("it is key {first} again")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Reads one key. The error is the reason for the operator.
fn entry(value: &Value) -> Result<Entry, &'static str> {
    let fields = value.as_object().ok_or("it is not an object")?;
    if fields
        .keys()
        .any(|field| !["name", "scope", "key", "ratePerSecond"].contains(&field.as_str()))
    {
        return Err("it has a field that is none of name, scope, key and ratePerSecond");
    }
    let name =
        value["name"].as_str().filter(|name| !name.trim().is_empty()).ok_or("it has no name")?;
    let scope = value["scope"].as_str().and_then(Scope::parse);
    let scope = scope.ok_or("its scope is none of read, ingest and admin")?;
    let key = value["key"].as_str().ok_or("it has no key")?;
    if key.len() < SHORTEST {
        return Err("its key is shorter than 32 characters");
    }
    if key.len() > LONGEST_API_KEY {
        return Err("its key is longer than 512 characters");
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its key has a space or another character that an HTTP header does not carry");
    }
    let rate_per_second = match value.get("ratePerSecond") {
        None | Some(Value::Null) => None,
        Some(rate) => {
            Some(whole_rate(rate).ok_or("its ratePerSecond is not a whole number above zero")?)
        }
    };
    Ok(Entry { name: name.to_owned(), scope, sha256: hashed(key.as_bytes()).0, rate_per_second })
}

fn whole_rate(value: &Value) -> Option<i32> {
    i32::try_from(value.as_i64()?).ok().filter(|rate| *rate > 0)
}

//! A connection as it is to be: the body laid over what is there, and checked as far as it can be
//! without asking anybody.

use penstock_domain::connecting::{self, Folder, PLACES};
use penstock_domain::connection::{self, Connection, Settings, State};
use penstock_domain::source::{self, SOURCES, Source, Webhook};
use penstock_edge::http::{FieldError, Problem};
use penstock_store::connections::change::Entry;
use secrecy::{ExposeSecret, SecretString};

use super::body::{Body, fault, setting_fault};
use crate::AdminConfig;

/// The source of a secret: a text to be written, or the name of one that is there.
pub(super) enum Origin {
    Text(SecretString),
    Named(String),
}

/// A connection as it is to be.
pub(super) struct Wanted {
    pub source: &'static dyn Source,
    pub key: Origin,
    pub signing: Option<Origin>,
    /// Whether the signing secret is to be made, because nobody but us needs to know it.
    pub makes_signing: bool,
    pub settings: Settings,
}

/// The source that the body names, and the faults that can be told without looking anything up.
pub(super) fn source_of(name: &str, body: &Body) -> Result<&'static dyn Source, Problem> {
    let known = || {
        let names: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
        names.join(", ")
    };
    let found = match body.source.as_deref() {
        None => Err(vec![fault("source", format!("is required: one of {}", known()))]),
        Some(word) => source::find(word)
            .ok_or_else(|| vec![fault("source", format!("must be one of {}", known()))]),
    };
    let mut faults = found.as_ref().err().cloned().unwrap_or_default();
    // Without a source, any vendor's rules say whether it is a name at all.
    let source = found.unwrap_or(SOURCES[0]);
    match connection::check_name(name, source) {
        Err(connection::Unusable::Taken) if !faults.is_empty() => {}
        Err(unusable) => faults.push(path_fault(unusable.to_string())),
        Ok(()) => {}
    }
    for (texts, names, has_both) in [
        ("key", "keySecret", body.key.is_some() && body.key_secret.is_some()),
        (
            "signingSecrets",
            "signingSecret",
            body.signing_secrets.is_some() && body.signing_secret.is_some(),
        ),
    ] {
        if has_both {
            faults.push(fault(names, format!("is the name of a secret: give it or {texts}")));
        }
    }
    if faults.is_empty() { Ok(source) } else { Err(Problem::invalid(faults)) }
}

fn path_fault(detail: String) -> FieldError {
    FieldError { pointer: "#/path/name".to_owned(), detail }
}

impl Wanted {
    /// Lays the body over what there is. `entry` is the row, if the connection has one.
    ///
    /// # Errors
    /// 400 that names each field or setting at fault.
    pub(super) fn of(
        name: &str,
        source: &'static dyn Source,
        body: Body,
        entry: Option<&Entry>,
        config: &AdminConfig,
    ) -> Result<Self, Problem> {
        let live = entry.map(|entry| &entry.connection).filter(|it| it.state.is_open());
        let mut faults = Vec::new();
        let before = live.map(|live| live.settings.clone()).unwrap_or_default();
        let settings = body.settings.unwrap_or_else(|| before.clone());
        let prefix = &config.secrets_prefix;
        let key = match (body.key, body.key_secret) {
            (Some(text), _) => Some(Origin::Text(text)),
            (None, Some(secret)) => {
                let used = live.and_then(|live| live.key_secret.as_deref()) == Some(&*secret);
                if !used {
                    faults.extend(name_fault("keySecret", &secret, Folder::Keys, prefix));
                    faults.extend(elsewhere(&settings));
                }
                Some(Origin::Named(secret))
            }
            (None, None) => live.and_then(|live| live.key_secret.clone()).map(Origin::Named),
        };
        if key.is_none() {
            faults
                .push(fault("key", "is required: the key, or the name of its secret as keySecret"));
        }
        let is_text = matches!(key, Some(Origin::Text(_)));
        if let Some(place) = connecting::moved(&before, &settings).filter(|_| !is_text) {
            faults
                .push(setting_fault(place, "says where the key goes: give the key again with it"));
        }
        let named = |secret: String| {
            let used = live.and_then(|live| live.signing_secret.as_deref()) == Some(&*secret);
            let fault = name_fault("signingSecret", &secret, Folder::Signing, prefix);
            (Origin::Named(secret), fault.filter(|_| !used))
        };
        let (signing, signing_fault) = match (body.signing_secrets, body.signing_secret) {
            (Some(texts), _) => match signing_text(&texts) {
                Ok(text) => (Some(Origin::Text(text)), None),
                Err(detail) => (None, Some(fault("signingSecrets", detail))),
            },
            (None, Some(secret)) => {
                let (origin, fault) = named(secret);
                (Some(origin), fault)
            }
            (None, None) => {
                (live.and_then(|live| live.signing_secret.clone()).map(Origin::Named), None)
            }
        };
        faults.extend(signing_fault);
        if signing.is_some() && source.webhook().is_none() {
            faults.push(fault("signingSecrets", format!("{} pushes nothing", source.name())));
        }
        let makes_signing = signing.is_none()
            && matches!(source.webhook(), Some(Webhook::Notified(_)))
            && config.told_where.contains(&source.name());
        let connection = Connection {
            name: name.to_owned(),
            source: source.name().to_owned(),
            account: None,
            settings,
            // Any will do: it is not read here.
            key_secret: Some(String::new()),
            signing_secret: None,
            state: State::Active,
            revision: 0,
        };
        match connecting::check(&connection, source, config.plain_http) {
            Err(found) => {
                faults.extend(found.iter().map(|it| setting_fault(&it.setting, &*it.reason)));
            }
            Ok(env) => {
                if let Some(Origin::Text(text)) = &key {
                    let text = text.expose_secret();
                    let checked = connecting::check_key(source, text, &env, config.plain_http);
                    faults.extend(checked.err().map(|detail| fault("key", detail)));
                }
            }
        }
        let settings = connection.settings;
        match key {
            Some(key) if faults.is_empty() => {
                Ok(Self { source, key, signing, makes_signing, settings })
            }
            _ => Err(Problem::invalid(faults)),
        }
    }

    /// Whether a signing secret is written.
    pub(super) fn writes_signing(&self) -> bool {
        self.makes_signing || matches!(self.signing, Some(Origin::Text(_)))
    }

    /// The number of secrets that are written.
    pub(super) fn writes(&self) -> usize {
        let writes_key = matches!(self.key, Origin::Text(_));
        usize::from(writes_key) + usize::from(self.writes_signing())
    }

    /// Whether the connection is all of this already.
    pub(super) fn is_there(&self, entry: Option<&Entry>) -> bool {
        let Some(live) = entry.map(|it| &it.connection).filter(|it| it.state.is_open()) else {
            return false;
        };
        let is_named = |origin: &Origin, name: &Option<String>| matches!(origin, Origin::Named(secret) if name.as_ref() == Some(secret));
        is_named(&self.key, &live.key_secret)
            && self.signing.as_ref().is_none_or(|it| is_named(it, &live.signing_secret))
            && !self.makes_signing
            && self.settings == live.settings
    }
}

/// A key that is named, not given, must not go to a place that the request names: whoever may name
/// secrets could send them anywhere.
fn elsewhere(settings: &Settings) -> Option<FieldError> {
    let place = PLACES.into_iter().find(|place| settings.contains_key(*place))?;
    Some(setting_fault(place, "cannot be set together with keySecret: give the key itself"))
}

fn name_fault(field: &str, secret: &str, folder: Folder, prefix: &str) -> Option<FieldError> {
    if !folder.holds(prefix, secret) {
        let detail = format!("must be the name of a secret below {prefix}/{}/", folder.as_str());
        return Some(fault(field, detail));
    }
    let written = connecting::is_written(prefix, secret);
    written.then(|| fault(field, "is the secret that was written for a connection"))
}

fn signing_text(texts: &[SecretString]) -> Result<SecretString, String> {
    let texts: Vec<String> = texts.iter().map(|text| text.expose_secret().to_owned()).collect();
    connecting::signing_text(&texts).map(Into::into)
}

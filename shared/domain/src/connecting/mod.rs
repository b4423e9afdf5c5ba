//! The words of a person who connects an account, checked before anything is written.

mod names;

use crate::config::{ConfigError, Env};
use crate::connection::{Connection, Settings, check_settings};
use crate::signature::SigningSecrets;
use crate::source::{Credential, Reach, Source, variable};

pub use names::{Folder, is_own, is_written, key_folder, key_secret, signing_secret};

/// The settings that say where requests with the key go.
pub const PLACES: [&str; 2] = ["base_url", "token_url"];

/// The longest value of a setting, in bytes.
pub const LONGEST_SETTING: usize = 2_000;

/// The longest key, in bytes. Secrets Manager takes no longer text.
pub const LONGEST_KEY: usize = 65_536;

/// Numbers that fetch would take and no vendor bears: a setting, the least and the most.
const NUMBERS: [(&str, u64, u64); 4] = [
    ("concurrency", 1, 16),
    ("rate_per_second", 1, 10_000),
    ("timeout_seconds", 1, 60),
    ("window_days", 1, 3_660),
];

/// A fault in a setting. The reason repeats no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting's name.
    pub setting: String,
    /// The fault, in words that follow the name.
    pub reason: String,
}

impl Fault {
    fn new(setting: &str, reason: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), reason: reason.into() }
    }
}

/// Checks that `fetch` and `process` can go by the settings of a connection. `plain` allows URLs
/// without TLS, for local runs.
///
/// # Errors
/// The faults: of each setting alone, or else the one that the vendor's own code finds.
pub fn check(connection: &Connection, source: &dyn Source, plain: bool) -> Result<Env, Vec<Fault>> {
    let settings = &connection.settings;
    if let Err((name, unusable)) = check_settings(settings, source) {
        return Err(vec![Fault::new(&name, unusable.to_string())]);
    }
    let alone = settings.iter().filter_map(|(name, value)| {
        let reason = fault_of(name, value, plain)?;
        Some(Fault::new(name, reason))
    });
    let alone: Vec<Fault> = alone.collect();
    if !alone.is_empty() {
        return Err(alone);
    }
    let told = |error| vec![fault(source, error)];
    let env = connection.env(&Env::default()).map_err(told)?;
    Reach::from_env(source, &env).map_err(told)?;
    source.normalizer(&env).map_err(told)?;
    Ok(env)
}

fn fault_of(name: &str, value: &str, plain: bool) -> Option<String> {
    if value.trim().is_empty() {
        return Some("must not be empty: leave it out".to_owned());
    }
    if value.len() > LONGEST_SETTING || value.chars().any(char::is_control) {
        return Some(format!("must be at most {LONGEST_SETTING} bytes without control characters"));
    }
    if PLACES.contains(&name) && !is_place(value, plain) {
        return Some("must be an https URL without a user, a query and a fragment".to_owned());
    }
    let (_, least, most) = NUMBERS.iter().find(|(known, ..)| *known == name)?;
    let fits = value.parse().is_ok_and(|number: u64| (*least..=*most).contains(&number));
    (!fits).then(|| format!("must be a whole number from {least} to {most}"))
}

fn is_place(url: &str, plain: bool) -> bool {
    let rest = url.strip_prefix("https://");
    let rest = rest.or_else(|| url.strip_prefix("http://").filter(|_| plain));
    let Some(rest) = rest else { return false };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let of_host = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    let of_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    !host.is_empty()
        && host.bytes().all(of_host)
        && port.parse::<u16>().is_ok()
        && path.bytes().all(of_path)
        && !path.split('/').any(|step| step == "." || step == "..")
}

fn fault(source: &dyn Source, error: ConfigError) -> Fault {
    let (variable_name, reason) = match error {
        ConfigError::Missing(name) => (name, "is required".to_owned()),
        ConfigError::Invalid { name, reason } => (name, format!("cannot be used: {reason}")),
    };
    let setting = variable_name.strip_prefix(&variable(source, "")).unwrap_or(&variable_name);
    Fault { setting: setting.to_lowercase(), reason }
}

/// Checks a key of `source` as far as its text says something. `env` is that of the connection.
///
/// # Errors
/// The fault in words that follow the field's name. They do not repeat the key.
pub fn check_key(source: &dyn Source, key: &str, env: &Env, plain: bool) -> Result<(), String> {
    let key = key.trim();
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(format!("must be a text of 1 to {LONGEST_KEY} bytes"));
    }
    match source.access().credential {
        Credential::Bearer { .. } if !key.bytes().all(|b| b.is_ascii_graphic()) => {
            return Err("must be one word of printable ASCII characters".to_owned());
        }
        Credential::Bearer { .. } => {}
        Credential::GoogleServiceAccount { .. } => check_key_file(key, plain)?,
    }
    let of_key = source.account().and_then(|rules| rules.told_by_key(key).livemode);
    let said = env.optional(&variable(source, "LIVEMODE")).and_then(|word| word.parse().ok());
    match (of_key, said) {
        (Some(true), Some(false)) => Err("is of live mode, and livemode is false".to_owned()),
        (Some(false), Some(true)) => Err("is of test mode, and livemode is true".to_owned()),
        _ => Ok(()),
    }
}

/// The parts of a service account's key file that say whom it is about, and where its claims go.
fn check_key_file(text: &str, plain: bool) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct KeyFile {
        client_email: String,
        private_key: String,
        token_uri: String,
    }
    let file: KeyFile = serde_json::from_str(text)
        .map_err(|_| "must be the key file of a service account, as JSON".to_owned())?;
    if file.client_email.is_empty() || !file.private_key.contains("PRIVATE KEY") {
        return Err("has no client_email, or no private_key in PEM".to_owned());
    }
    match is_place(&file.token_uri, plain) {
        true => Ok(()),
        false => Err("has a token_uri that is no https URL".to_owned()),
    }
}

/// Returns the text that is stored for these signing secrets: one as it is, several as a list.
///
/// # Errors
/// The fault in words that follow the field's name.
pub fn signing_text(secrets: &[String]) -> Result<String, String> {
    let text = match secrets {
        [one] => one.trim().to_owned(),
        several => serde_json::json!({ "signingSecrets": several }).to_string(),
    };
    let is_sound = SigningSecrets::parse(&text).is_ok() && text.len() <= LONGEST_KEY;
    if is_sound {
        Ok(text)
    } else {
        Err("must be a list of secrets, none of them empty".to_owned())
    }
}

/// Returns the first setting that says where requests go and is another one than before.
#[must_use]
pub fn moved(before: &Settings, after: &Settings) -> Option<&'static str> {
    PLACES.into_iter().find(|place| before.get(*place) != after.get(*place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::State;
    use crate::source::find;

    fn connection(source: &str, settings: &[(&str, &str)]) -> Connection {
        Connection {
            name: "second".to_owned(),
            source: source.to_owned(),
            account: None,
            settings: settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            key_secret: Some("k".to_owned()),
            signing_secret: None,
            state: State::Active,
            revision: 1,
        }
    }

    fn faults(source: &str, settings: &[(&str, &str)]) -> Vec<String> {
        let found = find(source).unwrap();
        match check(&connection(source, settings), found, false) {
            Ok(_) => Vec::new(),
            Err(faults) => {
                faults.into_iter().map(|f| format!("{} {}", f.setting, f.reason)).collect()
            }
        }
    }

    #[test]
    fn a_setting_that_the_vendors_own_code_refuses_is_named() {
        for (source, settings, said) in [
            ("stripe", &[("livemode", "true"), ("rate_per_second", "10")][..], None),
            (
                "stripe",
                &[("livemode", "yes")],
                Some("livemode cannot be used: it is neither true nor false"),
            ),
            (
                "stripe",
                &[("accounts", "7")],
                Some("accounts cannot be used: \"7\" is no id of an account"),
            ),
            (
                "stripe",
                &[("page_size", "101")],
                Some("page_size cannot be used: the vendor gives 1 to 100 a page"),
            ),
            (
                "stripe",
                &[("rate_per_second", "0")],
                Some("rate_per_second must be a whole number from 1 to 10000"),
            ),
            (
                "stripe",
                &[("concurrency", "many")],
                Some("concurrency must be a whole number from 1 to 16"),
            ),
            ("stripe", &[("livemode", " ")], Some("livemode must not be empty: leave it out")),
            (
                "hubspot",
                &[("api_version", "../v3")],
                Some("api_version cannot be used: it cannot be a part of a path"),
            ),
            ("hubspot", &[("currency", "euro")], Some("currency cannot be used: ")),
            ("gcal", &[], Some("calendar_id is required")),
            ("gcal", &[("calendar_id", "a@example.com"), ("subject", "b@example.com")], None),
            ("gcal", &[("calendar_id", "a\nb")], Some("calendar_id must be at most 2000 bytes")),
        ] {
            let faults = faults(source, settings);
            match said {
                None => assert_eq!(faults, Vec::<String>::new(), "{settings:?}"),
                Some(said) => assert!(faults[0].starts_with(said), "{settings:?}: {faults:?}"),
            }
        }
        let unknown = faults("stripe", &[("colour", "red")]);
        assert!(unknown[0].starts_with("colour is no setting of stripe; it has "), "{unknown:?}");
        assert!(unknown[0].contains("livemode, accounts"), "{unknown:?}");
    }

    #[test]
    fn requests_go_to_an_https_url_and_nowhere_else() {
        for (url, is_good) in [
            ("https://api.example.com", true),
            ("https://api.example.com:8443/v1/", true),
            ("http://api.example.com", false),
            ("https://user@api.example.com", false),
            ("https://api.example.com?a=b", false),
            ("https://api.example.com#a", false),
            ("https://api.example.com/../a", false),
            ("https://api.example.com\\@evil.example", false),
            ("https://", false),
            ("https://[::1]", false),
            ("file:///etc/passwd", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(is_place(url, false), is_good, "{url}");
        }
        assert!(is_place("http://127.0.0.1:8080", true));
    }

    #[test]
    fn trap_51_a_key_of_another_mode_than_the_setting_is_refused_and_not_repeated() {
        let stripe = find("stripe").unwrap();
        let env = |word: &str| [("STRIPE_LIVEMODE", word)].into_iter().collect::<Env>();
        assert_eq!(check_key(stripe, "rk_live_1", &env("true"), false), Ok(()));
        assert_eq!(check_key(stripe, " rk_test_1\n", &env("false"), false), Ok(()));
        assert_eq!(check_key(stripe, "sk_1", &env("true"), false), Ok(()), "it does not say");
        assert_eq!(check_key(stripe, "rk_live_1", &Env::default(), false), Ok(()));
        for (key, word) in
            [("rk_live_1", "false"), ("rk_test_1", "true"), ("rk live", "true"), ("", "true")]
        {
            let why = check_key(stripe, key, &env(word), false).unwrap_err();
            assert!(key.is_empty() || !why.contains(key), "{why}");
        }
    }

    #[test]
    fn a_key_file_of_google_says_who_it_is_and_sends_its_claims_by_https() {
        let gcal = find("gcal").unwrap();
        let file = |uri: &str| {
            serde_json::json!({"client_email": "a@example.com",
            "private_key": "-----BEGIN PRIVATE KEY-----", "token_uri": uri})
            .to_string()
        };
        let check = |text: &str| check_key(gcal, text, &Env::default(), false);
        assert_eq!(check(&file("https://oauth2.googleapis.com/token")), Ok(()));
        for text in ["ya29.token", "{}", &file("http://127.0.0.1:9001")] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn signing_secrets_are_stored_as_they_are_read() {
        let texts = |secrets: &[&str]| {
            signing_text(&secrets.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(texts(&[" whsec_a\n"]), Ok("whsec_a".to_owned()));
        assert_eq!(texts(&["a", "b"]), Ok(r#"{"signingSecrets":["a","b"]}"#.to_owned()));
        for bad in [&[][..], &[""], &["a", " "]] {
            assert!(texts(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_change_of_the_place_that_gets_the_key_is_seen() {
        let of = |settings: &[(&str, &str)]| connection("stripe", settings).settings;
        let here = of(&[("base_url", "https://a.example"), ("livemode", "true")]);
        assert_eq!(moved(&here, &here), None);
        assert_eq!(moved(&here, &of(&[("base_url", "https://b.example")])), Some("base_url"));
        assert_eq!(moved(&of(&[]), &here), Some("base_url"));
        assert_eq!(moved(&here, &of(&[])), Some("base_url"));
        assert_eq!(moved(&of(&[]), &of(&[("token_url", "https://b.example")])), Some("token_url"));
    }
}

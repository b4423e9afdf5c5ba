//! The token endpoint: it exchanges claims signed with RS256 for access tokens that last an hour
//! (developers.google.com/identity/protocols/oauth2/service-account; errors by RFC 6749).

use std::collections::HashMap;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use penstock_edge::config;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

/// The scopes that allow reading a calendar's events.
pub(super) const READING: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.events.readonly",
];

/// A service account with a key that was made for the test.
#[derive(Clone, Debug)]
pub struct Account {
    email: String,
    key_id: String,
    pem: String,
    /// PKCS#1, the form that `ring` reads.
    public: Vec<u8>,
}

/// Makes a key in PKCS#8, the form in which Google gives keys out.
const MAKE_KEY: &str = "
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
print(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode(), end='')
";

impl Account {
    /// Makes a new account, or an old one with a new key. The key has 2048 bits, and the Python of
    /// the local servers makes it.
    ///
    /// # Panics
    ///
    /// If `PENSTOCK_PYTHON` is not set, or that Python does not make a key.
    #[must_use]
    pub fn generate(email: &str) -> Self {
        let python = config::from_process()
            .required("PENSTOCK_PYTHON")
            .expect("run this by infra/local/stack.py");
        let output = Command::new(python).args(["-c", MAKE_KEY]).output().expect("Python runs");
        assert!(output.status.success(), "no key: {}", String::from_utf8_lossy(&output.stderr));
        let pem = String::from_utf8(output.stdout).expect("PEM is text");
        let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(inner).expect("PEM holds base64");
        let pair = RsaKeyPair::from_pkcs8(&der).expect("a key");
        let public = pair.public_key().as_ref().to_vec();
        let key_id = format!(
            "{:x}",
            public.iter().fold(7_u64, |h, b| h.wrapping_mul(31).wrapping_add((*b).into()))
        );
        Self { email: email.to_owned(), key_id, pem, public }
    }

    /// Returns the account's key file as Google gives it out. Tokens are issued at `token_uri`.
    #[must_use]
    pub fn key_file(&self, token_uri: &str) -> String {
        json!({
            "type": "service_account",
            "project_id": "penstock",
            "private_key_id": self.key_id,
            "private_key": self.pem,
            "client_email": self.email,
            "client_id": "1",
            "token_uri": token_uri,
        })
        .to_string()
    }
}

/// The state of the token endpoint.
#[derive(Debug)]
pub(in crate::simulators) struct Tokens {
    pub(in crate::simulators) account: Account,
    pub(super) lifetime: SignedDuration,
    /// The scopes that a claim may ask for.
    scopes: &'static [&'static str],
    good_until: HashMap<String, Timestamp>,
    pub(in crate::simulators) granted: u32,
    pub(super) denied: u32,
}

impl Tokens {
    pub(in crate::simulators) fn new(account: Account, scopes: &'static [&'static str]) -> Self {
        let lifetime = SignedDuration::from_secs(3_600);
        Self { account, lifetime, scopes, good_until: HashMap::new(), granted: 0, denied: 0 }
    }

    /// Revokes all access tokens so far.
    pub(in crate::simulators) fn revoke_all(&mut self) {
        self.good_until.clear();
    }

    pub(in crate::simulators) fn accepts(&self, token: &str, now: Timestamp) -> bool {
        self.good_until.get(token).is_some_and(|until| now < *until)
    }

    /// Answers one token exchange.
    pub(in crate::simulators) fn exchange(
        &mut self,
        body: &[u8],
        audience: &str,
        now: Timestamp,
    ) -> (u16, Value) {
        match self.check(body, audience, now) {
            Ok(()) => {
                self.granted += 1;
                let token = format!("ya29.{}.{}", self.granted, self.account.key_id);
                self.good_until.insert(token.clone(), now + self.lifetime);
                let seconds = self.lifetime.as_secs();
                (200, json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer"}))
            }
            Err((error, description)) => {
                self.denied += 1;
                (400, json!({"error": error, "error_description": description}))
            }
        }
    }

    fn check(
        &self,
        body: &[u8],
        audience: &str,
        now: Timestamp,
    ) -> Result<(), (&'static str, &'static str)> {
        let form: HashMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
        if form.get("grant_type").map(String::as_str)
            != Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
        {
            return Err(("unsupported_grant_type", "Invalid grant_type"));
        }
        let assertion = form.get("assertion").ok_or(("invalid_request", "Missing assertion"))?;
        let (signed, signature) =
            assertion.rsplit_once('.').ok_or(("invalid_grant", "Invalid JWT"))?;
        let (header, claims) = signed.split_once('.').ok_or(("invalid_grant", "Invalid JWT"))?;
        let json = |part: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header, claims) = (json(header), json(claims));
        let (header, claims) = header.zip(claims).ok_or(("invalid_grant", "Invalid JWT"))?;
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| ("invalid_grant", "Invalid JWT"))?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.account.public);
        if header["alg"] != "RS256" || public.verify(signed.as_bytes(), &signature).is_err() {
            return Err(("invalid_grant", "Invalid JWT Signature."));
        }
        if claims["iss"] != self.account.email.as_str() {
            return Err(("invalid_grant", "Invalid grant: account not found"));
        }
        if claims["aud"] != audience {
            return Err(("invalid_grant", "Invalid JWT: Failed audience check."));
        }
        let (issued, ends) =
            (claims["iat"].as_i64().unwrap_or(0), claims["exp"].as_i64().unwrap_or(0));
        if ends - issued > 3_600 || ends <= now.as_second() || issued > now.as_second() + 300 {
            return Err((
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes).",
            ));
        }
        let mut scopes = claims["scope"].as_str().unwrap_or_default().split(' ');
        if !scopes.all(|scope| self.scopes.contains(&scope)) {
            return Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
        }
        Ok(())
    }
}

//! Whose a row is: of which mode, and of which account (docs.stripe.com/connect/webhooks).
//!
//! A live Connect endpoint receives test events too, and events of connected accounts. Every event
//! says its mode, and `account` if it is a connected account's. An object that stands alone was
//! read with the deployment's own key; a charge says its mode, a refund does not, and then it has
//! the key's.

use std::collections::BTreeSet;

use super::origin::Origin;
use crate::config::{ConfigError, Env};
use crate::disposition::{Reason, ReasonKind};
use crate::facts::Facts;
use crate::record::RowView;
use crate::source::{AccountRules, Normalize, NotOurs, OwnAccount, Stranger, Whose};

const LIVEMODE: &str = "STRIPE_LIVEMODE";
const ACCOUNTS: &str = "STRIPE_ACCOUNTS";
const OWN: &str = "STRIPE_ACCOUNT";
const CONNECTED: &str = "STRIPE_CONNECTED_ACCOUNTS";

/// No id of an account is longer, in bytes.
const LONGEST_ID: usize = 50;

const NOT_KNOWN: &str = "it is not known yet whether the account is live or in test mode: \
                         the first run reads it off the key, or STRIPE_LIVEMODE says it";

/// The settings of a deployment for reading Stripe's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// The mode, in place of the key's.
    livemode: Option<bool>,
    /// Accounts whose events count besides those without an account.
    accounts: BTreeSet<String>,
    /// The account itself, if another one's key reads it.
    own: Option<String>,
    /// Whether connected accounts become connections by themselves.
    connects: bool,
}

impl Settings {
    /// `STRIPE_LIVEMODE` is `true` or `false`; `STRIPE_ACCOUNTS` is ids with commas between;
    /// `STRIPE_CONNECTED_ACCOUNTS` is `ignore` or `connect`. All may be missing.
    ///
    /// # Errors
    /// If a variable cannot be used; the error names it.
    pub(super) fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let invalid =
            |name: &str, reason: String| ConfigError::Invalid { name: name.to_owned(), reason };
        let livemode = match env.optional(LIVEMODE) {
            Some(word) => Some(
                word.parse()
                    .map_err(|_| invalid(LIVEMODE, "it is neither true nor false".to_owned()))?,
            ),
            None => None,
        };
        let listed = env.or(ACCOUNTS, "");
        let accounts = listed.split(',').map(str::trim).filter(|id| !id.is_empty());
        let account = |id: &str| match id.strip_prefix("acct_") {
            Some(rest) if rest.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(id.to_owned()),
            _ => Err(invalid(ACCOUNTS, format!("{id:?} is no id of an account"))),
        };
        let connects = match env.or(CONNECTED, "ignore").as_str() {
            "connect" => true,
            "ignore" => false,
            _ => return Err(invalid(CONNECTED, "it is neither ignore nor connect".to_owned())),
        };
        let accounts = accounts.map(account).collect::<Result<_, _>>()?;
        Ok(Self { livemode, accounts, own: env.optional(OWN), connects })
    }

    fn whose(&self, origin: &Origin<'_>, own: OwnAccount) -> Whose {
        let mode = self.livemode.or(own.livemode);
        // An object that does not say its mode was read with the key, and has the key's.
        let said = origin.livemode().or(own.livemode);
        match (said, mode) {
            (Some(true), Some(false)) => return Whose::NotOurs(NotOurs::LiveMode),
            (Some(false), Some(true)) => return Whose::NotOurs(NotOurs::TestMode),
            _ => {}
        }
        if origin.account().is_some_and(|account| !self.counts(account)) {
            return Whose::NotOurs(NotOurs::ConnectedAccount);
        }
        if mode.is_some() { Whose::Ours } else { Whose::Unknown(NOT_KNOWN) }
    }

    fn counts(&self, account: &str) -> bool {
        self.is_own(account) || self.accounts.contains(account)
    }

    fn is_own(&self, account: &str) -> bool {
        self.own.as_deref() == Some(account)
    }
}

impl Normalize for Settings {
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        let mut facts = super::normalize::normalize(row)?;
        for payment in facts.payments.iter_mut().map(|fact| &mut fact.value) {
            // The parent's key reads the account's objects, and lists show them.
            payment.account = payment.account.take().filter(|account| !self.is_own(account));
        }
        Ok(facts)
    }

    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Facts<'a> {
        super::normalize::unreadable(row, why)
    }

    fn whose(&self, row: RowView<'_>) -> Whose {
        self.whose(&Origin::of(row.payload), row.own)
    }

    fn stranger(&self, row: RowView<'_>) -> Option<Stranger> {
        let origin = Origin::of(row.payload);
        let account = origin.account().filter(|account| !self.counts(account))?;
        let is_id = account.starts_with("acct_")
            && account.len() <= LONGEST_ID
            && account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        is_id.then(|| Stranger { account: account.to_owned(), connects: self.connects })
    }
}

/// The mode is a part of the key: `sk_live_…`, `rk_test_…`.
impl AccountRules for super::Stripe {
    fn told_by_key(&self, key: &str) -> OwnAccount {
        let prefix = key.trim().rsplit_once('_').map_or("", |(prefix, _)| prefix);
        let livemode = prefix.split('_').find_map(|part| match part {
            "live" => Some(true),
            "test" => Some(false),
            _ => None,
        });
        OwnAccount { livemode, currency: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::stripe::Stripe;

    const LIVE: OwnAccount = OwnAccount { livemode: Some(true), currency: None };
    const TEST: OwnAccount = OwnAccount { livemode: Some(false), currency: None };
    const UNKNOWN: OwnAccount = OwnAccount { livemode: None, currency: None };

    fn whose(set: &[(&str, &str)], own: OwnAccount, payload: &str) -> Whose {
        let settings = Settings::from_env(&set.iter().copied().collect()).unwrap();
        settings.whose(&Origin::of(payload.as_bytes()), own)
    }

    #[test]
    fn trap_51_the_keys_prefix_says_its_mode() {
        for (key, livemode) in [
            ("sk_live_51AbC", Some(true)),
            ("rk_live_51AbC\n", Some(true)),
            ("sk_test_51AbC", Some(false)),
            ("rk_test_live", Some(false)),
            ("sk_org_live_51AbC", Some(true)),
            ("sk_1", None),
            ("live", None),
            ("", None),
        ] {
            assert_eq!(Stripe.told_by_key(key).livemode, livemode, "{key:?}");
        }
    }

    #[test]
    fn trap_51_mode_and_account_of_an_event_and_of_an_object_decide_whose_it_is() {
        use NotOurs::{ConnectedAccount, LiveMode, TestMode};
        let live = r#"{"object":"event","livemode":true}"#;
        let test = r#"{"object":"event","livemode":false}"#;
        let connected = r#"{"object":"event","livemode":true,"account":"acct_1"}"#;
        let both = r#"{"object":"event","livemode":false,"account":"acct_1"}"#;
        let thin = r#"{"object":"v2.core.event","livemode":true,"context":"org_1/acct_1"}"#;
        let charge = r#"{"object":"charge","livemode":false,"account":"acct_9"}"#;
        let refund = r#"{"object":"refund"}"#;
        for (set, own, payload, expected) in [
            (&[][..], LIVE, live, Whose::Ours),
            (&[], LIVE, test, Whose::NotOurs(TestMode)),
            (&[], LIVE, connected, Whose::NotOurs(ConnectedAccount)),
            (&[], LIVE, both, Whose::NotOurs(TestMode)),
            (&[], LIVE, thin, Whose::NotOurs(ConnectedAccount)),
            (&[], LIVE, charge, Whose::NotOurs(TestMode)),
            (&[], LIVE, refund, Whose::Ours),
            (&[], TEST, live, Whose::NotOurs(LiveMode)),
            (&[], TEST, test, Whose::Ours),
            (&[], TEST, charge, Whose::Ours),
            (&[], UNKNOWN, live, Whose::Unknown(NOT_KNOWN)),
            (&[], UNKNOWN, refund, Whose::Unknown(NOT_KNOWN)),
            (&[], UNKNOWN, connected, Whose::NotOurs(ConnectedAccount)),
            // The setting is the last word, and an object without a mode has the key's.
            (&[(LIVEMODE, "true")], UNKNOWN, live, Whose::Ours),
            (&[(LIVEMODE, "true")], TEST, live, Whose::Ours),
            (&[(LIVEMODE, "true")], TEST, refund, Whose::NotOurs(TestMode)),
            (&[(LIVEMODE, "false")], LIVE, live, Whose::NotOurs(LiveMode)),
            (&[(ACCOUNTS, "acct_7, acct_1")], LIVE, connected, Whose::Ours),
            (&[(ACCOUNTS, "acct_1")], LIVE, thin, Whose::Ours),
            (&[(ACCOUNTS, "acct_1")], LIVE, both, Whose::NotOurs(TestMode)),
            (&[(ACCOUNTS, "acct_2")], LIVE, connected, Whose::NotOurs(ConnectedAccount)),
        ] {
            assert_eq!(whose(set, own, payload), expected, "{set:?} {own:?} {payload}");
        }
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        for (name, value, error) in [
            (LIVEMODE, "yes", "STRIPE_LIVEMODE cannot be used: it is neither true nor false"),
            (ACCOUNTS, "cus_1", "STRIPE_ACCOUNTS cannot be used: \"cus_1\" is no id of an account"),
        ] {
            let read = Settings::from_env(&[(name, value)].into_iter().collect());
            assert_eq!(read.unwrap_err().to_string(), error);
        }
    }
}

//! How often a password may be tried. Keys are hashes: a database that is read tells no address.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::account::Email;

/// The SHA-256 that a limit is counted under.
pub type Key = [u8; 32];

/// The pause after the first wrong password. Each further one doubles it.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause. It ends by itself: no account is locked for good.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// So many calls at once, and then one each time that the share of a call has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Tells the bucket apart from others of the same caller.
    pub name: &'static str,
    /// The calls of a full bucket.
    pub calls: u32,
    /// The time in which an empty bucket fills.
    pub per: Duration,
}

impl Bucket {
    /// Sign-ins, sign-ups, links and changes of a password, by network address.
    pub const PASSWORDS: Self = Self { name: "passwords", calls: 3, per: Duration::from_secs(10) };

    /// Requests for a mail, by network address.
    pub const MAILS: Self = Self { name: "mails", calls: 3, per: Duration::from_secs(60) };

    /// The time in which one call comes back.
    #[must_use]
    pub fn spacing(self) -> Duration {
        self.per / self.calls.max(1)
    }

    /// The key of a caller's bucket. Of an IPv6 address the first 64 bits count, because one
    /// customer of a network has all addresses behind them.
    #[must_use]
    pub fn key(self, address: &str) -> Key {
        let network = match address.parse::<IpAddr>() {
            Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
                let bits = v6.to_bits() >> 64 << 64;
                std::net::Ipv6Addr::from_bits(bits).to_string()
            }
            Ok(IpAddr::V6(v6)) => v6.to_ipv4_mapped().map(|v4| v4.to_string()).unwrap_or_default(),
            Ok(IpAddr::V4(v4)) => v4.to_string(),
            // A gateway that names no address: all such callers share one bucket.
            Err(_) => String::new(),
        };
        hash(&["address", self.name, &network])
    }
}

/// The key of an account. An address without one is counted alike.
#[must_use]
pub fn account(email: &Email) -> Key {
    hash(&["account", email.as_str()])
}

/// The key of an account at one network address. It counts in place of the account's once somebody
/// has signed in to it from there: strangers cannot keep an owner out.
#[must_use]
pub fn known(email: &Email, address: &str) -> Key {
    hash(&["known", email.as_str(), address])
}

fn hash(parts: &[&str]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_one_network_share_a_bucket_and_others_do_not() {
        let key = |address| Bucket::PASSWORDS.key(address);
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key(""), key("unknown"));
        assert_ne!(key("192.0.2.1"), Bucket::MAILS.key("192.0.2.1"));
    }

    #[test]
    fn an_account_at_a_known_address_is_counted_apart_from_the_account() {
        let (ada, eve) =
            ["ada@example.com", "eve@example.com"].map(|it| Email::parse(it).unwrap()).into();
        assert_ne!(account(&ada), account(&eve));
        assert_ne!(known(&ada, "192.0.2.1"), account(&ada));
        assert_ne!(known(&ada, "192.0.2.1"), known(&ada, "192.0.2.2"));
        assert_ne!(known(&ada, "192.0.2.1"), known(&eve, "192.0.2.1"));
    }

    #[test]
    fn an_empty_bucket_gives_a_call_back_in_the_share_of_its_time() {
        assert_eq!(Bucket::PASSWORDS.spacing(), Duration::from_nanos(3_333_333_333));
    }
}

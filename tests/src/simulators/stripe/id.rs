//! Ids shaped like Stripe's. They are made from an object's index in the account and read back from
//! it.
//!
//! Nothing is stored. An id is the prefix, the scrambled index in base 62 around the account's
//! fragment, and two check characters. Scrambling keeps ids from following time: Stripe's do not
//! either.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ACCOUNT: &str = "LkdIwHu7ix";
/// Odd, so multiplication by it is a bijection on 2^64. Its inverse follows.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const INVERSE: u64 = 0xF1DE_83E1_9937_733D;

/// The kind of object that an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A charge, `ch_` (cards) or `py_` (other payment methods).
    Charge,
    /// A refund, `re_` or `pyr_`.
    Refund,
    /// A dispute, `dp_` or `du_`.
    Dispute,
    /// An event, `evt_`.
    Event,
    /// A payment intent, `pi_`.
    Intent,
    /// A balance transaction, `txn_`.
    Transaction,
    /// A payment method, `pm_`.
    Method,
    /// A customer, `cus_`.
    Customer,
    /// A request, `req_`.
    Request,
}

impl Kind {
    const fn salt(self) -> u64 {
        (self as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03)
    }

    /// Returns the prefix; with `variant`, the second of its two forms.
    const fn prefix(self, variant: bool) -> &'static str {
        match (self, variant) {
            (Self::Charge, false) => "ch_",
            (Self::Charge, true) => "py_",
            (Self::Refund, false) => "re_",
            (Self::Refund, true) => "pyr_",
            (Self::Dispute, false) => "dp_",
            (Self::Dispute, true) => "du_",
            (Self::Event, _) => "evt_",
            (Self::Intent, _) => "pi_",
            (Self::Transaction, _) => "txn_",
            (Self::Method, _) => "pm_",
            (Self::Customer, _) => "cus_",
            (Self::Request, _) => "req_",
        }
    }
}

/// Returns the id of the `index`-th object of a kind.
#[must_use]
pub fn encode(kind: Kind, variant: bool, index: u64) -> String {
    let mut out = String::with_capacity(30);
    write(&mut out, kind, variant, index);
    out
}

/// Appends the id to `out`, as [`encode`] makes it.
pub fn write(out: &mut String, kind: Kind, variant: bool, index: u64) {
    let mixed = scramble(index ^ kind.salt());
    let mut digits = [b'0'; 11];
    let mut rest = mixed;
    for digit in digits.iter_mut().rev() {
        *digit = letter(rest % 62);
        rest /= 62;
    }
    out.push_str(kind.prefix(variant));
    out.push(if variant { '1' } else { '3' });
    out.extend(digits[..6].iter().map(|&b| char::from(b)));
    out.push_str(ACCOUNT);
    out.extend(digits[6..].iter().map(|&b| char::from(b)));
    out.push(char::from(letter(mixed % 61)));
    out.push(char::from(letter(mixed % 59)));
}

/// Returns the index that an id was made from; `None` if the id is of another account or kind.
#[must_use]
pub fn decode(kind: Kind, id: &str) -> Option<u64> {
    let rest = [false, true]
        .into_iter()
        .find_map(|v| id.strip_prefix(kind.prefix(v)).filter(|r| r.len() == 24))?;
    let (head, tail) = (rest.get(1..7)?, rest.get(17..22)?);
    let mut mixed: u64 = 0;
    for byte in head.bytes().chain(tail.bytes()) {
        let digit = ALPHABET.iter().position(|&l| l == byte)?;
        mixed = mixed.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)?;
    }
    let index = unscramble(mixed) ^ kind.salt();
    [false, true].into_iter().any(|v| encode(kind, v, index) == id).then_some(index)
}

fn letter(digit: u64) -> u8 {
    usize::try_from(digit).ok().and_then(|i| ALPHABET.get(i)).copied().unwrap_or(b'0')
}

const fn scramble(n: u64) -> u64 {
    let n = n.wrapping_mul(FACTOR);
    let n = n ^ (n >> 32);
    n.wrapping_mul(FACTOR)
}

const fn unscramble(n: u64) -> u64 {
    let n = n.wrapping_mul(INVERSE);
    let n = n ^ (n >> 32);
    n.wrapping_mul(INVERSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_gives_its_index_back_and_no_other_kind_reads_it() {
        assert_eq!(FACTOR.wrapping_mul(INVERSE), 1);
        for index in [0, 1, 2, 61, 200_000, u64::from(u32::MAX)] {
            for variant in [false, true] {
                let id = encode(Kind::Charge, variant, index);
                assert_eq!(decode(Kind::Charge, &id), Some(index), "{id}");
                assert_eq!(decode(Kind::Refund, &id), None);
            }
        }
        assert_eq!(encode(Kind::Charge, false, 0).len(), 27);
        assert_eq!(decode(Kind::Charge, "ch_3MmlLrLkdIwHu7ix0snN0B15"), None);
        assert_eq!(decode(Kind::Charge, "ch_"), None);
        assert_eq!(decode(Kind::Charge, "ch_ééééééééééééééé"), None);
    }
}

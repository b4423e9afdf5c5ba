//! What is known of a vendor's account.

use crate::money::Currency;

/// What is known of the account whose key `fetch` has. Kept in the table `vendor_accounts`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnAccount {
    /// Whether the key reads live data or test data; `None` if that is not known, or is no
    /// difference that the vendor makes.
    pub livemode: Option<bool>,
    /// The currency of amounts that name none; `None` if that is not known.
    pub currency: Option<Currency>,
}

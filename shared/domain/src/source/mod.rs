//! The vendors Penstock pulls from. A new one is one file here and one line in [`SOURCES`].

use jiff::Timestamp;

use crate::disposition::Reason;
use crate::fetch_request::Mode;
use crate::ids::RunId;
use crate::payment::Payment;
use crate::pull::{Begin, Page, PageError, Paging, Position, Reply, Request};
use crate::record::{Delivery, Item, RowView};
use crate::signature::Verified;

pub mod stripe;

/// Every source, in the order reports list them.
pub static SOURCES: &[&dyn Source] = &[&stripe::Stripe];

/// The source called `name`.
pub fn find(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|s| s.name() == name)
}

/// All that Penstock knows of a vendor. Pure: it says what to ask and reads what came.
pub trait Source: Sync + Send {
    /// The word in `source` columns and requests.
    fn name(&self) -> &'static str;

    /// What can be fetched in `mode`.
    fn entities(&self, mode: Mode) -> &'static [&'static str];

    /// Opens a run at `now`, after everything up to `watermark` has been drained.
    fn begin(&self, mode: Mode, watermark: Option<Timestamp>, now: Timestamp, paging: Paging) -> Begin;

    /// The request for the page at `position`.
    fn request(&self, entity: &str, mode: Mode, position: &Position, paging: Paging) -> Request;

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`]: the cursor must stay where it is.
    fn page<'a>(
        &self,
        mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        paging: Paging,
    ) -> Result<Page<'a>, PageError>;

    /// The request for one object as it is now.
    fn object_request(&self, entity: &str, id: &str) -> Request;

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`] where it is not that object.
    fn object<'a>(&self, run: RunId, reply: Reply<'a>) -> Result<Item<'a>, PageError>;

    /// Reads what the vendor pushed. Never fails: what cannot be identified is kept under its hash, and
    /// `process` says what is wrong with it.
    fn delivery<'a>(&self, body: Verified<'a>, received_at: Timestamp) -> Delivery<'a>;

    /// What a row of this source means for the money, none or several movements.
    ///
    /// # Errors
    /// The reason for its dead letter.
    fn normalize(&self, row: RowView<'_>) -> Result<Vec<Payment>, Reason>;

    /// The vendor's own words in a refusal, short and free of secrets; `None` where it has none.
    fn refusal(&self, body: &[u8]) -> Option<String>;
}

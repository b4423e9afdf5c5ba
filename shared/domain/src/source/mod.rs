//! The vendors Penstock pulls from. A new one is one file here and one line in [`SOURCES`].

use jiff::Timestamp;

use crate::disposition::Reason;
use crate::facts::{Facts, Swept};
use crate::fetch_request::Mode;
use crate::ids::RunId;
use crate::paging::{Begin, Cursor, Page, PageError, Paging, Position, Reply, Request, Verdict};
use crate::push::Push;
use crate::record::{Delivery, Item, RowView};
use crate::settings::Settings;
use crate::signature::Verified;

mod access;
pub mod gcal;
pub mod hubspot;
pub mod stripe;

pub use access::{Access, variable};

/// Every source, in the order reports list them.
pub static SOURCES: &[&dyn Source] = &[&stripe::Stripe, &hubspot::HubSpot, &gcal::GoogleCalendar];

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

    /// Opens a run at `now`, from where `cursor` says the last one came to.
    fn begin(&self, mode: Mode, cursor: Cursor<'_>, now: Timestamp, paging: &Paging) -> Begin;

    /// The request for the page at `position`.
    fn request(&self, entity: &str, mode: Mode, position: &Position, paging: &Paging) -> Request;

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`]: the cursor must stay where it is.
    fn page<'a>(
        &self,
        entity: &str,
        mode: Mode,
        run: RunId,
        position: &Position,
        reply: Reply<'a>,
        paging: &Paging,
    ) -> Result<Page<'a>, PageError>;

    /// The request for one object as it is now.
    fn object_request(&self, entity: &str, id: &str, paging: &Paging) -> Request;

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`] where it is not that object.
    fn object<'a>(&self, entity: &str, run: RunId, reply: Reply<'a>)
    -> Result<Item<'a>, PageError>;

    /// Reads what the vendor pushed. Never fails: what cannot be identified is kept under its hash, and
    /// `process` says what is wrong with it.
    fn delivery<'a>(&self, body: Verified<'a>, received_at: Timestamp) -> Delivery<'a>;

    /// Reads a row of this source. The row may be a tombstone that `fetch` made
    /// ([`crate::record::is_vanished`]), where [`Source::sweeps`] or [`Verdict::Gone`] asked for one.
    ///
    /// # Errors
    /// The reason for its dead letter.
    fn normalize<'a>(&self, row: RowView<'a>, settings: &Settings) -> Result<Facts<'a>, Reason>;

    /// The vendor's own words in a refusal, short and free of secrets; `None` where it has none.
    fn refusal(&self, body: &[u8]) -> Option<String>;

    /// What a reply with a status other than 200 means; `None` leaves it to the status: 401 and 403 halt, 429
    /// waits, 5xx is tried again, anything else is a request that was wrong.
    fn verdict(&self, _mode: Mode, _status: u16, _body: &[u8]) -> Option<Verdict> {
        None
    }

    /// The rows that a full list of `entity` accounts for: those it does not show get a tombstone.
    /// Only for an entity whose full list shows everything, with items under the run's own version
    /// key ([`crate::record::full_run_key`]).
    fn sweeps(&self, _entity: &str) -> Option<Swept> {
        None
    }

    /// How it is reached, where a bearer key is all it wants. None where there is more to it: `vendors.rs` of `fetch` has
    /// to know then.
    fn access(&self) -> Option<Access> {
        None
    }

    /// How the vendor is told to push that something has changed, where it wants to be told again and again.
    fn push(&self) -> Option<&'static dyn Push> {
        None
    }

    /// Whether a full run cuts the history into windows ([`crate::paging::Next::Fork`]), the newest
    /// first. Then its windows tell how far it has come.
    fn goes_back_in_time(&self) -> bool {
        false
    }
}

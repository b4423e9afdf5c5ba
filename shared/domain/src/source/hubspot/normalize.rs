//! HubSpot's contacts as people, and its deals as payments.

use std::borrow::Cow;

use jiff::Timestamp;

use super::object::Object;
use super::settings::Settings;
use super::stages::Stage;
use super::time::time;
use super::{CONTACT, DEAL, MERGE_LEAD, stages};
use crate::contact::Contact;
use crate::disposition::{Reason, ReasonKind};
use crate::facts::Facts;
use crate::money::{Currency, from_decimal};
use crate::payment::{Kind, Payment, Status};
use crate::record::{RowView, became_what};
use crate::source::Normalize;
use crate::text::{LONGEST_INDEXED, printable};
use crate::version::{Stamp, Version};

/// In place of the stage of a deal that names no currency, while the portal's is not known. Such a
/// deal counts nothing, and is listed with the statuses that no map knows. The full run that is
/// requested when the currency becomes known repairs it.
const NO_CURRENCY: &str = "(the portal's currency is not known)";

impl Normalize for Settings {
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        normalize(row, self)
    }

    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Facts<'a> {
        match row.entity {
            CONTACT => {
                Facts { contacts: row.facts([Contact::unreadable(row)]), ..Facts::default() }
            }
            DEAL => {
                let deal = Payment::unreadable(Kind::Deal, row, why);
                Facts { payments: row.facts([deal]), ..Facts::default() }
            }
            _ => Facts::default(),
        }
    }
}

fn normalize<'a>(row: RowView<'a>, settings: &Settings) -> Result<Facts<'a>, Reason> {
    if row.entity != CONTACT && row.entity != DEAL {
        return Err(Reason::new(
            ReasonKind::Malformed,
            "the payload is neither a contact nor a deal",
        ));
    }
    let object: Object<'_> = serde_json::from_slice(row.payload)
        .map_err(|e| Reason::malformed::<Object<'_>>(row.payload, &e))?;
    if object.is_tombstone() {
        return Ok(vanished(row, settings));
    }
    if object.id().is_none_or(|id| id != row.external_id) {
        let why = "the payload has another id than its row";
        return Err(Reason::new(ReasonKind::Malformed, why).at("/id"));
    }
    // What a search shows is stamped with the object's own time; a full run, or a refetch, may have
    // moved it on.
    let stamp =
        if object.changed_at() == Some(row.version_at) { Stamp::Native } else { Stamp::Observed };
    let view = View { row, object: &object, version: Version::of(row, stamp) };
    if row.entity == CONTACT {
        Ok(Facts { contacts: row.facts(view.contacts()), ..Facts::default() })
    } else {
        Ok(Facts { payments: row.facts(view.deals(settings)?), ..Facts::default() })
    }
}

/// A row of our own that says that HubSpot no longer has the object.
fn vanished<'a>(row: RowView<'a>, settings: &Settings) -> Facts<'a> {
    if row.entity == CONTACT {
        return Facts { contacts: row.facts([Contact::vanished(row)]), ..Facts::default() };
    }
    let deal = Payment {
        kind: Kind::Deal,
        external_id: row.external_id.to_owned(),
        amount: 0,
        currency: settings.currency_of(row).unwrap_or(Currency::NONE),
        status: Status::Canceled,
        raw_status: if became_what(row.payload).is_some() { "merged" } else { "vanished" }
            .to_owned(),
        occurred_at: row.version_at,
        account: None,
        version: Version::of(row, Stamp::Observed),
    };
    Facts { payments: row.facts([deal]), ..Facts::default() }
}

/// An object with its row.
struct View<'a> {
    row: RowView<'a>,
    object: &'a Object<'a>,
    version: Version,
}

impl View<'_> {
    /// The contact, and those that were merged into it: HubSpot shows them nowhere else (trap 11).
    fn contacts(&self) -> Vec<Contact> {
        let archived = self.object.archived == Some(true);
        let gone_at = || self.object.archived_at().unwrap_or(self.row.version_at);
        let field = |read: Option<Cow<'_, str>>| read.map(|text| printable(&text));
        let properties = self.object.properties.as_ref();
        let contact = Contact {
            external_id: self.row.external_id.to_owned(),
            email: field(properties.and_then(|p| p.email())),
            phone: field(properties.and_then(|p| p.phone())),
            first_name: field(properties.and_then(|p| p.firstname())),
            last_name: field(properties.and_then(|p| p.lastname())),
            merged_into: None,
            deleted_at: archived.then(gone_at),
            is_unreadable: false,
            version: self.version.clone(),
        };
        let merged = |id: String| Contact {
            external_id: id,
            email: None,
            phone: None,
            first_name: None,
            last_name: None,
            merged_into: Some(self.row.external_id.to_owned()),
            deleted_at: Some(self.object.changed_at().unwrap_or(self.row.version_at)),
            is_unreadable: false,
            version: Version { at: self.merged_at(), ..self.version.clone() },
        };
        let others: Vec<Contact> = self.object.merged_ids().into_iter().map(merged).collect();
        std::iter::once(contact).chain(others).collect()
    }

    /// The deal, and those that were merged into it: what they were worth is counted in this one
    /// now.
    fn deals(&self, settings: &Settings) -> Result<Vec<Payment>, Reason> {
        let deal = self.deal(settings)?;
        let merged = |id: String| Payment {
            external_id: id,
            amount: 0,
            status: Status::Canceled,
            raw_status: "merged".to_owned(),
            version: Version { at: self.merged_at(), ..self.version.clone() },
            ..deal.clone()
        };
        let others: Vec<Payment> = self.object.merged_ids().into_iter().map(merged).collect();
        Ok(std::iter::once(deal).chain(others).collect())
    }

    fn deal(&self, settings: &Settings) -> Result<Payment, Reason> {
        let invalid = |what: &str, why: String| {
            Reason::new(
                ReasonKind::Invalid,
                format!("deal {}: {what}: {why}", self.row.external_id),
            )
            .at(format!("/properties/{what}"))
        };
        let properties = self.object.properties.as_ref();
        let stage = properties.and_then(|p| p.dealstage());
        if stage.as_ref().is_some_and(|stage| stage.chars().count() > LONGEST_INDEXED) {
            return Err(invalid(
                "dealstage",
                format!("it is longer than {LONGEST_INDEXED} characters"),
            ));
        }
        let archived = self.object.archived == Some(true);
        let own: Option<Currency> = match properties.and_then(|p| p.deal_currency_code()) {
            Some(code) => Some(
                code.trim().parse().map_err(|e| invalid("deal_currency_code", format!("{e}")))?,
            ),
            None => None,
        };
        let currency = own.or_else(|| settings.currency_of(self.row));
        let amount = match (properties.and_then(|p| p.amount()), currency) {
            (Some(text), Some(currency)) => {
                from_decimal(&text, currency).map_err(|e| invalid("amount", e.to_string()))?
            }
            _ => 0,
        };
        let (closed, won) = properties.map_or((None, None), |p| (p.is_closed(), p.is_won()));
        let (status, raw_status) = match (archived, currency, &stage) {
            (true, ..) => (Status::Canceled, "archived".to_owned()),
            (false, None, _) => (Status::Unmapped, NO_CURRENCY.to_owned()),
            (false, Some(_), stage) => (
                stages::status(Stage { id: stage.as_deref(), closed, won }, &settings.deal_stages),
                stage.as_deref().map_or_else(|| "null".to_owned(), printable),
            ),
        };
        Ok(Payment {
            kind: Kind::Deal,
            external_id: self.row.external_id.to_owned(),
            amount,
            currency: currency.unwrap_or(Currency::NONE),
            status,
            raw_status,
            occurred_at: self
                .occurred_at(properties.and_then(|p| p.closedate()))
                .map_err(|why| invalid("closedate", why))?,
            account: None,
            version: self.version.clone(),
        })
    }

    /// The close date; a deal without one counts on the day it came to be.
    fn occurred_at(&self, closedate: Option<Cow<'_, str>>) -> Result<Timestamp, String> {
        match closedate {
            Some(text) => time(&text).map_err(str::to_owned),
            None => Ok(self.object.created_at().unwrap_or(self.row.version_at)),
        }
    }

    /// When the ids merged into this one ended. A refetch, or the sweep of the full run that saw
    /// the merge, may have stored a tombstone of the same id. A merge is final and says more, so
    /// its stamp is above theirs.
    fn merged_at(&self) -> Timestamp {
        self.row.version_at.checked_add(MERGE_LEAD).unwrap_or(self.row.version_at)
    }
}

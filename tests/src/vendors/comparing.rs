//! Compares a stack's tables with what the simulated vendors have.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::Vendors;
use crate::simulators::hubspot::DealTruth;
use crate::simulators::stripe::Totals;
use crate::stack::StackError;
use crate::truth::{gcal, hubspot, stripe};

/// The comparison of one kind of object of a connection with the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub connection: &'static str,
    pub what: &'static str,
    /// The number of our live rows.
    pub there: usize,
    /// The ids of objects that are wrong, missing or surplus in our tables.
    pub different: Vec<String>,
}

impl Vendors {
    /// Compares contacts, deals and calendar events one by one, every field.
    ///
    /// # Errors
    ///
    /// [`StackError::Database`] if Postgres refuses a query or cannot be reached.
    pub async fn compare(&self, on: &Client) -> Result<Vec<Compared>, StackError> {
        let (contacts, deals) = (hubspot::contacts(on).await?, hubspot::deals(on).await?);
        let (true_contacts, true_deals) = {
            let portal = self.hubspot.portal();
            (hubspot::contacts_due(&portal, &contacts), hubspot::deals_due(&portal))
        };
        let mut compared = vec![
            Compared {
                connection: "hubspot",
                what: "contacts",
                there: contacts.values().filter(|row| !row.deleted).count(),
                different: different(&contacts, &true_contacts),
            },
            Compared {
                connection: "hubspot",
                what: "deals",
                there: deals.len(),
                different: different(&deals, &true_deals),
            },
        ];
        for calendar in &self.calendars {
            let id = calendar.simulator.calendar_id();
            let events = gcal::events_of(on, calendar.connection, &id).await?;
            let truth = calendar.simulator.with(|calendar| calendar.truth());
            compared.push(Compared {
                connection: calendar.connection,
                what: "calendar events",
                there: events.values().filter(|row| row.1.is_some()).count(),
                different: gcal::different(&events, &truth),
            });
        }
        Ok(compared)
    }

    /// Compares the charges, refunds and disputes of each Stripe account one by one. It takes
    /// seconds for 200,000 charges.
    ///
    /// # Errors
    ///
    /// As [`compare`](Self::compare).
    pub async fn compare_payments(&self, on: &Client) -> Result<Vec<Compared>, StackError> {
        let mut compared = Vec::new();
        for account in &self.stripe {
            let ours = stripe::payments_of(on, account.connection).await?;
            let different = different(&ours, &stripe::true_rows(&account.simulator));
            compared.push(Compared {
                connection: account.connection,
                what: "charges, refunds and disputes",
                there: ours.len(),
                different: different.into_iter().map(|(_, id)| id).collect(),
            });
        }
        Ok(compared)
    }

    /// Returns the books of the account that a connection reads, by currency: Stripe's ledger, or
    /// the sum of HubSpot's won deals, which are never refunded. A calendar has none.
    #[must_use]
    pub fn books(&self, connection: &str) -> BTreeMap<String, [i128; 4]> {
        let four = |b: Totals| [b.gross, b.refunded, b.disputed, b.net];
        if let Some(account) = self.stripe.iter().find(|one| one.connection == connection) {
            let ledger = account.simulator.ledger().into_iter();
            return ledger.map(|(currency, totals)| (currency, four(totals))).collect();
        }
        if connection != "hubspot" {
            return BTreeMap::new();
        }
        self.won().into_iter().map(|(currency, won)| (currency, [won, 0, 0, won])).collect()
    }

    /// Sums the portal's won deals, in minor units by currency.
    fn won(&self) -> BTreeMap<String, i128> {
        let mut sums = BTreeMap::new();
        for (DealTruth { amount, currency, .. }, status) in
            hubspot::deals_due(&self.hubspot.portal()).into_values()
        {
            if status == "collected" {
                *sums.entry(currency).or_default() += i128::from(amount);
            }
        }
        sums
    }
}

fn different<K: Ord + Clone, V: PartialEq>(ours: &BTreeMap<K, V>, due: &BTreeMap<K, V>) -> Vec<K> {
    let wrong = due.iter().filter(|(id, row)| ours.get(*id) != Some(row));
    let too_many = ours.iter().filter(|(id, _)| !due.contains_key(*id));
    wrong.chain(too_many).map(|(id, _)| id.clone()).collect()
}

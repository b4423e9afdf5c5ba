//! Lists, and reads of single objects.

use super::event::ApiVersion;
use super::id::{self, Kind};
use super::query::{Cursor, ListQuery, Resource, expands_refunds};
use super::refusal::Refusal;
use super::render::{self, Shape};
use super::state::{EVENT_DAYS, Order, StripeAccount, get};

impl StripeAccount {
    /// Returns one page of a list, newest first by `created`, then by the order of insertion.
    pub(crate) fn list(
        &self,
        resource: Resource,
        query: &str,
        version: ApiVersion,
    ) -> Result<String, Refusal> {
        let query = ListQuery::parse(resource, query)?;
        let now = self.now();
        let order = self.order(resource);
        let oldest = if resource == Resource::Events { now - EVENT_DAYS } else { i64::MIN };
        let mut low = order.before(query.from.max(oldest));
        let mut high = order.before(query.to);
        match &query.cursor {
            Some(Cursor::StartingAfter(id)) => {
                high = high.min(self.place(resource, id, "starting_after")?);
            }
            Some(Cursor::EndingBefore(id)) => {
                low = low.max(self.place(resource, id, "ending_before")? + 1);
            }
            None => {}
        }
        let shown = |&index: &u32| self.is_listed(resource, index, now, &query);
        let positions = low..high.max(low);
        let wanted = query.limit + 1;
        let mut page: Vec<u32> = if matches!(query.cursor, Some(Cursor::EndingBefore(_))) {
            positions.filter_map(|p| order.at(p)).filter(shown).take(wanted).collect()
        } else {
            positions.rev().filter_map(|p| order.at(p)).filter(shown).take(wanted).collect()
        };
        let has_more = page.len() > query.limit;
        page.truncate(query.limit);
        if matches!(query.cursor, Some(Cursor::EndingBefore(_))) {
            page.reverse();
        }
        let shape = shape(version, query.expand_refunds);
        Ok(self.page(resource, &page, has_more, shape))
    }

    /// Returns one object. A read by id finds objects that lists do not show yet.
    pub(crate) fn read(
        &self,
        resource: Resource,
        id: &str,
        query: &str,
        version: ApiVersion,
    ) -> Result<String, Refusal> {
        let expand = expands_refunds(query)?;
        let missing = || Refusal::missing(404, resource.noun(), id, "id");
        let index = self.find(resource.kind(), id).ok_or_else(missing)?;
        if resource == Resource::Events && self.is_expired(index) {
            return Err(missing());
        }
        let mut out = String::with_capacity(6_000);
        self.render(&mut out, 0, resource, index, shape(version, expand));
        out.push('\n');
        Ok(out)
    }

    fn is_expired(&self, event: u32) -> bool {
        get(&self.events, event).is_none_or(|e| e.created < self.now() - EVENT_DAYS)
    }

    const fn order(&self, resource: Resource) -> &Order {
        match resource {
            Resource::Charges => &self.charge_order,
            Resource::Refunds => &self.refund_order,
            Resource::Disputes => &self.dispute_order,
            Resource::Events => &self.event_order,
        }
    }

    /// Returns a cursor's position in the order.
    fn place(&self, resource: Resource, id: &str, parameter: &str) -> Result<usize, Refusal> {
        let missing = || Refusal::missing(400, resource.noun(), id, parameter);
        let index = self.find(resource.kind(), id).ok_or_else(missing)?;
        let created = match resource {
            Resource::Charges => self.charge(index).map(|c| c.created),
            Resource::Refunds => self.refund(index).map(|r| r.created),
            Resource::Disputes => self.dispute(index).map(|d| d.created),
            Resource::Events => get(&self.events, index).map(|e| e.created),
        };
        if resource == Resource::Events && self.is_expired(index) {
            return Err(missing());
        }
        Ok(self.order(resource).position(created.ok_or_else(missing)?, index))
    }

    fn is_listed(&self, resource: Resource, index: u32, now: i64, query: &ListQuery) -> bool {
        let (visible_at, charge) = match resource {
            Resource::Charges => (self.charge(index).map(|c| c.visible_at), index),
            Resource::Refunds => match self.refund(index) {
                Some(refund) => (Some(refund.visible_at), refund.charge),
                None => return false,
            },
            Resource::Disputes => match self.dispute(index) {
                Some(dispute) => (Some(dispute.visible_at), dispute.charge),
                None => return false,
            },
            Resource::Events => {
                return get(&self.events, index).is_some_and(|event| {
                    event.visible_at <= now && is_wanted(&query.types, event.kind.word())
                });
            }
        };
        visible_at.is_some_and(|at| at <= now) && self.is_of(charge, query)
    }

    /// Returns whether a charge passes the filters by charge, payment intent and customer.
    fn is_of(&self, charge: u32, query: &ListQuery) -> bool {
        let number = Some(u64::from(charge));
        let same = |kind: Kind, wanted: &Option<String>, own: Option<u64>| {
            wanted.as_ref().is_none_or(|id| own.is_some() && id::decode(kind, id) == own)
        };
        !query.transfer_group
            && query.charge.as_ref().is_none_or(|id| self.find(Kind::Charge, id) == Some(charge))
            && same(Kind::Intent, &query.payment_intent, number)
            && same(Kind::Customer, &query.customer, render::customer(charge))
    }

    fn page(&self, resource: Resource, page: &[u32], has_more: bool, shape: Shape) -> String {
        let mut out = String::with_capacity(400 + page.len() * 5_000);
        out.push_str("{\n  \"object\": \"list\",\n  \"data\": [");
        for (place, &index) in page.iter().enumerate() {
            out.push_str(if place > 0 { ",\n    " } else { "\n    " });
            self.render(&mut out, 4, resource, index, shape);
        }
        out.push_str(if page.is_empty() {
            "],\n  \"has_more\": "
        } else {
            "\n  ],\n  \"has_more\": "
        });
        out.push_str(if has_more { "true" } else { "false" });
        out.push_str(",\n  \"url\": \"");
        out.push_str(resource.path());
        out.push_str("\"\n}\n");
        out
    }

    fn render(
        &self,
        out: &mut String,
        indent: usize,
        resource: Resource,
        index: u32,
        shape: Shape,
    ) {
        match resource {
            Resource::Charges => {
                let Some(charge) = self.charge(index) else { return };
                let refunds = match shape {
                    Shape::New => Box::default(),
                    _ => self.refunds_of(charge),
                };
                render::charge(out, indent, shape, index, charge, &refunds);
            }
            Resource::Refunds => {
                let Some(refund) = self.refund(index) else { return };
                let Some(charge) = self.charge(refund.charge) else { return };
                render::refund(out, indent, shape, index, refund, charge);
            }
            Resource::Disputes => {
                let Some(dispute) = self.dispute(index) else { return };
                let Some(charge) = self.charge(dispute.charge) else { return };
                render::dispute(out, indent, shape, index, dispute, charge);
            }
            Resource::Events => {
                let Some(event) = get(&self.events, index) else { return };
                render::event(out, indent, index, event);
            }
        }
    }
}

const fn shape(version: ApiVersion, expand_refunds: bool) -> Shape {
    match (Shape::of(version), expand_refunds) {
        (Shape::New, true) => Shape::Expanded,
        (shape, _) => shape,
    }
}

/// A name may end in a wildcard: `charge.*`, `charge.dispute.*`, `*`.
fn is_wanted(types: &[String], word: &str) -> bool {
    let matches = |pattern: &String| match pattern.strip_suffix('*') {
        Some(head) => word.starts_with(head),
        None => pattern == word,
    };
    types.is_empty() || types.iter().any(matches)
}

//! Events: what happened, with the object frozen as of the change.

use super::model::{Charge, Dispute, Refund};

/// A version of Stripe's API, as far as it changes the objects of this simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// Before 2022-11-15: `charge.refunds` is an expanded list, `charge.dispute` an id.
    V2020_08_27,
    /// The present version. It renders neither, unless `expand[]` asks for refunds.
    Endive,
}

impl ApiVersion {
    /// Returns the version as `api_version` and `Stripe-Version` show it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::V2020_08_27 => "2020-08-27",
            Self::Endive => "2026-10-28.endive",
        }
    }

    /// Returns the version whose shape a `Stripe-Version` header asks for; `None` if it is not a
    /// version.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        let date = header.get(..10)?;
        let digits = |range: std::ops::Range<usize>| {
            date.get(range).is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit()))
        };
        let rest = header.get(10..)?;
        let shaped = digits(0..4) && digits(5..7) && digits(8..10);
        if !shaped || !(rest.is_empty() || rest.starts_with('.')) {
            return None;
        }
        Some(if date < "2022-11-15" { Self::V2020_08_27 } else { Self::Endive })
    }

    /// Returns whether a charge contains its refunds without being asked.
    #[must_use]
    pub const fn expands_refunds(self) -> bool {
        matches!(self, Self::V2020_08_27)
    }
}

macro_rules! event_types {
    ($($name:ident = $word:literal, $what:literal;)+) => {
        /// A type of event that this simulator emits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType { $(#[doc = $what] $name,)+ }

        impl EventType {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns Stripe's name of the type.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

event_types! {
    ChargeSucceeded = "charge.succeeded", "A charge (or an authorisation) went through.";
    ChargeFailed = "charge.failed", "A charge was declined, or a bank debit came back.";
    ChargePending = "charge.pending", "A bank debit was started.";
    ChargeCaptured = "charge.captured", "An authorisation was captured, in full or in part.";
    ChargeExpired = "charge.expired", "An authorisation ran out uncaptured.";
    ChargeUpdated = "charge.updated", "A charge's description, metadata or settlement changed.";
    ChargeRefunded = "charge.refunded", "A charge was refunded, in full or in part: carries the charge.";
    ChargeRefundUpdated = "charge.refund.updated", "A refund of a charge changed: carries the refund.";
    RefundCreated = "refund.created", "A refund was made.";
    RefundUpdated = "refund.updated", "A refund changed.";
    RefundFailed = "refund.failed", "A refund came back.";
    DisputeCreated = "charge.dispute.created", "A customer disputed a charge, or the bank inquired.";
    DisputeUpdated = "charge.dispute.updated", "A dispute changed, usually by evidence.";
    DisputeClosed = "charge.dispute.closed", "A dispute ended: lost, warning_closed or won.";
    DisputeFundsWithdrawn = "charge.dispute.funds_withdrawn", "Stripe took the disputed money.";
    DisputeFundsReinstated = "charge.dispute.funds_reinstated", "Stripe gave the disputed money back.";
}

/// An object as it was at one moment.
#[derive(Clone, Debug)]
pub enum Snapshot {
    /// A charge with its refunds, newest first.
    Charge(u32, Charge, Box<[(u32, Refund)]>),
    /// A refund, and whether its charge is a bank debit.
    Refund(u32, Refund, Charge),
    /// A dispute and its charge.
    Dispute(u32, Dispute, Charge),
}

/// An event as the account keeps it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Unix seconds.
    pub created: i64,
    /// The Unix second from which lists show it.
    pub visible_at: i64,
    /// Stripe's `type`.
    pub kind: EventType,
    /// Stripe's `api_version`.
    pub version: ApiVersion,
    /// The number of the request that caused it; 0 if no request did.
    pub request: u32,
    /// Stripe's `data.object`.
    pub after: Snapshot,
    /// The object before the change. `data.previous_attributes` is the difference from it.
    pub before: Option<Box<Snapshot>>,
}

/// An event for a test, with the body that Stripe would send to a webhook endpoint.
#[derive(Clone, Debug)]
pub struct Emitted {
    pub id: String,
    /// Stripe's `type`.
    pub event_type: &'static str,
    /// Unix seconds.
    pub created: i64,
    /// The Unix second from which lists show it.
    pub visible_at: i64,
    /// Stripe's `data.object.id`.
    pub object_id: String,
    /// The whole event, pretty-printed as Stripe sends it.
    pub body: String,
}

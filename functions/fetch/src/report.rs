//! The reply to a person who asked for a reconciliation.

use penstock_domain::ids::RunId;
use penstock_domain::reconcile::Phase;
use penstock_store::reconciliations::{self, report};
use penstock_store::sync_state::Key;
use penstock_store::{GenericClient, StoreError};
use serde::Serialize;

/// Differences that a report names at most.
pub(crate) const MOST: i64 = 500;

/// How a reconciliation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// Whether it is over.
    pub ended: bool,
    /// How many differences there were at first: days, by currency and status.
    pub found: i64,
    /// How many there are in the end.
    pub remaining: i64,
    /// The first 500 that were found, newest first.
    pub found_differences: Vec<Difference>,
    /// The first 500 that remain, newest first.
    pub remaining_differences: Vec<Difference>,
}

/// A day on which the two sides differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In UTC.
    pub day: String,
    /// ISO 4217.
    pub currency: String,
    /// Charge, refund or dispute.
    pub kind: String,
    /// The status as we know it.
    pub status: String,
    /// How many the vendor has.
    pub theirs_count: i64,
    /// Their sum in minor units.
    pub theirs: String,
    /// How many we have.
    pub ours_count: i64,
    /// Their sum in minor units.
    pub ours: String,
}

impl Report {
    pub(crate) async fn of(
        on: &impl GenericClient,
        key: Key<'_>,
        run: RunId,
    ) -> Result<Self, StoreError> {
        let state = reconciliations::find(on, run).await?;
        let last = state.map_or(1, |state| state.round);
        let read = |difference: report::Difference| Difference {
            day: difference.day.to_string(),
            currency: difference.currency,
            kind: key.entity.to_owned(),
            status: difference.status,
            theirs_count: difference.theirs_count,
            theirs: difference.theirs_sum,
            ours_count: difference.ours_count,
            ours: difference.ours_sum,
        };
        let first = report::differences(on, run, 1, MOST).await?;
        let remaining = report::differences(on, run, last, MOST).await?;
        Ok(Self {
            run,
            ended: state.is_some_and(|state| state.phase == Phase::Ended),
            found: report::count(on, run, 1).await?,
            remaining: report::count(on, run, last).await?,
            found_differences: first.into_iter().map(read).collect(),
            remaining_differences: remaining.into_iter().map(read).collect(),
        })
    }
}

//! How a world comes to rest, and what must hold then.

use std::time::Duration;

use jiff::SignedDuration;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::hubspot::DEFAULT_TOKEN;
use penstock_tests::truth;

use crate::world::operations::{PULLS, World};

/// Rounds after which work that is left hangs.
const ENDLESS: u32 = 60;

/// The number of rows, wishes and runs that wait.
const WAITS: &str = "select (select count(*) from outbox where status = 'pending') \
                     + (select count(*) from refetch_requests) \
                     + (select count(*) from sync_state where run_id is not null or requested_at is not null)";

/// The first things that wait, for the message of a failure.
const WHAT_WAITS: &str = "select coalesce(string_agg(line, E'\\n'), '') from (\
    (select concat_ws(' ', 'wish', source, entity, external_id, tries, requested_at, next_send_at) as line \
     from refetch_requests limit 5) union all \
    (select concat_ws(' ', 'pull', source, entity, mode, run_id, requested_at, requested_why, halted, next_try_at) \
     from sync_state where run_id is not null or requested_at is not null) union all \
    (select concat_ws(' ', 'row', source, entity, external_id, version_key) \
     from outbox where status = 'pending' limit 5)) waiting";

impl World {
    /// Ends all trouble, runs everything, and asserts that the tables are the vendors' truth.
    ///
    /// # Panics
    /// A row is wrong, missing or not the vendor's, or something hangs.
    pub async fn rest(&mut self) {
        self.end_trouble();
        self.become_quiet().await;
        // What a rule does in a day. A person lets each sweep through.
        for modes in [[Mode::Incremental, Mode::Full], [Mode::Reconcile, Mode::Incremental]] {
            for (source, entity, known) in PULLS {
                for mode in modes.into_iter().filter(|mode| known.contains(mode)) {
                    let request = FetchRequest::new(source, entity, mode);
                    self.serve(&FetchRequest { allow_sweep: true, unpause: true, ..request }).await;
                }
            }
            self.become_quiet().await;
        }
        truth::stripe::assert_true(&self.app.db, &self.app.stripe).await;
        truth::hubspot::assert_true(&self.app.db, &self.hubspot).await;
        truth::gcal::assert_true(&self.app.db, &self.google).await;
        truth::assert_nothing_left(&self.app.db).await;
    }

    /// Accepts all keys, and has all lists and indexes catch up.
    fn end_trouble(&self) {
        self.hubspot.set_token(DEFAULT_TOKEN);
        self.app.stripe.set_key(&self.key);
        self.google.faults().clear();
        self.google.with(|calendar| calendar.list_lag = SignedDuration::ZERO);
        {
            let mut portal = self.hubspot.portal();
            (portal.list_lag_ms, portal.index_behind_until_ms) = (0, None);
        }
        self.app.stripe.settle();
        self.app.clock.advance(Duration::from_secs(3 * 3_600));
    }

    /// Works until nothing waits and nothing is queued.
    async fn become_quiet(&mut self) {
        for _ in 0..ENDLESS {
            self.app.relay.run_once(self.app.relay_deadline()).await.unwrap();
            self.work(false).await;
            let queued =
                !self.app.tickets.delays().is_empty() || !self.app.requests.delays().is_empty();
            if !queued && self.app.db.scalar::<i64>(WAITS).await == 0 {
                return;
            }
            // Long enough for leases, for pauses, and for wishes that were tried in vain.
            self.app.clock.advance(Duration::from_secs(1_000));
        }
        panic!("it hangs:\n{}", self.app.db.scalar::<String>(WHAT_WAITS).await);
    }
}

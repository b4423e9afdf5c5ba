//! The facts about a vendor's account, from its key and from the vendor, learned before the first
//! page of a run.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::{Reply, Request};
use penstock_domain::source::{AccountRules, OwnAccount};
use penstock_edge::telemetry::chain;
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::vendor_accounts::{self, Known};
use penstock_store::{begin, commit, outbox};

use crate::error::FetchError;
use crate::ports::Ports;
use crate::vendors::Vendor;

/// The age at which the vendor's answer is refreshed.
const REFRESHED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause after an answer that left something unknown.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);

/// No run waits longer for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why full runs are requested.
const REASON: &str = "the currency of the account has become known, or has changed";

/// The answers of the key and the vendor this time.
struct Said {
    own: OwnAccount,
    /// Whether the vendor was asked.
    asked: bool,
    /// Why it did not say.
    unknown: Option<String>,
}

/// Returns what is known of the account, and keeps what is new. A vendor that does not say stops no
/// run.
///
/// # Errors
/// [`VendorError::Setup`] if the key is of another mode than what this database holds.
pub(crate) async fn learn<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    stop_at: Timestamp,
) -> Result<OwnAccount, FetchError> {
    let Some(rules) = vendor.source().account() else { return Ok(OwnAccount::default()) };
    let now = ports.clock.now();
    let known = vendor_accounts::find(&**ports.database.connection().await?, vendor.name()).await?;
    let kept = known.map(|known| known.own).unwrap_or_default();
    // A key that cannot be read is reported by the request that needs it.
    let of_key = vendor.client.read_key(now, |key| rules.told_by_key(key)).await;
    let of_key = of_key.unwrap_or_default();
    if let (Some(held), Some(livemode)) = (kept.livemode, of_key.livemode)
        && held != livemode
    {
        return Err(VendorError::Setup(another_mode(livemode)).into());
    }
    let said = match rules.request(&vendor.paging) {
        Some(request) if vendor.asks_account && is_due(known, now) => {
            ask(vendor, rules, of_key, &request, stop_at.min(now + PATIENCE)).await
        }
        _ => Said { own: of_key, asked: false, unknown: None },
    };
    let own = OwnAccount {
        livemode: said.own.livemode.or(kept.livemode),
        currency: said.own.currency.or(kept.currency),
    };
    if said.asked || own != kept {
        keep(ports, vendor, rules, said, now).await?;
    }
    Ok(own)
}

fn another_mode(livemode: bool) -> String {
    let (key, held) = if livemode { ("live", "test") } else { ("test", "live") };
    format!("the key is of {key} mode, and this database holds what a key of {held} mode has read")
}

fn is_due(known: Option<Known>, now: Timestamp) -> bool {
    known.is_none_or(|Known { own, asked_at }| {
        let pause = if own.currency.is_some() { REFRESHED_AFTER } else { ASKED_AGAIN_AFTER };
        elapsed(asked_at, now) >= pause
    })
}

async fn ask<C: Clock>(
    vendor: &Vendor<C>,
    rules: &dyn AccountRules,
    of_key: OwnAccount,
    request: &Request,
    stop_at: Timestamp,
) -> Said {
    let read = match vendor.client.ask(Mode::Incremental, request, stop_at).await {
        Ok(fetched) => {
            let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
            rules.read(reply).map_err(|error| error.to_string())
        }
        Err(error) => Err(chain(&error)),
    };
    match read {
        Ok(OwnAccount { livemode, currency }) => {
            let livemode = of_key.livemode.or(livemode);
            Said { own: OwnAccount { livemode, currency }, asked: true, unknown: None }
        }
        Err(unknown) => {
            let source = vendor.name();
            tracing::warn!(event = "account_unknown", source, error = unknown);
            Said { own: of_key, asked: true, unknown: Some(unknown) }
        }
    }
}

/// Keeps what was said. Rows that waited for the mode become due, and full runs that the currency
/// repairs are requested, in the same transaction.
async fn keep<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    rules: &dyn AccountRules,
    said: Said,
    asked_at: Timestamp,
) -> Result<(), FetchError> {
    let (source, now) = (vendor.name(), ports.clock.now());
    let mut connection = ports.database.connection().await?;
    let tx = begin(&mut connection).await?;
    let unknown = said.unknown.as_deref();
    let changed = vendor_accounts::keep(&tx, source, said.own, unknown, asked_at).await?;
    if changed.mode {
        outbox::release(&tx, source, now).await?;
    }
    let requested = match rules.counted_in_currency() {
        entities if changed.currency && !entities.is_empty() => {
            // A run under way may have shown objects before the currency was known.
            let why = Some(REASON);
            pending::request(&tx, source, entities, Mode::Full, why, Unless::Never, now).await?
        }
        _ => Vec::new(),
    };
    commit(tx).await?;
    drop(connection);
    if changed.mode || changed.currency {
        let (livemode, currency) = (said.own.livemode, said.own.currency.map(|c| c.to_string()));
        tracing::info!(event = "account_known", source, livemode, currency);
    }
    ports.ask_for_runs(source, &requested, Mode::Full).await;
    Ok(())
}

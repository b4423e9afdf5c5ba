//! A function that gives up on Postgres closes its socket before it replies: Lambda freezes the
//! environment right after the reply, and a frozen one closes nothing.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use penstock_testkit::{Cut, Outcome};
use tokio::time::timeout;

use super::units::{FUNCTIONS, Unit};

/// The deadline of the invocations: more than functions wait that have no deadline themselves.
/// `relay` begins nothing in the last 10 s of it.
const DEADLINE: Duration = Duration::from_secs(14);

/// A socket that was closed before the reply is closed, and a frozen process closes none. This is
/// for the scheduler of a busy machine.
const AT_ONCE: Duration = Duration::from_secs(60);

/// Has Postgres fall silent when `function` is in the middle of its work.
async fn gives_up(function: &'static str) {
    let messages = Unit::messages(function, 51_900).await;
    let unit = Unit::of(function, 51_900).await;
    let process = unit.start("gives up").await;
    // With so little time left `fetch` takes its lease and pages through nothing, and `load` begins
    // nothing. `archive` copies what is older than the transactions of other tests.
    let is_short = ["archive", "fetch", "load"].contains(&function);
    let nth = if is_short { 5 } else { messages - 2 };
    process.proxy.hold_at(nth, Cut::AfterForwarding, process.proxy.silencer());
    process.host.freeze_at_replies();
    // The deadline counts from the invocation: the start of the process is no part of it.
    process.host.first_poll().await;
    let outcome = process.host.invoke_with_deadline(unit.event.clone(), DEADLINE).await;
    assert!(process.proxy.was_cut(), "{function} sent fewer than {nth} messages");
    let replied = matches!(outcome, Outcome::Replied(_) | Outcome::Failed { .. });
    assert!(replied, "{function}: {outcome:?}");
    let closed = timeout(AT_ONCE, process.proxy.until_open(0)).await;
    assert!(closed.is_ok(), "{function} has replied with its socket open: {outcome:?}");
}

#[tokio::test]
async fn trap_69_a_function_that_gives_up_has_closed_its_socket_before_it_replies() {
    // Boxed: each holds two environments. A few at once, or the work itself is as slow as silence.
    let all = stream::iter(FUNCTIONS).map(|function| Box::pin(gives_up(function)));
    all.buffer_unordered(5).collect::<()>().await;
}

//! `webhook` as built, killed with SIGKILL at each message to Postgres.

use std::time::Duration;

use penstock_testkit::{Cut, CuttingProxy, Outcome};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::account;
use crate::webhook::secrets::BuiltWebhook;

const SECRET: &str = "whsec_of_the_victim";

#[tokio::test]
async fn killed_at_any_point_and_sent_the_event_again_it_has_each_event_exactly_once() {
    let app = TestApp::over(account(240, 1)).await;
    let proxy = CuttingProxy::start(app.db.login_of("webhook")).await;
    let first = BuiltWebhook::at(proxy.url(), SECRET).await;
    assert_eq!(first.post("evt_0", &[SECRET]).await, 200);
    let messages = proxy.messages();
    let mut sent = 1;
    for cut in [Cut::BeforeForwarding, Cut::AfterForwarding] {
        for nth in 1..=messages {
            let victim = BuiltWebhook::at(proxy.url(), SECRET).await;
            proxy.cut_at(nth, cut, victim.host.killer());
            let id = format!("evt_{sent}");
            let outcome = victim.host.invoke(BuiltWebhook::event(&id, &[SECRET])).await;
            assert!(
                matches!(outcome, Outcome::Died(_)) && proxy.was_cut(),
                "{cut:?} {nth}: {outcome:?}"
            );
            assert!(victim.aws.take().is_empty(), "no ticket before the commit is known");
            // There was no reply, so Stripe sends it again.
            assert_eq!(first.post(&id, &[SECRET]).await, 200);
            sent += 1;
        }
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, sent);
    // Later than the real clock, by which the binary has written.
    app.clock.advance(Duration::from_secs(80 * 365 * 86_400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.db.assert_nothing_waits().await;
}

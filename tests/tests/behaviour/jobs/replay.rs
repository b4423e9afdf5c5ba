//! Replays: dry run, start, pause, stop, and two at once.

use std::time::Duration;

use penstock_tests::test_app::batch;
use serde_json::{Value, json};

use super::{ask, finish, get, post, start, with_dead, work};
use crate::admin::trigger::{admin, environment};
use crate::process::batches::put;

const COLLECTED: &str =
    "select coalesce(sum(amount), 0)::bigint from payments where status = 'collected'";

#[tokio::test]
async fn a_dry_run_changes_nothing_and_what_dies_after_it_is_none_of_its_items() {
    let (app, _) = with_dead(1510, 3).await;
    let admin = admin(&app).await;
    let filter = json!({"source": "stripe"});
    let (status, plan) =
        post(&admin, "/admin/events/replay", json!({"dryRun": true, "filter": filter})).await;
    assert_eq!((status, &plan["items"], &plan["capped"]), (200, &json!(3), &json!(false)));
    assert_eq!(plan["first"].as_array().unwrap().len(), 3);
    assert_eq!(plan["first"][0]["reason"], "no map knows \"…\" of line <n>");
    app.clock.advance(Duration::from_secs(60));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox where status = 'dead'").await, 3);

    let late = put(&app, &[("ch_late".to_owned(), "{".to_owned())]).await;
    work(&app, &late).await;
    let token = &plan["token"];
    let (status, _) =
        post(&admin, "/admin/events/replay", json!({"token": token, "why": "mended"})).await;
    assert_eq!(status, 202);
    let told = finish(&app, &admin, token.as_str().unwrap()).await;
    assert_eq!((&told["items"], &told["report"]["processed"]), (&json!(3), &json!(3)));
    assert_eq!((&told["askedBy"], &told["why"]), (&json!("operator"), &json!("mended")));
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox where status = 'dead'").await, 1);
    // The same start again shows the same job.
    let again = json!({"token": token, "why": "mended"});
    let (status, job) = post(&admin, "/admin/events/replay", again).await;
    assert_eq!((status, &job["state"]), (200, &json!("completed")));
}

#[tokio::test]
async fn two_who_start_the_same_replay_get_one_job() {
    let (app, _) = with_dead(1511, 4).await;
    let one = admin(&app).await;
    let other = environment(&app);
    let plan = json!({"dryRun": true, "filter": {"errorKind": "invalid"}});
    let (_, first) = post(&one, "/admin/events/replay", plan.clone()).await;
    let (_, second) = post(&other, "/admin/events/replay", plan).await;
    assert_ne!(first["token"], second["token"]);
    let begin = |token: &Value| json!({"token": token, "why": "mended"});
    let (a, b) = tokio::join!(
        post(&one, "/admin/events/replay", begin(&first["token"])),
        post(&other, "/admin/events/replay", begin(&second["token"])),
    );
    assert_eq!(a.1["jobId"], b.1["jobId"], "{a:?} {b:?}");
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 202]);
    let told = finish(&app, &one, a.1["jobId"].as_str().unwrap()).await;
    assert_eq!(told["report"]["processed"], 4);
    assert_eq!(app.db.scalar::<i64>(COLLECTED).await, 400);
    let replays: i64 = app.db.scalar("select sum(replay_count) from dead_letters").await;
    assert_eq!(replays, 4, "each row once");
}

#[tokio::test]
async fn replays_of_the_same_rows_at_once_and_while_they_are_processed_have_one_effect() {
    let (app, ids) = with_dead(1512, 40).await;
    let admin = admin(&app).await;
    let by_kind = start(&admin, "/admin/events/replay", json!({"errorKind": "invalid"})).await;
    let by_source = start(&admin, "/admin/events/replay", json!({"source": "stripe"})).await;
    app.clock.advance(Duration::from_secs(60));
    let (a, ()) = tokio::join!(app.relay.run_once(app.relay_deadline()), work(&app, &ids),);
    a.unwrap();
    for job in [by_kind, by_source] {
        let report = finish(&app, &admin, &job).await["report"].clone();
        let ended = |field: &str| report[field].as_i64().unwrap();
        assert_eq!(ended("processed") + ended("skipped"), 40, "{report}");
    }
    assert_eq!(app.db.scalar::<i64>(COLLECTED).await, 4_000);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 40);
}

#[tokio::test]
async fn a_job_is_paused_resumed_and_stopped_and_goes_at_its_rate() {
    let (app, _) = with_dead(1513, 150).await;
    let admin = admin(&app).await;
    let (_, plan) = post(&admin, "/admin/events/replay", json!({"dryRun": true})).await;
    let token = plan["token"].as_str().unwrap();
    let begin = json!({"token": token, "rate": 1, "why": "mended"});
    assert_eq!(post(&admin, "/admin/events/replay", begin).await.0, 202);
    let job = format!("/admin/jobs/{token}");
    let minute = || async {
        app.clock.advance(Duration::from_secs(60));
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        app.drain().await;
        let report = get(&admin, &job).await["report"].clone();
        report["waiting"].as_i64().unwrap()
    };
    assert_eq!(minute().await, 90, "one a second");
    let (status, told) = post(&admin, &format!("{job}/pause"), json!({})).await;
    assert_eq!((status, &told["state"]), (200, &json!("paused")));
    assert_eq!(minute().await, 90);
    assert_eq!(post(&admin, &format!("{job}/pause"), json!({})).await.0, 200, "once more");
    assert_eq!(post(&admin, &format!("{job}/resume"), json!({})).await.0, 200);
    assert_eq!(minute().await, 30);
    let (status, told) = post(&admin, &format!("{job}/stop"), json!({})).await;
    assert_eq!((status, &told["state"]), (200, &json!("stopped")));
    assert_eq!(minute().await, 30, "those stay dead");
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox where status = 'dead'").await, 30);
    let (status, problem) = post(&admin, &format!("{job}/resume"), json!({})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:penstock:problem:job-state")));
    let all = get(&admin, "/admin/jobs?state=stopped").await;
    assert_eq!(all["jobs"][0]["jobId"], json!(token));
}

#[tokio::test]
async fn a_replay_reports_what_is_dead_again_by_reason() {
    let (app, _) = with_dead(1514, 5).await;
    let admin = admin(&app).await;
    let spoil = "update outbox set payload = '{' where external_id in ('ch_00000', 'ch_00001')";
    app.db.client().await.batch_execute(spoil).await.unwrap();
    let job = start(&admin, "/admin/events/replay", json!({})).await;
    let report = finish(&app, &admin, &job).await["report"].clone();
    assert_eq!((&report["processed"], &report["dead"]), (&json!(3), &json!(2)), "{report}");
    assert_eq!(
        (&report["reasons"][0]["outcome"], &report["reasons"][0]["count"]),
        (&json!("dead"), &json!(2))
    );
}

#[tokio::test]
async fn a_message_to_fetch_that_failed_is_sent_again_and_one_that_is_none_is_skipped() {
    let (app, _) = with_dead(1515, 0).await;
    let admin = admin(&app).await;
    let request = json!({"source": "stripe", "entity": "charge", "mode": "full"}).to_string();
    let bodies = [request, "made by hand".to_owned()];
    assert_eq!(app.bury.handle(batch(&bodies, 5)).await.failures(), 0);
    let listed = get(&admin, "/admin/events/failed").await;
    assert!(listed["events"].as_array().unwrap().iter().all(|event| event["state"] == "message"));
    let letter = listed["events"][0]["id"].as_str().unwrap();
    let (status, one) = post(&admin, &format!("/admin/events/{letter}/replay"), json!({})).await;
    assert_eq!((status, &one["items"]), (202, &json!(1)), "{one}");
    let stop = format!("/admin/jobs/{}/stop", one["jobId"].as_str().unwrap());
    assert_eq!(post(&admin, &stop, json!({})).await.0, 200);
    let job = start(&admin, "/admin/events/replay", json!({})).await;
    app.clock.advance(Duration::from_secs(60));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    let sent = app.requests.take();
    assert!(sent.iter().any(|body| body.contains("\"charge\"")), "{sent:?}");
    let told = finish(&app, &admin, &job).await;
    let report = &told["report"];
    assert_eq!((&report["processed"], &report["skipped"]), (&json!(1), &json!(1)), "{report}");
    let left = get(&admin, "/admin/events/failed").await;
    assert_eq!(left["events"].as_array().unwrap().len(), 1, "the one that was made by hand");
}

#[tokio::test]
async fn a_start_without_a_dry_run_a_reason_or_a_live_token_is_refused_by_the_field() {
    let (app, ids) = with_dead(1516, 1).await;
    let admin = admin(&app).await;
    let plan = json!({"dryRun": true, "filter": {"source": "stripe"}});
    let (_, planned) = post(&admin, "/admin/events/replay", plan).await;
    let token = &planned["token"];
    for (body, pointer) in [
        (json!({}), "#/dryRun"),
        (json!({"dryRun": false}), "#/dryRun"),
        (json!({"dryRun": true, "token": token}), "#/token"),
        (json!({"token": token, "filter": {}, "why": "x"}), "#/filter"),
        (json!({"token": token}), "#/why"),
        (json!({"token": token, "why": " "}), "#/why"),
        (json!({"token": token, "why": "x", "rate": 0}), "#/rate"),
        (json!({"token": 7}), "#/token"),
        (json!({"dryRun": true, "filter": {"errorKind": "odd"}}), "#/filter/errorKind"),
        (json!({"dryRun": true, "filter": {"reason": ""}}), "#/filter/reason"),
    ] {
        let (status, problem) = post(&admin, "/admin/events/replay", body.clone()).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (400, &json!(pointer)),
            "{body}: {problem}"
        );
    }
    let nobody = json!({"token": "019a0000-0000-7000-8000-0000000000ff", "why": "x"});
    assert_eq!(post(&admin, "/admin/events/replay", nobody).await.0, 409);
    // A replay's token starts no remap. An hour later it starts nothing, and is forgotten.
    let begin = json!({"token": token, "why": "x"});
    assert_eq!(post(&admin, "/admin/remap", begin.clone()).await.0, 409);
    app.clock.advance(Duration::from_secs(3_601));
    assert_eq!(post(&admin, "/admin/events/replay", begin).await.0, 409);
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(app.db.scalar::<i64>("select count(*) from jobs").await, 0);
    // What has not failed is not replayed.
    let none = "/admin/events/019a0000-0000-7000-8000-0000000000ff/replay";
    assert_eq!(post(&admin, none, json!({})).await.0, 404);
    let (status, _) = ask(&admin, "POST", &format!("/admin/events/{}/replay", ids[0]), None).await;
    assert_eq!(status, 202, "without a body too");
}

#[tokio::test]
async fn an_operator_who_invokes_the_function_plans_starts_and_follows_jobs_without_a_key() {
    let (app, _) = with_dead(1517, 2).await;
    let admin = environment(&app);
    let invoke = async |command: Value| {
        admin.invoke(json!({"operator": command}), "invocation").await.unwrap()
    };
    let plan = invoke(json!({"do": "replay", "request": {"dryRun": true}})).await;
    assert_eq!((&plan["status"], &plan["body"]["items"]), (&json!(200), &json!(2)), "{plan}");
    let token = plan["body"]["token"].as_str().unwrap();
    let begin = json!({"do": "replay", "request": {"token": token, "why": "mended"}});
    assert_eq!(invoke(begin).await["status"], 202);
    app.clock.advance(Duration::from_secs(60));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    let job = invoke(json!({"do": "job", "id": token})).await;
    assert_eq!(
        (&job["body"]["state"], &job["body"]["askedBy"]),
        (&json!("completed"), &json!("invocation"))
    );
    let remap =
        invoke(json!({"do": "remap", "request": {"dryRun": true, "filter": {"source": "stripe"}}}))
            .await;
    assert_eq!((&remap["status"], &remap["body"]["items"]), (&json!(200), &json!(2)), "{remap}");
    let refused =
        invoke(json!({"do": "remap", "request": {"dryRun": true, "filter": {"continueAt": "x"}}}))
            .await;
    assert_eq!(refused["body"]["errors"][0]["pointer"], "#/filter/continueAt");
}

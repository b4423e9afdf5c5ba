//! The server that a test may stop and start.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use penstock_testkit::PrivatePostgres;
use tokio_postgres::error::SqlState;

fn runs(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

fn takes_connections(server: &PrivatePostgres) -> bool {
    TcpStream::connect(("127.0.0.1", server.login().port)).is_ok()
}

async fn counted(server: &PrivatePostgres) -> i64 {
    server.client().await.query_one("select count(*) from sent", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_was_committed_survives_a_stop_and_a_crash_and_what_was_not_does_not() {
    let server = PrivatePostgres::new().await;
    server.client().await.batch_execute("create table sent (id int)").await.unwrap();
    for (stop, wanted) in [("fast", 1), ("immediate", 2)] {
        let (done, open) = (server.client().await, server.client().await);
        open.batch_execute("begin; insert into sent values (0)").await.unwrap();
        done.batch_execute("insert into sent values (1)").await.unwrap();
        if stop == "fast" {
            server.stop_fast().await
        } else {
            server.stop_immediate().await
        }
        assert!(!takes_connections(&server), "{stop}");
        assert!(open.batch_execute("commit").await.is_err(), "its connections are cut, {stop}");
        server.start().await;
        assert_eq!(counted(&server).await, wanted, "{stop}");
    }
}

#[tokio::test]
async fn it_is_migrated_and_its_pools_find_it_again_where_it_was() {
    let server = PrivatePostgres::new().await;
    let pool = server.database(1);
    for _ in 0..2 {
        let connection = pool.connection().await.unwrap();
        assert!(connection.query("select from outbox", &[]).await.unwrap().is_empty());
        drop(connection);
        server.stop_immediate().await;
        // Until the pool has seen the end of its connection, it may hand the connection out once
        // more.
        while pool.connection().await.is_ok() {}
        server.start().await;
    }
}

#[tokio::test]
async fn it_can_be_silent_and_its_disk_can_be_full() {
    let server = PrivatePostgres::on_a_small_disk().await;
    let client = server.client().await;
    server.freeze().await;
    let silent = tokio::time::timeout(Duration::from_millis(200), client.simple_query("")).await;
    assert!(silent.is_err() && takes_connections(&server), "it refuses nothing");
    server.thaw().await;
    client.simple_query("").await.unwrap();

    let fill = "create table filling as select repeat('x', 500) from generate_series(1, 1000)";
    server.fill_disk().await;
    let full = client.batch_execute(fill).await.unwrap_err();
    assert_eq!(full.code(), Some(&SqlState::DISK_FULL), "{full:?}");
    server.empty_disk().await;
    client.batch_execute(fill).await.unwrap();
}

#[tokio::test]
async fn nothing_of_it_is_left_when_it_is_dropped_running_or_not_or_its_test_panics() {
    for case in ["running", "frozen", "stopped", "panicking"] {
        let server = PrivatePostgres::new().await;
        let (process, directory) = (server.process_id().unwrap(), server.directory().to_owned());
        assert!(runs(process) && directory.exists());
        if case == "frozen" {
            server.freeze().await;
        }
        if case == "stopped" {
            server.stop_fast().await;
            assert_eq!((server.process_id(), runs(process)), (None, false));
        }
        let test = tokio::spawn(async move {
            let _its = server;
            assert!(case != "panicking", "as a test does");
        });
        assert_eq!(test.await.is_err(), case == "panicking");
        assert!(!runs(process) && !directory.exists(), "{case}");
    }
}

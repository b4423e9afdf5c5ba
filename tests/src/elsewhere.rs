//! Access to Postgres from a simulator's hook. A hook runs on the simulator's own thread, outside
//! the test's async context, and the reply waits for it.

#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use tokio_postgres::Client;

/// Runs `work` with a connection of its own to the database at `url`, and blocks until it is done.
///
/// # Panics
///
/// If Postgres cannot be reached, or `work` panics.
pub fn with_client<T: Send + 'static>(
    url: &str,
    work: impl AsyncFnOnce(&Client) -> T + Send + 'static,
) -> T {
    let url = url.to_owned();
    let all = async move || {
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a connection");
        let connection = tokio::spawn(connection);
        let done = work(&client).await;
        connection.abort();
        done
    };
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::spawn(move || runtime().block_on(all())).join().expect("the work is done")
}

/// Runs statements, and blocks until they are done.
///
/// # Panics
///
/// If Postgres refuses them or cannot be reached.
pub fn execute(url: &str, sql: &str) {
    let sql = sql.to_owned();
    with_client(url, async move |client| {
        client.batch_execute(&sql).await.expect("the statements run")
    });
}

//! The SQL of docs/OPERATIONS.md runs as it stands there.

use penstock_testkit::TestDatabase;
use penstock_tests::repository::root;
use tokio_postgres::{Client, Error};

/// Returns the statements of the page's blocks of SQL, each with its line.
fn statements() -> Vec<(usize, String)> {
    let page = std::fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let (mut found, mut statement) = (Vec::new(), None::<(usize, String)>);
    let mut is_sql = false;
    for (i, line) in page.lines().enumerate() {
        let line_of_code = line.trim().split(" -- ").next().unwrap();
        match line.trim() {
            "```sql" => is_sql = true,
            "```" => is_sql = false,
            _ if is_sql => {
                let (_, text) = statement.get_or_insert((i + 1, String::new()));
                *text += line_of_code.trim();
                *text += "\n";
                if text.trim_end().ends_with(';') {
                    found.extend(statement.take());
                }
            }
            _ => {}
        }
    }
    assert!(statement.is_none(), "a statement has no end: {statement:?}");
    found
}

/// Runs a statement, and takes back what it did. The placeholder of the page is an id, which is a
/// text as well.
async fn run(client: &mut Client, sql: &str) -> Result<(), Error> {
    let sql = sql.replace("'…'", "'019a0c9e-0000-7000-8000-000000000000'");
    if sql.contains("concurrently") {
        // In no transaction.
        return client.batch_execute(&sql).await;
    }
    let taken_back = client.transaction().await?;
    let outcome = taken_back.batch_execute(&sql).await;
    taken_back.rollback().await?;
    outcome
}

#[tokio::test]
async fn each_statement_of_sql_that_an_operator_reads_runs() {
    let db = TestDatabase::new().await;
    let mut client = db.client().await;
    let statements = statements();
    assert!(statements.len() > 10, "the page has {} statements", statements.len());
    let mut failures = Vec::new();
    for (line, sql) in statements {
        if let Err(error) = run(&mut client, &sql).await {
            failures.push(format!("docs/OPERATIONS.md:{line}: {error:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

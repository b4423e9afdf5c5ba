//! The five questions: DuckDB's answers from the files are those of Postgres and of the API.

use std::collections::BTreeMap;

use penstock_store::api_keys::Scope;
use penstock_tests::analytics::{Answers, QUESTIONS, asking};
use penstock_tests::template::Template;
use penstock_tests::test_app::TestApp;

use super::copied::{Copied, TableSeen};
use super::readers::filled;
use crate::metrics::{READ_KEY, add_key, config, ok, ports};

/// The rows of an answer by their first two columns.
type ByTwo = BTreeMap<(String, String), Vec<Option<String>>>;

fn by_two(rows: &[Vec<Option<String>>]) -> ByTwo {
    let key = |row: &[Option<String>]| (row[0].clone().unwrap(), row[1].clone().unwrap());
    rows.iter().map(|row| (key(row), row[2..].to_vec())).collect()
}

/// The revenue of all days by `GET /metrics/revenue/daily`, as the answer has it. Days without any
/// are left out.
async fn by_the_api(app: &TestApp, days: (&str, &str), currencies: &[String]) -> ByTwo {
    let ports = ports(app.db.database_of("metrics", 1), config());
    let mut all = ByTwo::new();
    for currency in currencies {
        let (first, last) = days;
        let target =
            format!("/metrics/revenue/daily?currency={currency}&startDate={first}&endDate={last}");
        for day in ok(&ports, &target).await.body["breakdown"].as_array().unwrap() {
            let text = |name: &str| Some(day[name].as_str().unwrap().to_owned());
            let row = vec![
                text("amountCents"),
                text("refundedCents"),
                text("disputedCents"),
                text("netCents"),
                Some(day["count"].to_string()),
            ];
            if row.iter().flatten().any(|amount| amount != "0") {
                all.insert((text("date").unwrap(), currency.clone()), row);
            }
        }
    }
    all
}

/// Asserts that the answers are those of Postgres, and returns them.
pub async fn assert_answers(app: &TestApp, copied: &Copied) -> Answers {
    let answers = copied.reader().answers().await.unwrap();
    let expected = asking::answers(&app.db.client().await).await.unwrap();
    for question in QUESTIONS {
        let name = question.name;
        assert_eq!(answers[name].rows, expected[name], "{name}");
    }
    answers
}

#[tokio::test]
async fn the_five_questions_have_the_answers_of_postgres() {
    let app = filled(893).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let answers = assert_answers(&app, &copied).await;
    for question in QUESTIONS {
        assert!(!answers[question.name].rows.is_empty(), "{} has an answer", question.name);
    }
}

#[tokio::test]
async fn revenue_by_day_and_currency_is_what_the_api_says_after_refunds_and_disputes() {
    let app = filled(894).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    for _ in 0..3 {
        app.clock.advance(std::time::Duration::from_secs(7_200));
        app.stripe.change(60);
        app.stripe.settle();
        app.fetch_all().await.unwrap();
        app.drain().await;
        copied.copy(&app.db).await;
    }
    add_key(&app.db.client().await, READ_KEY, Scope::Read).await;
    let answers = assert_answers(&app, &copied).await;
    let is_some = |row: &Vec<Option<String>>| row.iter().flatten().any(|it| it != "0");
    // One payment is of 1969, and a question about each day since is not worth its time.
    let is_asked = |day: &str| day > "2000";
    let answer: ByTwo = by_two(&answers["revenue_by_day"].rows)
        .into_iter()
        .filter(|((day, _), row)| is_asked(day) && is_some(row))
        .collect();
    let days: Vec<&String> = answer.keys().map(|(day, _)| day).collect();
    let mut currencies: Vec<String> = answer.keys().map(|(_, currency)| currency.clone()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    assert!(currencies.len() > 2 && days.len() > 50, "{currencies:?} on {} days", days.len());
    let refunded = |row: &Vec<Option<String>>| row[1].as_deref() != Some("0");
    assert!(answer.values().any(refunded), "some of it is refunded");
    let api = by_the_api(&app, (days[0], days[days.len() - 1]), &currencies).await;
    assert_eq!(answer, api);
}

#[tokio::test]
async fn a_letter_whose_row_was_processed_after_all_is_no_answer_any_more() {
    let app = filled(896).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let letters = |answers: &Answers| -> i64 {
        let rows = answers["failures_by_reason"].rows.iter();
        rows.map(|row| row[3].as_deref().unwrap().parse::<i64>().unwrap()).sum()
    };
    let open = "select count(*) from open_letters";
    let before: i64 = app.db.scalar(open).await;
    assert!(before > 1);
    assert_eq!(letters(&assert_answers(&app, &copied).await), before);
    let settle = "update dead_letters set replayed_at = now(), settled_at = now() \
                  where id = (select min(id::text)::uuid from dead_letters)";
    app.db.client().await.execute(settle, &[]).await.unwrap();
    copied.copy(&app.db).await;
    assert_eq!(letters(&assert_answers(&app, &copied).await), before - 1);
}

#[tokio::test]
async fn after_a_new_epoch_rows_that_retention_has_deleted_count_once_and_so_do_those_of_both() {
    let app = filled(904).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let before = assert_answers(&app, &copied).await;
    // Some rows go by their age. Then the database is on another cluster.
    let moved = "delete from events where event_id in ('e1', 'e2', 'e3'); \
                 delete from dead_letters where message_id in ('m2', 'm3'); \
                 update archive_epochs set system_identifier = 42";
    app.db.client().await.batch_execute(moved).await.unwrap();
    copied.copy(&app.db).await;
    assert_eq!(copied.reader().answers().await.unwrap(), before);
    let seen = copied.read().await;
    for (table, deleted) in [("events", 3), ("dead_letters", 2)] {
        let TableSeen { wrong, duckdb, pyarrow, .. } = &seen[table];
        assert_eq!(wrong, &Vec::<String>::new(), "{table}");
        assert_eq!(duckdb.rows, 2 * duckdb.keys - deleted, "{table} is in the files of two epochs");
        assert_eq!((duckdb.rows, duckdb.keys), (duckdb.versions, pyarrow.keys), "{table}");
        assert_eq!(duckdb.digest, pyarrow.digest, "{table}");
    }
}

#[tokio::test]
async fn a_copy_without_files_answers_every_question_with_nothing() {
    let app = crate::stripe_account::account(895, 1);
    let app = TestApp::over(app).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let answers = assert_answers(&app, &copied).await;
    assert!(answers.values().all(|answer| answer.rows.is_empty()), "{answers:?}");
}

#[test]
fn the_tables_of_glue_have_the_columns_of_the_description_and_are_found_by_day() {
    use penstock_domain::analytics::TABLES;
    let template = Template::read();
    let tables: BTreeMap<&str, &serde_json::Value> = template
        .resources("AWS::Glue::Table")
        .into_iter()
        .map(|(_, table)| (table["TableInput"]["Name"].as_str().unwrap(), &table["TableInput"]))
        .collect();
    assert_eq!(tables.len(), TABLES.len());
    for table in TABLES {
        let input = tables[table.name];
        let columns = input["StorageDescriptor"]["Columns"].as_array().unwrap();
        let text =
            |column: &serde_json::Value, name: &str| column[name].as_str().unwrap().to_owned();
        let said: Vec<_> = columns.iter().map(|c| (text(c, "Name"), text(c, "Type"))).collect();
        let described = table.columns.iter();
        let described = described.map(|c| (c.name.to_owned(), c.kind.in_athena().to_owned()));
        assert_eq!(said, described.collect::<Vec<_>>(), "{}", table.name);
        let parameters = &input["Parameters"];
        assert_eq!(parameters["projection.enabled"], "true");
        assert_eq!(parameters["projection.dt.type"], "date");
        let location = parameters["storage.location.template"]["Fn::Sub"].as_str().unwrap();
        let end = format!("/v1/{}/dt=${{!dt}}", table.name);
        assert!(location.ends_with(&end), "{location}: a key is `v1/<table>/dt=<day>/…`");
    }
}

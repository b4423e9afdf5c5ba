//! The contents of files.

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Type as Physical};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use penstock_domain::analytics::{Kind, TABLES, Table};

use super::ArchiveApp;
use super::app::{NOW, ROWS, column_of, ids};

async fn full() -> ArchiveApp {
    let app = ArchiveApp::new().await;
    app.events(1, 3, NOW).await;
    app.execute(ROWS).await;
    let outbox = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, \
                                      next_attempt_at, received_at) \
                  select outbox_id_at(now()), 'stripe', 'charge', 'ch_1', 'v', now(), '{\"id\":\"ch_1\"}', 'application/json', \
                         'processed', now(), now()";
    app.execute(outbox).await;
    app
}

fn file_of(app: &ArchiveApp, table: &str) -> Bytes {
    let files = app.manifest(table).unwrap().files;
    app.objects.stored(&files[0].key).unwrap().body
}

#[tokio::test]
async fn every_table_has_a_file_with_the_columns_that_are_described_and_no_others() {
    let app = full().await;
    app.due().await;
    for table in TABLES {
        let reader = SerializedFileReader::new(file_of(&app, table.name)).unwrap();
        let schema = reader.metadata().file_metadata().schema();
        let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        let wanted: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(names, wanted, "{}", table.name);
        for (field, column) in schema.get_fields().iter().zip(table.columns) {
            let info = field.get_basic_info();
            let physical = field.get_physical_type();
            let logical = info.logical_type_ref();
            let what = format!("{}.{}", table.name, column.name);
            assert!(field.is_optional(), "{what}: BigQuery appends no required column");
            match column.kind {
                // A reader that knows no JSON takes it for text.
                Kind::Text | Kind::Json => {
                    assert_eq!(logical, Some(&LogicalType::String), "{what}")
                }
                Kind::Bytes => {
                    assert_eq!((physical, logical), (Physical::BYTE_ARRAY, None), "{what}")
                }
                Kind::Int => assert_eq!(physical, Physical::INT64, "{what}"),
                Kind::Bool => assert_eq!(physical, Physical::BOOLEAN, "{what}"),
                Kind::Day => assert_eq!(logical, Some(&LogicalType::Date), "{what}"),
                Kind::Decimal => assert_eq!(logical, Some(&LogicalType::decimal(9, 38)), "{what}"),
                Kind::Instant => {
                    let micros = LogicalType::timestamp(true, parquet::basic::TimeUnit::MICROS);
                    assert_eq!(logical, Some(&micros), "{what}");
                }
            }
        }
        let group = reader.metadata().row_group(0);
        assert!(group.columns().iter().all(|c| matches!(c.compression(), Compression::ZSTD(_))));
    }
}

#[tokio::test]
async fn money_is_exact_in_minor_and_in_major_units() {
    let app = full().await;
    app.due().await;
    assert_eq!(app.column("payments", "currency"), ["EUR", "JPY", "KWD", "XXX"]);
    assert_eq!(app.column("payments", "amount_minor"), ["123456"; 4]);
    assert_eq!(
        app.column("payments", "amount"),
        ["1234.560000000", "123456.000000000", "123.456000000", "null"]
    );
    let sums = app.manifest("payments").unwrap().files[0].sums.clone();
    assert_eq!(
        sums.into_iter().collect::<Vec<_>>(),
        ["EUR", "JPY", "KWD", "XXX"].map(|code| { (code.to_owned(), "123456".to_owned()) })
    );
}

#[tokio::test]
async fn a_payload_that_is_json_is_text_and_any_other_is_kept_as_bytes() {
    let app = full().await;
    app.due().await;
    let (text, bytes) = (app.column("leads", "payload"), app.column("leads", "payload_bytes"));
    let json = text.iter().position(|payload| payload.contains("ada@example.com")).unwrap();
    assert_eq!((text[1 - json].as_str(), bytes[json].as_str()), ("null", "null"));
    assert_ne!(bytes[1 - json], "null");
    assert_eq!(app.column("dead_letters", "payload"), ["null"]);
    assert_eq!(app.column("outbox", "payload").len(), 1);
}

#[tokio::test]
async fn columns_that_are_left_out_are_null_and_their_values_are_nowhere_in_the_files() {
    let mut app = full().await;
    let all: Vec<String> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .filter(|(_, column)| column.is_personal)
        .map(|(table, column)| format!("{}.{}", table.name, column.name))
        .collect();
    let env = [("ARCHIVE_BUCKET", "copy".to_owned()), ("ARCHIVE_LEAVE_OUT", all.join(","))];
    app.settings = archive::Settings::from_env(&env.into_iter().collect()).unwrap();
    app.due().await;
    for table in TABLES {
        let file = file_of(&app, table.name);
        for column in table.columns.iter().filter(|column| column.is_personal) {
            let values = column_of(&file, column.name);
            assert!(values.iter().all(|value| value == "null"), "{}.{}", table.name, column.name);
        }
        for name in ["Ada", "example.com", "Lunch"] {
            let found = file.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!found, "{name} is in a file of {}", table.name);
        }
    }
    assert_eq!(app.copied(), ids(1, 3));
}

#[tokio::test]
async fn a_file_of_several_row_groups_has_the_rows_in_the_order_of_their_keys() {
    let mut app = ArchiveApp::new().await;
    app.settings.group_bytes = 20_000;
    app.events(1, 2_000, NOW).await;
    app.due().await;
    let file = file_of(&app, "events");
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    assert!(reader.num_row_groups() > 5, "{}", reader.num_row_groups());
    let keys = column_of(&file, "row_key");
    assert!(keys.is_sorted());
    assert_eq!(app.copied(), ids(1, 2_000));
}

#[test]
fn each_table_is_read_by_the_columns_that_are_described() {
    for table in TABLES {
        let sql = std::fs::read_to_string(
            penstock_tests::repository::root()
                .join(format!("shared/store/sql/analytics/{}.sql", table.name)),
        )
        .unwrap();
        let text: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
        let text = text.join(" ");
        let listed = text.trim().strip_prefix("select ").unwrap().split(" from ").next().unwrap();
        let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
        assert_eq!(listed, Table::named(table.name).unwrap().selected().collect::<Vec<_>>());
    }
}

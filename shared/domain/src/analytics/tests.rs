use std::collections::HashSet;

use jiff::civil::date;

use super::{Kind, Origin, Part, TABLES, Table, manifest_key, object_key};

/// Words that DuckDB, Athena or BigQuery do not take as a column's name without quotes.
const RESERVED: &[&str] = &[
    "all",
    "and",
    "array",
    "as",
    "asc",
    "at",
    "between",
    "by",
    "case",
    "cast",
    "check",
    "column",
    "create",
    "cross",
    "cube",
    "current",
    "date",
    "default",
    "delete",
    "desc",
    "distinct",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "for",
    "from",
    "full",
    "group",
    "grouping",
    "hash",
    "having",
    "if",
    "in",
    "inner",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "natural",
    "new",
    "no",
    "not",
    "null",
    "of",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "range",
    "right",
    "rows",
    "select",
    "set",
    "some",
    "struct",
    "table",
    "then",
    "timestamp",
    "to",
    "true",
    "union",
    "unnest",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
    "within",
];

#[test]
fn no_column_needs_quotes_and_none_comes_twice() {
    for table in TABLES {
        let mut seen = HashSet::new();
        for column in table.columns {
            let name = column.name;
            assert!(seen.insert(name), "{}.{name} comes twice", table.name);
            assert!(!RESERVED.contains(&name), "{}.{name} is reserved", table.name);
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
    }
}

#[test]
fn every_table_begins_with_the_columns_that_make_a_version_unique() {
    for table in TABLES {
        let first: Vec<_> = table.columns.iter().take(4).map(|column| column.name).collect();
        assert_eq!(first, ["row_key", "archive_epoch", "tx", "arrived_at"], "{}", table.name);
        assert!(table.columns.iter().take(4).all(|column| !column.is_nullable));
        assert!(table.columns.iter().all(|column| !column.is_personal || column.is_nullable));
    }
}

#[test]
fn an_amount_stands_beside_its_minor_units_and_its_currency() {
    for table in TABLES {
        if table.columns.iter().any(|column| column.origin == Origin::MajorUnits) {
            assert_eq!(table.column("amount_minor").map(|c| c.kind), Some(Kind::Int));
            assert_eq!(table.column("currency").map(|c| c.kind), Some(Kind::Text));
        }
        let bytes = table.columns.iter().filter(|column| column.kind == Kind::Bytes).count();
        if bytes > 0 {
            assert_eq!(table.column("payload").map(|c| c.kind), Some(Kind::Json), "{}", table.name);
        }
    }
}

#[test]
fn a_key_says_table_day_epoch_window_and_part() {
    let day = date(2026, 11, 29);
    let part = Part { table: "events", epoch: 2, from_tx: 700, to_tx: 912, day, part: 3 };
    assert_eq!(object_key(part), "v1/events/dt=2026-11-29/2-700-912-3.parquet");
    let events = Table::named("events").unwrap();
    assert_eq!(manifest_key(events), "v1/_manifest/events.json");
    assert!(Table::named("sessions").is_none());
}

//! infra/analytics/duckdb.sql: a view of each table over the files that its manifest names.

use penstock_domain::analytics::{TABLES, Table, manifest_key};

const HEAD: &str = "\
-- Written by `make generate` from shared/domain/src/analytics. It makes the tables of the analytics copy readable in DuckDB, as
-- views over the files that their manifests name, of all epochs. Say where the copy is, and then read this file:
--
--   set variable archive = 's3://BUCKET';    -- or a folder that holds a copy of it
--   .read infra/analytics/duckdb.sql
--
-- The files are those of the moment at which this is read. Read it again to see newer ones.
set TimeZone = 'UTC';
";

/// Returns the text of the file.
pub fn duckdb() -> String {
    let views = TABLES.iter().map(view);
    std::iter::once(HEAD.to_owned()).chain(views).collect::<Vec<_>>().join("\n")
}

/// A table without files is a view without rows. DuckDB reads no empty list of files.
fn view(table: &Table) -> String {
    let Table { name, columns, .. } = table;
    let manifest = manifest_key(table);
    let none = columns.iter().map(|it| format!("null::{} as {}", it.kind.in_duckdb(), it.name));
    let none = none.chain(["null::DATE as dt".to_owned()]).collect::<Vec<_>>().join(", ");
    format!(
        "\
set variable {name}_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/{manifest}',
                         columns = {{files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}}))
);
create or replace view {name} as from query(
    case when len(getvariable('{name}_files')) = 0
         then 'select {none} where false'
         else 'from read_parquet(getvariable(''{name}_files''), union_by_name = true, hive_partitioning = true)' end
);
"
    )
}

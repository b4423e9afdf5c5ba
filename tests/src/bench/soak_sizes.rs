//! The sizes of a database's tables, and how their rows were updated.

use penstock_testkit::TestDatabase;

use super::figures::Figures;

/// The sizes of relations with their indexes and TOAST, in bytes.
pub(super) struct Sizes {
    outbox: f64,
    deltas: f64,
    payments: f64,
    rest: f64,
}

/// The bytes of a table by what they are for.
struct Parts {
    rows: f64,
    heap: f64,
    indexes: f64,
    toast: f64,
}

/// The tables that are written with each row.
const UPDATED: [&str; 4] = ["outbox", "payments", "revenue_deltas", "revenue_sums"];

impl Sizes {
    /// Reads the sizes as they are.
    pub(super) async fn of(db: &TestDatabase) -> Self {
        let sql = include_str!("soak_sizes.sql");
        let row = db.client().await.query_one(sql, &[]).await.expect("the sizes");
        Self {
            outbox: row.get("outbox"),
            deltas: row.get("deltas"),
            payments: row.get("payments"),
            rest: row.get("rest"),
        }
    }
}

/// Notes the sizes by day, the bytes of a record at the end, and the share of HOT updates.
pub(super) async fn note(figures: &mut Figures, db: &TestDatabase, sizes: &[(usize, Sizes)]) {
    const MB: f64 = 1_000_000.0;
    for (day, sizes) in sizes {
        let Sizes { outbox, deltas, payments, rest } = sizes;
        let parts =
            [("outbox", outbox), ("deltas", deltas), ("payments", payments), ("rest", rest)];
        for (name, bytes) in parts {
            figures.note(format!("soak_relation_mb_{name}_day_{day}"), bytes / MB);
        }
    }
    if let [.., (_, full), _, (_, last)] = sizes {
        let growth = (last.outbox + last.deltas) / (full.outbox + full.deltas);
        figures.note("soak_relation_growth", growth);
    }
    for table in ["outbox", "payments"] {
        let Parts { rows, heap, indexes, toast } = parts(db, table).await;
        let total = heap + indexes + toast;
        figures.note(format!("bytes_per_record_{table}"), total / rows);
        for (name, bytes) in [("heap", heap), ("indexes", indexes), ("toast", toast)] {
            figures.note(format!("bytes_per_record_{table}_{name}"), bytes / rows);
        }
    }
    for table in UPDATED {
        let share = hot_share(db, table).await;
        figures.note(format!("soak_hot_ratio_{table}"), share);
    }
}

async fn parts(db: &TestDatabase, table: &str) -> Parts {
    let client = db.client().await;
    let count = format!("select count(*)::float8 from {table}");
    let rows = client.query_one(&count, &[]).await.expect("a count").get(0);
    let sql = include_str!("soak_parts.sql");
    let row = client.query_one(sql, &[&table]).await.expect("the sizes");
    Parts { rows, heap: row.get("heap"), indexes: row.get("indexes"), toast: row.get("toast") }
}

/// Returns the share of updates that left the indexes alone; 0 if there were none.
async fn hot_share(db: &TestDatabase, table: &str) -> f64 {
    let sql = "select coalesce(sum(n_tup_hot_upd) / nullif(sum(n_tup_upd), 0), 0)::float8 \
               from pg_stat_user_tables where relname = $1 or relname ~ ('^' || $1 || '_(p\\d|before)')";
    db.client().await.query_one(sql, &[&table]).await.expect("statistics").get(0)
}

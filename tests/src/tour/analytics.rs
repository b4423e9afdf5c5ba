//! The analytics copy of the tour's data: `archive` writes it to the local S3, DuckDB answers five
//! questions from its files, and the answers are compared with Postgres and the HTTP API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_clients::objects::{Bucket, Objects as _};
use penstock_domain::analytics::{Manifest, TABLES, manifest_key};
use serde_json::json;

use super::TourError;
use super::money::{grouped, readable};
use super::set_up::Tour;
use crate::analytics::{Answer, Answers, QUESTIONS, Reader, asking};
use crate::repository::root;
use crate::vendors::YEAR_DAYS;

/// The bucket that the stack makes.
pub(super) const BUCKET: &str = "penstock-archive";

/// The folder that its files are brought to, from the root of the repository.
const FOLDER: &str = ".local/analytics";

/// Rounds of `archive` at most, each of which may work for a quarter of an hour.
const ROUNDS: usize = 10;

/// Copies everything, asks the five questions, and returns a line for each answer.
///
/// # Errors
///
/// [`TourError::Wrong`] if an answer differs from what Postgres or the API says.
pub(super) async fn ask(tour: &Tour) -> Result<Vec<String>, TourError> {
    copy(tour).await?;
    let (files, rows) = bring().await?;
    let reader = Reader::of(root().join(FOLDER));
    let answers = reader.answers().await.map_err(|error| wrong(&error))?;
    let client = tour.client().await;
    let expected = asking::answers(&client).await.map_err(|error| wrong(&error))?;
    let differing = QUESTIONS.iter().filter(|question| {
        let rows = answers.get(question.name).map(|answer| &answer.rows);
        rows != expected.get(question.name)
    });
    let differing: Vec<&str> = differing.map(|question| question.name).collect();
    if !differing.is_empty() {
        let told = format!("the files answer otherwise than Postgres: {}", differing.join(", "));
        return Err(TourError::Wrong(told));
    }
    let days = compare_with_api(tour, &answers).await?;
    let mut lines = vec![format!(
        "analytics: {} rows in {} Parquet files; DuckDB answers five questions as Postgres does, and \
         revenue on {} days as the API - {FOLDER}",
        grouped(&rows.to_string()),
        grouped(&files.to_string()),
        grouped(&days.to_string()),
    )];
    for question in QUESTIONS {
        if let Some(answer) = answers.get(question.name) {
            lines.push(format!("  {:<52} {}", question.title, told(question.name, answer)));
        }
    }
    Ok(lines)
}

fn wrong(error: &(dyn std::error::Error + 'static)) -> TourError {
    TourError::Wrong(penstock_edge::telemetry::chain(error))
}

/// Lets `archive` copy all that is there.
async fn copy(tour: &Tour) -> Result<(), TourError> {
    let event = json!({"archive": {"from": "2020-01-01", "to": "2020-01-01"}});
    for _ in 0..ROUNDS {
        let report = tour.stack.invoke("archive", &event).await?;
        if report["left"] == 0 && report["failed"] == 0 {
            return Ok(());
        }
    }
    Err(TourError::Wrong(format!("archive leaves files unwritten after {ROUNDS} rounds")))
}

/// Brings the files that the manifests name to a folder. Returns their number, and their rows.
async fn bring() -> Result<(usize, i64), TourError> {
    let bucket = Bucket::new(Arc::new(Aws::default()), BUCKET.to_owned());
    let folder = root().join(FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let (mut files, mut rows) = (0, 0);
    for table in TABLES {
        let key = manifest_key(table);
        let body = fetch(&bucket, &folder, &key).await?;
        let manifest: Manifest = serde_json::from_slice(&body)
            .map_err(|error| TourError::Wrong(format!("{key} is no manifest: {error}")))?;
        for file in &manifest.files {
            fetch(&bucket, &folder, &file.key).await?;
        }
        files += manifest.files.len();
        rows += manifest.rows;
    }
    Ok((files, rows))
}

async fn fetch(bucket: &Bucket, folder: &Path, key: &str) -> Result<bytes::Bytes, TourError> {
    let object = bucket.get(key).await.map_err(|error| wrong(&error))?;
    let object = object.ok_or_else(|| TourError::Wrong(format!("{key} is not in {BUCKET}")))?;
    let path = folder.join(key);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, &object.body)?;
    Ok(object.body)
}

/// The rows of an answer about revenue: of a day and a currency five figures.
type Revenue = BTreeMap<(String, String), [String; 5]>;

/// Compares revenue by day and currency with `GET /metrics/revenue/daily`. Returns the number of
/// days that were compared.
async fn compare_with_api(tour: &Tour, answers: &Answers) -> Result<usize, TourError> {
    let files = answers.get("revenue_by_day").map(revenue).unwrap_or_default();
    let mut currencies: Vec<&String> = files.keys().map(|(_, currency)| currency).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let mut api = Revenue::new();
    // The API is asked about these days. A deal may be won on a later one.
    let (mut first, mut last) = ("9999".to_owned(), String::new());
    for currency in currencies {
        let daily = tour.revenue("daily", 2 * YEAR_DAYS, &format!("&currency={currency}")).await?;
        let days = daily["breakdown"].as_array().into_iter().flatten();
        for day in days {
            let text = |name: &str| day[name].as_str().unwrap_or_default().to_owned();
            let figures = ["amountCents", "refundedCents", "disputedCents", "netCents"].map(text);
            let [gross, refunded, disputed, net] = figures;
            let row = [gross, refunded, disputed, net, day["count"].to_string()];
            (first, last) = (first.min(text("date")), last.max(text("date")));
            if row.iter().any(|figure| figure != "0") {
                api.insert((text("date"), currency.clone()), row);
            }
        }
    }
    let is_some = |row: &[String; 5]| row.iter().any(|figure| figure != "0");
    let is_asked = |day: &String| (&first..=&last).contains(&day);
    let asked = files.into_iter().filter(|((day, _), row)| is_asked(day) && is_some(row));
    let asked: Revenue = asked.collect();
    let differing: Vec<_> = asked
        .keys()
        .chain(api.keys())
        .filter(|key| asked.get(*key) != api.get(*key))
        .take(3)
        .collect();
    if !differing.is_empty() {
        let told = format!("revenue in the files is not what the API says: {differing:?}");
        return Err(TourError::Wrong(told));
    }
    Ok(asked.keys().map(|(day, _)| day).collect::<BTreeSet<_>>().len())
}

fn revenue(answer: &Answer) -> Revenue {
    let row = |row: &Vec<Option<String>>| {
        let mut texts = row.iter().map(|text| text.clone().unwrap_or_default());
        let key = (texts.next()?, texts.next()?);
        Some((key, std::array::from_fn(|_| texts.next().unwrap_or_default())))
    };
    answer.rows.iter().filter_map(row).collect()
}

/// Returns an answer in a few words: its newest or first row, and the number of rows.
fn told(question: &str, answer: &Answer) -> String {
    let is_by_day = question != "failures_by_reason" && question != "late_events";
    let row = if is_by_day { answer.rows.last() } else { answer.rows.first() };
    let Some(row) = row else { return "nothing".to_owned() };
    let cell = |at: usize| row.get(at).cloned().flatten().unwrap_or_else(|| "none".to_owned());
    let said = match question {
        "revenue_by_day" => {
            let net = cell(5).parse().map_or_else(|_| cell(5), |net| readable(net, &cell(1)));
            format!("{}: {net} {} net", cell(0), cell(1))
        }
        "events_by_day" => format!("{}: {} {}", cell(0), grouped(&cell(2)), cell(1)),
        "leads_by_week" => format!("week of {}: {} leads", cell(0), grouped(&cell(3))),
        "failures_by_reason" => format!("{} of {}: {}", grouped(&cell(3)), cell(0), cell(2)),
        _ => format!("{}: {} events", cell(0), grouped(&cell(1))),
    };
    format!("{said} ({} rows)", grouped(&answer.rows.len().to_string()))
}

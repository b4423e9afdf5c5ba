//! The body of a request that plans or starts a job.

use penstock_domain::ids::JobId;
use penstock_edge::http::{FieldError, Problem};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use uuid::Uuid;

use super::{DEFAULT_RATE, MOST_RATE};

/// The longest reason, in bytes.
pub(crate) const LONGEST_WHY: usize = 500;

/// The wish that a body states.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A dry run.
    Plan,
    /// The start of the job that a dry run has planned.
    Start(JobId),
}

/// The fields of a body that all kinds of jobs have.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    dry_run: Option<bool>,
    token: Option<Uuid>,
    rate: Option<i32>,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "F: Deserialize<'de>")]
struct Body<F> {
    filter: Option<F>,
    dry_run: Option<bool>,
    token: Option<Uuid>,
    #[serde(default, deserialize_with = "whole")]
    rate: Option<i32>,
    why: Option<String>,
}

/// Reads a whole number however it is written: to JSON Schema 50.0 is one, as 50 is.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    digits.parse().map(Some).map_err(D::Error::custom)
}

/// Reads a body: the fields of every job, and its filter.
///
/// # Errors
/// 400 that says where it cannot be read.
pub(super) fn read<F: DeserializeOwned>(bytes: &[u8]) -> Result<(Asking, Option<F>), Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let body: Body<F> =
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes))
            .map_err(|error| {
                let path = error.path().to_string().replace('.', "/");
                let pointer = if path == "/" { "#".to_owned() } else { format!("#/{path}") };
                Problem::invalid(vec![FieldError { pointer, detail: said(error.inner()) }])
            })?;
    let Body { filter, dry_run, token, rate, why } = body;
    Ok((Asking { dry_run, token, rate, why }, filter))
}

/// Says the fault without values of the body.
fn said(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "is no such field, or is of another type".to_owned(),
        _ => "must be a JSON object".to_owned(),
    }
}

fn fault(pointer: &str, detail: String) -> Problem {
    Problem::invalid(vec![FieldError { pointer: pointer.to_owned(), detail }])
}

/// 400 that names fields of the filter, each with what it must be.
pub(super) fn filter_problem(faults: Vec<(&'static str, String)>) -> Problem {
    let fault = |(field, detail)| FieldError { pointer: format!("#/filter/{field}"), detail };
    Problem::invalid(faults.into_iter().map(fault).collect())
}

impl Asking {
    /// Returns the wish: a dry run, or a start with its token. A filter is for the dry run.
    ///
    /// # Errors
    /// 400 if it is neither or both, or if the rate is none.
    pub(crate) fn answer(&self, has_filter: bool) -> Result<Answer, Problem> {
        if self.rate.is_some_and(|rate| !(1..=MOST_RATE).contains(&rate)) {
            return Err(fault("#/rate", format!("must be a whole number from 1 to {MOST_RATE}")));
        }
        match (self.dry_run, self.token) {
            (Some(true), None) => Ok(Answer::Plan),
            (Some(true), Some(_)) => Err(fault(
                "#/token",
                "starts what a dry run has planned, so it has no dryRun".to_owned(),
            )),
            (_, Some(_)) if has_filter => {
                Err(fault("#/filter", "is that of the dry run, so it must be left out".to_owned()))
            }
            (_, Some(token)) => Ok(Answer::Start(JobId(token))),
            (_, None) => Err(fault(
                "#/dryRun",
                "must be true at first; its reply has the token that starts the job".to_owned(),
            )),
        }
    }

    /// Returns the items to begin in a second.
    pub(crate) fn rate(&self) -> i32 {
        self.rate.unwrap_or(DEFAULT_RATE)
    }

    /// Returns the reason for the job.
    ///
    /// # Errors
    /// 400 if there is none: whoever reads the job later wants to know.
    pub(crate) fn why(&self) -> Result<String, Problem> {
        let why = self.why.as_deref().map(str::trim).unwrap_or_default();
        if why.is_empty() || why.len() > LONGEST_WHY || why.contains('\0') {
            return Err(fault(
                "#/why",
                format!("must say the reason, in 1 to {LONGEST_WHY} bytes"),
            ));
        }
        Ok(why.to_owned())
    }

    /// Returns the same request with this reason, if it has none.
    pub(crate) fn because(self, why: &str) -> Self {
        Self { why: self.why.or_else(|| Some(why.to_owned())), ..self }
    }
}

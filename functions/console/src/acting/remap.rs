//! `/console/remap`: versions that stand are read again, after a change of what reads them.

use askama::Template;
use penstock_domain::audit::Action;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobKind;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::audit::{self, Entry};
use penstock_store::jobs::plan::{self, Objects, Position};
use penstock_store::{Chosen, begin, commit};
use serde::Serialize;

use super::filter::sound_text;
use super::form::{Form, fault};
use super::jobs::{Fingerprinted, address};
use super::trail::entry;
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

/// The objects whose versions are read again. As JSON it is what the API's filter is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reread {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unmapped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    continue_at: Option<String>,
}

impl Reread {
    /// Reads the filter's fields.
    ///
    /// # Errors
    /// 400 that names each field that cannot be read.
    fn of(form: &Form) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let mut text = |name| sound_text(form, name, &mut faults);
        let (source, connection, entity) = (text("source"), text("connection"), text("entity"));
        let (external_id, continue_at) = (text("externalId"), text("continueAt"));
        if continue_at.as_deref().is_some_and(|text| Position::parse(text).is_none()) {
            faults.push(fault("continueAt", "must be where a remap has ended"));
        }
        let unmapped = form.text("unmapped").is_some_and(|word| word != "false");
        let reread = Self { source, connection, entity, external_id, unmapped, continue_at };
        if faults.is_empty() { Ok(reread) } else { Err(Problem::invalid(faults)) }
    }

    fn objects<'a>(&'a self, after: Option<&'a Position>) -> Objects<'a> {
        Objects {
            chosen: Chosen {
                vendor: self.source.as_deref(),
                connection: self.connection.as_deref(),
            },
            entity: self.entity.as_deref(),
            external_id: self.external_id.as_deref(),
            unmapped: self.unmapped,
            after,
        }
    }
}

#[derive(Template)]
#[template(path = "acting/remap.html")]
struct Asking {
    shell: Shell,
    wish: Reread,
    sources: Vec<&'static str>,
}

impl Asking {
    /// A field's text, for its input.
    fn value(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }
}

/// `GET /console/remap`: asks which objects are meant.
pub(crate) async fn ask(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::parse(call.request.raw_query.as_bytes())?;
    let wish = Reread::of(&form)?;
    let shell = Shell::of(&call, Area::Jobs, "Read objects again");
    html(StatusCode::OK, &Asking { shell, wish, sources: ports.config.source_names() })
}

/// `POST /console/remap`: a dry run. It leads to the page of the job that it plans.
pub(crate) async fn plan(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let wish = Reread::of(&Form::of(call.request)?)?;
    let after = wish.continue_at.as_deref().and_then(Position::parse);
    let filter = Fingerprinted::of(JobKind::Remap, &wish)?;
    let id = JobId::new(call.now);
    let new = filter.job(id, &call.caller);
    let planning = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let planned = plan::remap(&tx, new, wish.objects(after.as_ref()), call.now).await?;
        let object = id.to_string();
        let entry = Entry {
            count: Some(i64::from(planned.items)),
            detail: Some(r#"{"kind":"remap"}"#),
            ..entry(&call, Action::JobPlanned, &object)
        };
        audit::write(&tx, &entry).await?;
        commit(tx).await
    };
    ports.database.in_time(planning).await?;
    Ok(see_other(&address(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_the_json_of_the_api_and_says_where_it_cannot_be_read() {
        let read = |query: &str| Reread::of(&Form::parse(query.as_bytes()).unwrap());
        let wish = read("unmapped=on&source=stripe&entity=charge&externalId=").unwrap();
        assert_eq!(
            serde_json::to_string(&wish).unwrap(),
            r#"{"source":"stripe","entity":"charge","unmapped":true}"#
        );
        assert_eq!(serde_json::to_string(&read("").unwrap()).unwrap(), "{}");
        let refused = read("continueAt=x").unwrap_err();
        assert_eq!(refused.errors[0].pointer, "#/continueAt");
    }
}

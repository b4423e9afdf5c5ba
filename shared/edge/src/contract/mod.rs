//! The contract of the HTTP functions, in OpenAPI's words: docs/openapi.json is generated from it.
//!
//! Path, method, name and keys come from the function's route table. Each function describes the
//! rest beside its code, behind the feature `contract`, so that the deployed zips hold none of it.

mod operation;

pub use operation::Operation;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::http::{FieldError, ProblemBody, RouteInfo};

/// The values of the header `Idempotency-Key`: 1 to 255 printable ASCII characters, bare or in
/// double quotes.
pub const IDEMPOTENCY_KEY_PATTERN: &str =
    r#"^[ \t]*([!#-+\-.-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}"[ \t]*(;.*)?)[ \t]*$"#;

/// Describes one route: adds to its operation what the route table does not say.
pub type Describe = fn(Operation, &mut Contract) -> Operation;

/// Descriptions of a function's routes, by the routes' names.
pub type Descriptions<'a> = &'a [(&'static str, Describe)];

/// A route table and its descriptions do not have the same names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A route without a description.
    #[error("the route {0} has no description")]
    Undescribed(&'static str),
    /// A description of a route that is not in the table.
    #[error("there is no route {0}, which is described")]
    NoRoute(&'static str),
    /// A parameter of a path that its description leaves out.
    #[error("the description of {0} leaves out a parameter of its path")]
    Parameter(&'static str),
}

/// The contracts of functions, gathered.
#[derive(Debug)]
pub struct Contract {
    schemas: SchemaGenerator,
    operations: Vec<Operation>,
}

impl Default for Contract {
    /// A contract that knows problems, and nothing else.
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let mut contract = Self { schemas: settings.into_generator(), operations: Vec::new() };
        contract.schema::<ProblemBody<'_>>();
        contract.schema::<FieldError>();
        contract
    }
}

impl Contract {
    /// The reference to a type's schema, which is in the document from then on.
    pub fn schema<T: JsonSchema>(&mut self) -> Value {
        self.schemas.subschema_for::<T>().to_value()
    }

    /// Puts a schema under a name. It is for bodies that no type of ours has, because the function
    /// reads them byte for byte.
    pub fn define(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.definitions_mut().insert(name.to_owned(), schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// Adds the routes of a function, each with its description.
    ///
    /// # Errors
    /// [`Mismatch`] if a route has no description, a description no route, or a parameter
    /// of a path no description.
    pub fn describe(
        &mut self,
        routes: impl Iterator<Item = RouteInfo>,
        descriptions: Descriptions<'_>,
    ) -> Result<(), Mismatch> {
        let routes: Vec<_> = routes.collect();
        for route in &routes {
            let named = descriptions.iter().find(|(name, _)| *name == route.name);
            let (_, describe) = named.ok_or(Mismatch::Undescribed(route.name))?;
            let operation = describe(Operation::of(route.clone()), self);
            if operation.path_parameters() != route.path.matches('{').count() {
                return Err(Mismatch::Parameter(route.name));
            }
            self.operations.push(operation);
        }
        let is_route = |name: &str| routes.iter().any(|route| route.name == name);
        match descriptions.iter().find(|(name, _)| !is_route(name)) {
            Some((name, _)) => Err(Mismatch::NoRoute(name)),
            None => Ok(()),
        }
    }

    /// The operations in the order in which they were added.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The schemas by name. A reply holds the named fields and no others.
    #[must_use]
    pub fn schemas(&self) -> Map<String, Value> {
        let all = self.schemas.definitions().clone().into_iter();
        all.map(|(name, schema)| (name, closed(plain_enum(schema)))).collect()
    }
}

/// Makes an `enum` of a choice of words. Generators read it everywhere; openapi-python-client takes
/// only the first of several constants. What is said of each word goes into the description.
fn plain_enum(schema: Value) -> Value {
    let words = schema["oneOf"].as_array().into_iter().flatten();
    let words: Option<Vec<(String, String)>> = words
        .map(|choice| {
            let about = choice["description"].as_str().unwrap_or_default();
            Some((choice["const"].as_str()?.to_owned(), about.replace('\n', " ")))
        })
        .collect();
    let Some(words) = words.filter(|words| !words.is_empty()) else { return schema };
    let told = words.iter().map(|(word, about)| format!(" `{word}`: {about}"));
    let about = schema["description"].as_str().unwrap_or_default().to_owned();
    let about = about + &told.collect::<String>();
    let words: Vec<&String> = words.iter().map(|(word, _)| word).collect();
    json!({ "type": "string", "enum": words, "description": about })
}

fn closed(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
        if let Some(Value::Array(variants)) = object.get_mut("anyOf") {
            let all = std::mem::take(variants).into_iter();
            variants.extend(all.map(closed));
        }
    }
    schema
}

/// For `#[schemars(schema_with = "minor_units")]`: whole minor units of a currency, of any size.
#[must_use]
pub fn minor_units(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "string", "pattern": "^-?[0-9]+$", "examples": ["8000"] })
}

/// For `#[schemars(schema_with = "any_json")]`: any JSON.
#[must_use]
pub fn any_json(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({})
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::http::{Method, Need};

    const RUN: RouteInfo = RouteInfo {
        name: "getRun",
        method: Method::GET,
        path: Cow::Borrowed("/runs/{runId}"),
        need: Need::Read,
        reads_query: false,
    };

    fn run(operation: Operation, _: &mut Contract) -> Operation {
        operation.titled("Runs", "One run").path("runId", "Its id.", json!({}))
    }

    fn unsaid(operation: Operation, _: &mut Contract) -> Operation {
        operation.titled("Runs", "One run")
    }

    fn described(descriptions: Descriptions<'_>) -> Result<Contract, Mismatch> {
        let mut contract = Contract::default();
        contract.describe([RUN].into_iter(), descriptions)?;
        Ok(contract)
    }

    #[test]
    fn table_and_descriptions_have_the_same_names_and_parameters() {
        assert!(described(&[("getRun", run)]).is_ok());
        for (descriptions, mismatch) in [
            (&[][..], Mismatch::Undescribed("getRun")),
            (&[("getRun", run as Describe), ("getRuns", run)], Mismatch::NoRoute("getRuns")),
            (&[("getRun", unsaid as Describe)], Mismatch::Parameter("getRun")),
        ] {
            assert_eq!(described(descriptions).unwrap_err(), mismatch);
        }
    }

    #[test]
    fn a_choice_of_words_is_an_enum_that_says_what_each_means() {
        let choice = json!({ "description": "The outcome.", "oneOf": [
            { "type": "string", "const": "a", "description": "It is\nkept." }, { "type": "string", "const": "b" },
        ] });
        let about = "The outcome. `a`: It is kept. `b`: ";
        let expected = json!({ "type": "string", "enum": ["a", "b"], "description": about });
        assert_eq!(plain_enum(choice), expected);
        for other in [json!({ "type": "string" }), json!({ "oneOf": [{ "type": "null" }] })] {
            assert_eq!(plain_enum(other.clone()), other);
        }
    }

    #[test]
    fn keys_and_the_shells_own_problems_come_from_the_table() {
        let contract = described(&[("getRun", run)]).unwrap();
        let operation = contract.operations()[0].to_value();
        assert_eq!(operation["operationId"], "getRun");
        assert_eq!(operation["security"], json!([{ "readKey": [] }, { "adminKey": [] }]));
        let responses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        assert_eq!(responses, ["400", "401", "405", "429", "500"]);
    }
}

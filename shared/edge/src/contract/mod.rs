//! What an HTTP function takes and answers, in OpenAPI's words. Each function says it beside its code, behind the feature
//! `contract`, from which docs/openapi.json is generated; nothing of it is in what is deployed.

mod operation;

pub use operation::{Key, Operation};

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::http::{FieldError, ProblemBody};

/// What the header `Idempotency-Key` may hold: 1 to 255 printable ASCII characters, bare or in double quotes.
pub const IDEMPOTENCY_KEY_PATTERN: &str =
    r#"^[ \t]*([!#-+\-.-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}"[ \t]*(;.*)?)[ \t]*$"#;

/// The contracts of functions, gathered.
#[derive(Debug)]
pub struct Contract {
    schemas: SchemaGenerator,
    operations: Vec<Operation>,
}

impl Default for Contract {
    /// One that knows problems, and nothing else.
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

    /// Puts a schema under a name, where no type of ours has one: what the function reads byte for byte.
    pub fn define(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.definitions_mut().insert(name.to_owned(), schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// Adds an operation.
    pub fn add(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// The operations in the order in which they were added.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Name -> schema. What we write holds the fields that are named, and no other.
    #[must_use]
    pub fn schemas(&self) -> Map<String, Value> {
        let all = self.schemas.definitions().clone().into_iter();
        all.map(|(name, schema)| (name, closed(schema))).collect()
    }
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

//! One route and method.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// What opens a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Nothing is asked for.
    None,
    /// A key with the scope `read`, or an admin key.
    Read,
    /// A key with the scope `ingest`.
    Ingest,
    /// An admin key.
    Admin,
}

/// One route and method, in OpenAPI's words.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The path, such as `/runs/{runId}`.
    pub path: Cow<'static, str>,
    /// The method, in lower case.
    pub method: &'static str,
    parts: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<Cow<'static, str>>, id: &str, tag: &str, summary: &str) -> Self {
        Self::new("get", path.into(), id, tag, summary)
    }

    /// A POST.
    #[must_use]
    pub fn post(path: impl Into<Cow<'static, str>>, id: &str, tag: &str, summary: &str) -> Self {
        Self::new("post", path.into(), id, tag, summary)
    }

    fn new(
        method: &'static str,
        path: Cow<'static, str>,
        id: &str,
        tag: &str,
        summary: &str,
    ) -> Self {
        let parts = Map::from_iter([
            ("operationId".to_owned(), json!(id)),
            ("tags".to_owned(), json!([tag])),
            ("summary".to_owned(), json!(summary)),
            ("security".to_owned(), json!([])),
        ]);
        let parameters = vec![json!({ "$ref": "#/components/parameters/RequestId" })];
        Self { path, method, parts, parameters, responses: Map::new() }
    }

    /// More about it, in Markdown.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.parts.insert("description".to_owned(), json!(text));
        self
    }

    /// What opens it. Without this: nothing.
    #[must_use]
    pub fn opened_by(mut self, key: Key) -> Self {
        let security = match key {
            Key::None => json!([]),
            Key::Read => json!([{ "readKey": [] }, { "adminKey": [] }]),
            Key::Ingest => json!([{ "ingestKey": [] }]),
            Key::Admin => json!([{ "adminKey": [] }]),
        };
        self.parts.insert("security".to_owned(), security);
        self
    }

    /// A parameter of the query, which may be left out.
    #[must_use]
    pub fn query(self, name: &str, about: &str, schema: Value) -> Self {
        self.parameter(
            json!({ "name": name, "in": "query", "description": about, "schema": schema }),
        )
    }

    /// A parameter of the path.
    #[must_use]
    pub fn path(self, name: &str, about: &str, schema: Value) -> Self {
        self.parameter(json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema }))
    }

    /// A header that must be there.
    #[must_use]
    pub fn header(self, name: &str, about: &str, schema: Value) -> Self {
        let parameter = json!({ "name": name, "in": "header", "required": true, "description": about, "schema": schema });
        self.parameter(parameter)
    }

    /// The header `Idempotency-Key`, which may be left out.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.parameter(json!({ "$ref": "#/components/parameters/IdempotencyKey" }))
    }

    /// A header `If-None-Match`, which may be left out.
    #[must_use]
    pub fn conditional(self) -> Self {
        self.parameter(json!({ "$ref": "#/components/parameters/IfNoneMatch" }))
    }

    fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// The body, which must be there: media types with their schema and an example.
    #[must_use]
    pub fn body(mut self, about: &str, content: &[(&str, Value, Value)]) -> Self {
        let content = content.iter().map(|(media_type, schema, example)| {
            ((*media_type).to_owned(), json!({ "schema": schema, "example": example }))
        });
        let content: Map<String, Value> = content.collect();
        let body = json!({ "required": true, "description": about, "content": content });
        self.parts.insert("requestBody".to_owned(), body);
        self
    }

    /// A reply of JSON.
    #[must_use]
    pub fn reply(self, status: u16, about: &str, schema: &Value, example: &Value) -> Self {
        self.reply_as(
            status,
            about,
            "application/json",
            &json!({ "schema": schema, "example": example }),
        )
    }

    /// A reply of another media type.
    #[must_use]
    pub fn reply_as(mut self, status: u16, about: &str, media_type: &str, content: &Value) -> Self {
        let reply = json!({
            "description": about, "headers": request_id(), "content": { media_type: content },
        });
        self.responses.insert(status.to_string(), reply);
        self
    }

    /// A reply without a body.
    #[must_use]
    pub fn reply_empty(mut self, status: u16, about: &str) -> Self {
        self.responses
            .insert(status.to_string(), json!({ "description": about, "headers": request_id() }));
        self
    }

    /// A header of a reply that was added before, by its name among the components.
    #[must_use]
    pub fn reply_header(mut self, status: u16, name: &str, component: &str) -> Self {
        let reference = json!({ "$ref": format!("#/components/headers/{component}") });
        if let Some(reply) = self.responses.get_mut(&status.to_string()) {
            reply["headers"][name] = reference;
        }
        self
    }

    /// Where a reply leads: the operation, its parameter, and where in the reply that stands.
    #[must_use]
    pub fn link(
        mut self,
        status: u16,
        name: &str,
        operation: &str,
        parameter: &str,
        at: &str,
    ) -> Self {
        if let Some(reply) = self.responses.get_mut(&status.to_string()) {
            reply["links"][name] =
                json!({ "operationId": operation, "parameters": { parameter: at } });
        }
        self
    }

    /// Problems that it may answer, by the names they have among the components; 405 and 500 are always among them.
    #[must_use]
    pub fn problems(mut self, names: &[(u16, &str)]) -> Self {
        for (status, name) in [(405, "MethodNotAllowed"), (500, "Internal")].iter().chain(names) {
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            self.responses.insert(status.to_string(), reference);
        }
        self
    }

    /// The whole as a value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut all = self.parts.clone();
        all.insert("parameters".to_owned(), json!(self.parameters));
        all.insert("responses".to_owned(), json!(self.responses));
        Value::Object(all)
    }
}

/// The header that is on every reply.
fn request_id() -> Value {
    json!({ "x-request-id": { "$ref": "#/components/headers/RequestId" } })
}

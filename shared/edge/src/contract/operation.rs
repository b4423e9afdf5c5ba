//! One route and method.

use serde_json::{Map, Value, json};

use crate::http::{Need, RouteInfo};

/// One route and method, in OpenAPI's words.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The line of the route table.
    pub route: RouteInfo,
    parts: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// The operation of a route: path, method, name, keys and the problems that the shell answers
    /// come from the table.
    #[must_use]
    pub fn of(route: RouteInfo) -> Self {
        let need = route.need;
        let parts = Map::from_iter([
            ("operationId".to_owned(), json!(route.name)),
            ("security".to_owned(), security(need)),
        ]);
        let parameters = vec![json!({ "$ref": "#/components/parameters/RequestId" })];
        let operation = Self { route, parts, parameters, responses: Map::new() };
        let operation = operation.problems(&[
            (400, "BadRequest"),
            (405, "MethodNotAllowed"),
            (500, "Internal"),
        ]);
        match need {
            Need::Nothing | Need::Signature => operation,
            Need::Read | Need::Ingest | Need::Admin => {
                operation.problems(&[(401, "Unauthorized"), (429, "TooManyRequests")])
            }
            Need::Session(_) => operation.problems(&[(401, "SignedOut"), (403, "Forbidden")]),
        }
    }

    /// The group that it belongs to, and what it does in a few words.
    #[must_use]
    pub fn titled(mut self, tag: &str, summary: &str) -> Self {
        self.parts.insert("tags".to_owned(), json!([tag]));
        self.parts.insert("summary".to_owned(), json!(summary));
        self
    }

    /// More about it, in Markdown.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.parts.insert("description".to_owned(), json!(text));
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

    /// Says that the caller's key is a parameter of the path, and so in no header.
    #[must_use]
    pub fn keyed_by_path(mut self) -> Self {
        self.parts.insert("security".to_owned(), json!([]));
        self
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

    /// A header `If-Match`, which may be left out.
    #[must_use]
    pub fn matching(self) -> Self {
        self.parameter(json!({ "$ref": "#/components/parameters/IfMatch" }))
    }

    /// How many parameters of the path are described.
    pub(super) fn path_parameters(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter["in"] == "path").count()
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

    /// Says that the body that was added before may be left out.
    #[must_use]
    pub fn body_is_optional(mut self) -> Self {
        if let Some(body) = self.parts.get_mut("requestBody") {
            body["required"] = json!(false);
        }
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

    /// Another media type of a reply that was added before.
    #[must_use]
    pub fn or_as(mut self, status: u16, media_type: &str, content: &Value) -> Self {
        if let Some(reply) = self.responses.get_mut(&status.to_string()) {
            reply["content"][media_type] = content.clone();
        }
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

    /// Adds a link from a reply to another operation: its parameter, and the place of the value in
    /// the reply.
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

    /// Adds the problems that it may answer, by their names among the components. Those of the
    /// shell need no mention; one of the same status replaces another.
    #[must_use]
    pub fn problems(mut self, names: &[(u16, &str)]) -> Self {
        for (status, name) in names {
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

/// The security schemes of which one must be met.
fn security(need: Need) -> Value {
    match need {
        Need::Nothing | Need::Signature => json!([]),
        Need::Read => json!([{ "readKey": [] }, { "adminKey": [] }]),
        Need::Ingest => json!([{ "ingestKey": [] }]),
        Need::Admin => json!([{ "adminKey": [] }]),
        Need::Session(_) => json!([{ "session": [] }]),
    }
}

/// The header that is on every reply.
fn request_id() -> Value {
    json!({ "x-request-id": { "$ref": "#/components/headers/RequestId" } })
}

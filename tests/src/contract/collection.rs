//! Writes the contract as a collection for Postman (format 2.1), which Bruno and others import too.

use serde_json::{Value, json};

/// Returns the collection: a folder for each tag, a request for each operation.
pub fn collection(document: &Value) -> Value {
    let tags = document["tags"].as_array().into_iter().flatten();
    let folders: Vec<Value> = tags
        .map(|tag| {
            let items: Vec<Value> = super::operations::operations(document)
                .filter(|(_, _, operation)| operation["tags"][0] == tag["name"])
                .map(|(path, method, operation)| item(document, path, method, operation))
                .collect();
            json!({ "name": tag["name"], "description": tag["description"], "item": items })
        })
        .collect();
    let variable = |key: &str, value: &str| json!({ "key": key, "value": value, "type": "string" });
    json!({
        "info": {
            "name": "Penstock", "description": document["info"]["description"], "version": document["info"]["version"],
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": folders,
        "variable": [variable("baseUrl", "http://127.0.0.1:8000"), variable("apiKey", ""), variable("adminKey", "")],
    })
}

fn item(document: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let (mut headers, mut query, mut variables) = (Vec::new(), Vec::new(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = super::operations::resolved(document, parameter);
        let schema = &parameter["schema"];
        let example = schema["examples"]
            .get(0)
            .or_else(|| schema.get("default"))
            .cloned()
            .unwrap_or_default();
        let example = example.as_str().map_or_else(
            || if example.is_null() { String::new() } else { example.to_string() },
            str::to_owned,
        );
        let mut entry = json!({ "key": parameter["name"], "value": example, "description": parameter["description"] });
        match parameter["in"].as_str() {
            Some("path") => variables.push(entry),
            place => {
                // An optional parameter is listed, but switched off.
                if parameter["required"] != true {
                    entry["disabled"] = json!(true);
                }
                if place == Some("query") { query.push(entry) } else { headers.push(entry) }
            }
        }
    }
    let mut request = json!({ "method": method.to_uppercase(), "description": operation["description"], "auth": auth(operation) });
    if let Some((media_type, content)) =
        operation["requestBody"]["content"].as_object().and_then(|content| content.iter().next())
    {
        headers.push(json!({ "key": "Content-Type", "value": media_type }));
        request["body"] = json!({ "mode": "raw", "raw": format!("{:#}", content["example"]), "options": { "raw": { "language": "json" } } });
    }
    let segments: Vec<String> = path.trim_start_matches('/').split('/').map(segment).collect();
    request["header"] = json!(headers);
    request["url"] = json!({
        "raw": format!("{{{{baseUrl}}}}/{}", segments.join("/")), "host": ["{{baseUrl}}"], "path": segments,
        "query": query, "variable": variables,
    });
    json!({ "name": operation["summary"], "request": request, "response": [] })
}

/// Postman writes `{runId}` as `:runId`.
fn segment(text: &str) -> String {
    text.strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .map_or_else(|| text.to_owned(), |name| format!(":{name}"))
}

fn auth(operation: &Value) -> Value {
    let part = |key: &str, value: &str| json!({ "key": key, "value": value, "type": "string" });
    if operation["security"].as_array().is_none_or(Vec::is_empty) {
        return json!({ "type": "noauth" });
    }
    json!({ "type": "apikey", "apikey": [part("key", "X-Api-Key"), part("value", "{{apiKey}}"), part("in", "header")] })
}

//! Renders the document as one HTML page, without scripts, fonts or any other file.

use std::fmt::Write as _;

use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const METHODS: [&str; 2] = ["get", "post"];

/// Returns the hash that the page's Content-Security-Policy allows: that of its style.
#[must_use]
pub fn style_sha256() -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE))
}

/// Returns path, method and operation, in the order of the paths.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
    })
}

/// Returns the target of a `$ref`, or the value itself.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// Renders the page. Its errors are ignored: writing to a String does not fail.
pub fn page(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Penstock: the HTTP API</title>\n<style>{STYLE}</style>\n<main>\n<h1>Penstock: the HTTP API</h1>\n\
         <p>Version {}. The same as <a href=\"/openapi.json\">OpenAPI 3.1</a>.</p>\n{}\n<nav>\n",
        text(&document["info"]["version"]),
        prose(&document["info"]["description"]),
    );
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    let of = |tag: &Value| {
        operations(document)
            .filter(|(_, _, operation)| operation["tags"][0] == tag["name"])
            .collect::<Vec<_>>()
    };
    for tag in &tags {
        let _ = write!(page, "<h3>{}</h3>\n<ul>\n", text(&tag["name"]));
        for (path, method, operation) in of(tag) {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            let _ = writeln!(
                page,
                "<li><a href=\"#{id}\"><code>{} {}</code></a> {summary}</li>",
                method.to_uppercase(),
                escaped(path)
            );
        }
        page.push_str("</ul>\n");
    }
    page.push_str(
        "<p><a href=\"#errors\">Errors</a> · <a href=\"#schemas\">Schemas</a></p>\n</nav>\n",
    );
    for tag in &tags {
        let _ =
            writeln!(page, "<h2>{}</h2>\n<p>{}</p>", text(&tag["name"]), text(&tag["description"]));
        for (path, method, operation) in of(tag) {
            section(&mut page, document, path, method, operation);
        }
    }
    errors(&mut page, document);
    schemas(&mut page, document);
    page.push_str("</main>\n</html>\n");
    page
}

fn section(page: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        page,
        "<section id=\"{}\">\n<h3><code>{} {}</code></h3>\n<p><b>{}.</b> {}</p>\n{}\n",
        text(&operation["operationId"]),
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"]),
        keys(operation),
        prose(&operation["description"]),
    );
    page.push_str("<table>\n<tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>\n");
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolved(document, parameter);
        let needed = if parameter["required"] == true { " <b>Required.</b>" } else { "" };
        let (name, place, schema) =
            (text(&parameter["name"]), text(&parameter["in"]), kind(&parameter["schema"]));
        let about = marked(&text(&parameter["description"]));
        let _ = writeln!(
            page,
            "<tr><td><code>{name}</code></td><td>{place}</td><td>{schema}</td><td>{about}{needed}</td></tr>"
        );
    }
    page.push_str("</table>\n");
    if let Some(body) = operation.get("requestBody") {
        let _ = writeln!(page, "<h4>Body</h4>\n<p>{}</p>", marked(&text(&body["description"])));
        media(page, &body["content"]);
    }
    page.push_str("<h4>Replies</h4>\n");
    for (status, reply) in operation["responses"].as_object().into_iter().flatten() {
        let is_shared = reply.get("$ref").is_some();
        let reply = resolved(document, reply);
        let about = marked(&text(&reply["description"]));
        let anchor = if is_shared {
            format!(" <a href=\"#error-{status}\">problem</a>")
        } else {
            String::new()
        };
        let _ = writeln!(page, "<p><b>{status}</b> {about}{anchor}</p>");
        if !is_shared {
            media(page, &reply["content"]);
        }
    }
    page.push_str("</section>\n");
}

fn keys(operation: &Value) -> &'static str {
    match operation["security"].get(0) {
        None => "Open.",
        Some(scheme) if scheme.get("ingestKey").is_some() => {
            "<code>X-Api-Key</code> with the scope <code>ingest</code>."
        }
        Some(scheme) if scheme.get("adminKey").is_some() => "<code>X-Admin-Api-Key</code>.",
        Some(_) => {
            "<code>X-Api-Key</code> with the scope <code>read</code>, or <code>X-Admin-Api-Key</code>."
        }
    }
}

fn media(page: &mut String, content: &Value) {
    for (media_type, media) in content.as_object().into_iter().flatten() {
        let _ = writeln!(
            page,
            "<p><code>{}</code> {}</p>",
            escaped(media_type),
            kind(&media["schema"])
        );
        if let Some(example) = media.get("example") {
            let example = example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned);
            let _ = writeln!(page, "<pre>{}</pre>", escaped(&example));
        }
    }
}

fn errors(page: &mut String, document: &Value) {
    page.push_str(
        "<h2 id=\"errors\">Errors</h2>\n<table>\n<tr><th>status</th><th>type</th><th></th><th>headers</th></tr>\n",
    );
    let mut all: Vec<&Value> = document["components"]["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, reply)| reply)
        .collect();
    let example = |reply: &Value| reply["content"]["application/problem+json"]["example"].clone();
    all.sort_by_key(|reply| example(reply)["status"].as_u64());
    let mut seen = 0;
    for reply in all {
        let (example, status) =
            (example(reply), example(reply)["status"].as_u64().unwrap_or_default());
        let anchor = if status == seen { String::new() } else { format!(" id=\"error-{status}\"") };
        seen = status;
        let names: Vec<&str> = reply["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let (kind, about) = (text(&example["type"]), marked(&text(&reply["description"])));
        let _ = writeln!(
            page,
            "<tr{anchor}><td>{status}</td><td><code>{kind}</code></td><td>{about}</td><td>{}</td></tr>",
            names.join(", ")
        );
    }
    page.push_str("</table>\n");
}

fn schemas(page: &mut String, document: &Value) {
    page.push_str("<h2 id=\"schemas\">Schemas</h2>\n");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = writeln!(
            page,
            "<section id=\"schema-{name}\">\n<h3>{name}</h3>\n<p>{}</p>",
            marked(&text(&schema["description"]))
        );
        if let Some(properties) = schema["properties"].as_object() {
            page.push_str("<table>\n<tr><th>field</th><th>type</th><th></th></tr>\n");
            for (field, property) in properties {
                let required = schema["required"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|name| name == field));
                let optional = if required { "" } else { " May be missing." };
                let about = marked(&text(&property["description"]));
                let _ = writeln!(
                    page,
                    "<tr><td><code>{field}</code></td><td>{}</td><td>{about}{optional}</td></tr>",
                    kind(property)
                );
            }
            page.push_str("</table>\n");
        } else {
            let _ = writeln!(page, "<p>{}</p>", kind(schema));
        }
        page.push_str("</section>\n");
    }
}

/// Describes a schema in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(all) = schema[choice].as_array() {
            return all.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(value) = schema.get("const") {
        return escaped(&value.to_string());
    }
    if let Some(all) = schema["enum"].as_array() {
        return all
            .iter()
            .map(|value| format!("<code>{}</code>", text(value)))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let types = match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => return "any".to_owned(),
    };
    let mut words = types;
    if words.starts_with("array") {
        let _ = write!(words, " of {}", kind(&schema["items"]));
    }
    if let Some(properties) = schema["properties"].as_object() {
        let fields: Vec<String> = properties
            .iter()
            .map(|(name, schema)| format!("<code>{name}</code> {}", kind(schema)))
            .collect();
        let _ = write!(words, " of {}", fields.join(", "));
    }
    for (name, before) in [
        ("format", ", "),
        ("minimum", ", from "),
        ("maximum", " to "),
        ("minItems", ", at least "),
        ("maxItems", ", at most "),
        ("minLength", ", characters: at least "),
        ("maxLength", ", at most "),
        ("default", ", default "),
    ] {
        if let Some(value) = schema.get(name) {
            let _ = write!(words, "{before}{}", text(value));
        }
    }
    words
}

/// Renders the Markdown that the document uses: paragraphs, bold, code, links.
fn prose(value: &Value) -> String {
    let paragraphs =
        value.as_str().unwrap_or_default().split("\n\n").filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", marked(&escaped(paragraph)))).collect()
}

fn marked(escaped: &str) -> String {
    let paired = |text: &str, mark: &str, tag: &str| {
        let parts = text.split(mark).enumerate();
        parts
            .map(
                |(i, part)| {
                    if i % 2 == 1 { format!("<{tag}>{part}</{tag}>") } else { part.to_owned() }
                },
            )
            .collect::<String>()
    };
    linked(&paired(&paired(escaped, "**", "b"), "`", "code"))
}

fn linked(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return text.to_owned() };
    match rest.split_once("](").and_then(|(label, rest)| Some((label, rest.split_once(')')?))) {
        Some((label, (url, after))) if url.starts_with("https://") => {
            format!("{before}<a href=\"{url}\">{label}</a>{}", linked(after))
        }
        _ => format!("{before}[{}", linked(rest)),
    }
}

fn text(value: &Value) -> String {
    escaped(&value.as_str().map_or_else(
        || if value.is_null() { String::new() } else { value.to_string() },
        str::to_owned,
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

//! JSON Schema, as far as the schema of a line of metrics needs it.

use serde_json::Value;

/// The words that only readers need.
const NOTES: [&str; 2] = ["title", "description"];

/// Returns the faults of `value` by `schema`, each with its place. None is a value that fits.
///
/// # Panics
///
/// If the schema has a word that is not known here: it would check nothing.
#[must_use]
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, value, "", &mut faults);
    faults
}

fn check(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let words = schema.as_object().expect("a schema is an object");
    let number = value.as_f64();
    let length = value.as_str().map(|text| text.chars().count());
    let items = value.as_array().map(Vec::len);
    for (word, wanted) in words {
        let limit = || wanted.as_f64().expect("a number");
        let size = || usize::try_from(wanted.as_u64().expect("a whole number")).expect("a size");
        let fits = match word.as_str() {
            "type" => is_of(wanted.as_str().expect("one type"), value),
            "enum" => wanted.as_array().expect("a list").contains(value),
            "minimum" => number.is_none_or(|number| number >= limit()),
            "maximum" => number.is_none_or(|number| number <= limit()),
            "minLength" => length.is_none_or(|length| length >= size()),
            "maxLength" => length.is_none_or(|length| length <= size()),
            "minItems" => items.is_none_or(|items| items >= size()),
            "maxItems" => items.is_none_or(|items| items <= size()),
            "required" => {
                let names = wanted.as_array().expect("a list").iter().filter_map(Value::as_str);
                value.as_object().is_none_or(|it| names.clone().all(|name| it.contains_key(name)))
            }
            "anyOf" => {
                let schemas = wanted.as_array().expect("a list").iter();
                schemas.clone().any(|schema| self::faults(schema, value).is_empty())
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(wanted, item, &format!("{place}/{at}"), faults);
                }
                true
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("properties") {
                    if let Some(inner) = value.get(name) {
                        check(schema, inner, &format!("{place}/{name}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &String| {
                    words.get("properties").is_some_and(|it| it.get(name).is_some())
                };
                let others = value.as_object().into_iter().flatten();
                for (name, inner) in others.filter(|(name, _)| !known(name)) {
                    let place = format!("{place}/{name}");
                    match wanted {
                        Value::Bool(false) => faults.push(format!("{place} is not allowed")),
                        Value::Bool(true) => {}
                        schema => check(schema, inner, &place, faults),
                    }
                }
                true
            }
            note if NOTES.contains(&note) => true,
            other => panic!("the word {other} is not known here"),
        };
        if !fits {
            faults.push(format!("{place}: {value} does not fit {word} {wanted}"));
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the type {other} is not known here"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_word_finds_its_fault() {
        for (schema, good, bad) in [
            (json!({"type": "integer"}), json!(1), json!(1.5)),
            (json!({"type": "array", "minItems": 1}), json!([1]), json!([])),
            (json!({"maxItems": 1}), json!([1]), json!([1, 2])),
            (json!({"items": {"type": "string"}}), json!(["a"]), json!(["a", 1])),
            (json!({"enum": [1, 60]}), json!(60), json!(59)),
            (json!({"minimum": 1, "maximum": 2}), json!(2), json!(3)),
            (json!({"minLength": 1, "maxLength": 2}), json!("ab"), json!("")),
            (json!({"required": ["a"]}), json!({"a": 1}), json!({"b": 1})),
            (json!({"properties": {"a": {"type": "string"}}}), json!({"a": "b"}), json!({"a": 1})),
            (
                json!({"properties": {"a": {}}, "additionalProperties": false}),
                json!({"a": 1}),
                json!({"a": 1, "b": 1}),
            ),
            (
                json!({"additionalProperties": {"type": "string"}}),
                json!({"a": "b"}),
                json!({"a": 1}),
            ),
            (json!({"anyOf": [{"type": "string"}, {"type": "number"}]}), json!(1), json!([])),
        ] {
            assert_eq!(faults(&schema, &good), Vec::<String>::new(), "{schema}");
            assert!(!faults(&schema, &bad).is_empty(), "{schema} takes {bad}");
        }
    }
}

//! Reads `infra/template.yaml`, with CloudFormation's short forms in their long form: `!Ref x` becomes
//! `{"Ref": "x"}`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "for tests only: to fail is to panic")]

use std::path::Path;

use serde_json::{Map, Value, json};

/// The template as JSON.
#[derive(Debug)]
pub struct Template(Value);

impl Template {
    /// Reads the file of this repository.
    ///
    /// # Panics
    /// If it is not a template.
    #[must_use]
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        Self(long_form(serde_norway::from_str(&text).unwrap()))
    }

    /// Names and properties of the resources of a type, such as `AWS::SQS::Queue`.
    pub fn resources(&self, of_type: &str) -> Vec<(&str, &Value)> {
        let all = self.0["Resources"].as_object().unwrap().iter();
        let found: Vec<_> = all
            .filter(|(_, r)| r["Type"] == of_type)
            .map(|(name, r)| (name.as_str(), &r["Properties"]))
            .collect();
        assert!(!found.is_empty(), "the template has no {of_type}");
        found
    }

    /// The properties of one resource.
    pub fn resource(&self, name: &str) -> &Value {
        &self.0["Resources"][name]["Properties"]
    }

    /// A number that stands there, or is a parameter's default.
    pub fn number(&self, value: &Value) -> i64 {
        let value = value["Ref"]
            .as_str()
            .map_or(value, |parameter| &self.0["Parameters"][parameter]["Default"]);
        let text = value.as_str().and_then(|text| text.parse().ok());
        value.as_i64().or(text).unwrap_or_else(|| panic!("{value} is no number"))
    }

    /// A text that stands there, or is a parameter's default; none where it is known only when deployed.
    pub fn text(&self, value: &Value) -> Option<String> {
        let value = value["Ref"]
            .as_str()
            .map_or(value, |parameter| &self.0["Parameters"][parameter]["Default"]);
        value
            .as_str()
            .map(str::to_owned)
            .or_else(|| value.as_i64().map(|number| number.to_string()))
    }

    /// The functions: (logical name, properties).
    pub fn functions(&self) -> Vec<(&str, &Value)> {
        self.resources("AWS::Serverless::Function")
    }

    /// The variables of a function, those of all functions included.
    pub fn variables(&self, function: &Value) -> Map<String, Value> {
        let mut all =
            self.0["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap().clone();
        if let Some(own) = function["Environment"]["Variables"].as_object() {
            all.extend(own.clone());
        }
        all
    }

    /// The queues that a function is called from: (the queue's properties, the mapping's).
    pub fn sources<'a>(&'a self, function: &'a Value) -> Vec<(&'a Value, &'a Value)> {
        let events = function["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
        let mappings =
            events.filter(|event| event["Type"] == "SQS").map(|event| &event["Properties"]);
        mappings.map(|mapping| (self.resource(target(&mapping["Queue"])), mapping)).collect()
    }
}

/// The resource behind `!GetAtt Name.Arn` or `!Ref Name`.
pub fn target(reference: &Value) -> &str {
    let name = reference["Fn::GetAtt"][0].as_str().or_else(|| reference["Ref"].as_str());
    name.unwrap_or_else(|| panic!("{reference} refers to no resource"))
}

/// `fetch` of `${AWS::StackName}-fetch`: the function's name, and its binary's.
pub fn short_name(function: &Value) -> &str {
    function["FunctionName"]["Fn::Sub"]
        .as_str()
        .unwrap()
        .strip_prefix("${AWS::StackName}-")
        .unwrap()
}

fn long_form(value: serde_norway::Value) -> Value {
    use serde_norway::Value as Yaml;
    match value {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let value = match (tag, long_form(tagged.value)) {
                ("GetAtt", Value::String(path)) => {
                    path.split_once('.').map(|(name, of)| json!([name, of])).unwrap()
                }
                (_, value) => value,
            };
            let name = if matches!(tag, "Ref" | "Condition") {
                tag.to_owned()
            } else {
                format!("Fn::{tag}")
            };
            json!({ name: value })
        }
        Yaml::Mapping(mapping) => {
            let key =
                |key: Yaml| key.as_str().unwrap_or_else(|| panic!("{key:?} is no name")).to_owned();
            Value::Object(
                mapping.into_iter().map(|(name, value)| (key(name), long_form(value))).collect(),
            )
        }
        Yaml::Sequence(items) => items.into_iter().map(long_form).collect(),
        plain => serde_json::to_value(plain).unwrap(),
    }
}

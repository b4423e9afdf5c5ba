//! infra/template.yaml as a value: CloudFormation's short forms in their long form, `!Ref x` as
//! {"Ref": "x"}.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests and generators alone read the template, and cfn-lint has seen it"
)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::repository::root;

/// A template in its long form.
#[derive(Debug)]
pub struct Template(Value);

impl Template {
    /// Reads the committed template.
    ///
    /// # Panics
    ///
    /// If the file cannot be read or parsed.
    #[must_use]
    pub fn read() -> Self {
        let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
        Self::parse(&text).unwrap()
    }

    /// Parses a template's text.
    ///
    /// # Errors
    ///
    /// The text is not YAML, or a mapping has a key twice.
    pub fn parse(text: &str) -> Result<Self, serde_norway::Error> {
        Ok(Self(long_form(serde_norway::from_str(text)?)))
    }

    /// Returns the parameters, by name.
    ///
    /// # Panics
    ///
    /// If the template has no parameters.
    #[must_use]
    pub fn parameters(&self) -> &Map<String, Value> {
        self.0["Parameters"].as_object().unwrap()
    }

    /// Returns the paths of routes. Each has its methods, such as `ANY`, and the names of the
    /// functions that answer them.
    #[must_use]
    pub fn routes(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut routes: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (_, function) in self.functions() {
            let events = function["Events"].as_object().into_iter().flatten();
            for (_, event) in events.filter(|(_, event)| event["Type"] == "HttpApi") {
                let of = |name: &str| event["Properties"][name].as_str().unwrap().to_owned();
                let methods = routes.entry(of("Path")).or_default();
                methods.insert(of("Method"), short_name(function).to_owned());
            }
        }
        routes
    }

    /// Returns the memory of a function in MB.
    #[must_use]
    pub fn memory(&self, function: &Value) -> i64 {
        let own = function.get("MemorySize");
        self.number(own.unwrap_or(&self.0["Globals"]["Function"]["MemorySize"]))
    }

    /// Returns names and properties of the resources of a type, such as `AWS::SQS::Queue`.
    pub fn resources(&self, of_type: &str) -> Vec<(&str, &Value)> {
        let all = self.0["Resources"].as_object().unwrap().iter();
        let found: Vec<_> = all
            .filter(|(_, r)| r["Type"] == of_type)
            .map(|(name, r)| (name.as_str(), &r["Properties"]))
            .collect();
        assert!(!found.is_empty(), "the template has no {of_type}");
        found
    }

    /// Returns the properties of one resource.
    pub fn resource(&self, name: &str) -> &Value {
        &self.0["Resources"][name]["Properties"]
    }

    /// Returns what becomes of a resource when the stack is deleted, and when another one takes its
    /// place. `None` is CloudFormation's default.
    pub fn policies_of(&self, name: &str) -> (Option<&str>, Option<&str>) {
        let resource = &self.0["Resources"][name];
        (resource["DeletionPolicy"].as_str(), resource["UpdateReplacePolicy"].as_str())
    }

    /// Returns a number: the value itself, or the default of the parameter that it refers to.
    pub fn number(&self, value: &Value) -> i64 {
        let value = value["Ref"]
            .as_str()
            .map_or(value, |parameter| &self.0["Parameters"][parameter]["Default"]);
        let text = value.as_str().and_then(|text| text.parse().ok());
        value.as_i64().or(text).unwrap_or_else(|| panic!("{value} is no number"))
    }

    /// Returns a text: the value itself, or the default of the parameter that it refers to. `None`
    /// if only a deployment knows it.
    pub fn text(&self, value: &Value) -> Option<String> {
        if let Some(pattern) = value["Fn::Sub"].as_str() {
            return Some(self.substituted(pattern));
        }
        let value = value["Ref"]
            .as_str()
            .map_or(value, |parameter| &self.0["Parameters"][parameter]["Default"]);
        value
            .as_str()
            .map(str::to_owned)
            .or_else(|| value.as_i64().map(|number| number.to_string()))
    }

    /// Puts the defaults of parameters into a text that names them as `${Parameter}`.
    fn substituted(&self, pattern: &str) -> String {
        let parameters = self.0["Parameters"].as_object().into_iter().flatten();
        parameters.fold(pattern.to_owned(), |text, (name, parameter)| {
            let default = self.text(&parameter["Default"]).unwrap_or_default();
            text.replace(&format!("${{{name}}}"), &default)
        })
    }

    /// Returns the functions: (logical name, properties).
    pub fn functions(&self) -> Vec<(&str, &Value)> {
        self.resources("AWS::Serverless::Function")
    }

    /// Returns the variables of a function, those of all functions included.
    pub fn variables(&self, function: &Value) -> Map<String, Value> {
        let mut all =
            self.0["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap().clone();
        if let Some(own) = function["Environment"]["Variables"].as_object() {
            all.extend(own.clone());
        }
        all
    }

    /// Returns the environment of a function: `given` comes first, then the template's defaults. A
    /// value that only a deployment knows becomes a made-up ARN.
    pub fn environment(
        &self,
        function: &Value,
        given: impl Fn(&str) -> Option<String>,
    ) -> Vec<(String, String)> {
        let value = |name: &str, value: &Value| {
            let known = given(name).or_else(|| self.text(value));
            known.unwrap_or_else(|| format!("arn:aws:test:{name}"))
        };
        let variables = self.variables(function).into_iter();
        variables.map(|(name, said)| (name.clone(), value(&name, &said))).collect()
    }

    /// Returns the queues that call a function: (the queue's properties, the mapping's).
    pub fn sources<'a>(&'a self, function: &'a Value) -> Vec<(&'a Value, &'a Value)> {
        let events = function["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
        let mappings =
            events.filter(|event| event["Type"] == "SQS").map(|event| &event["Properties"]);
        mappings.map(|mapping| (self.resource(target(&mapping["Queue"])), mapping)).collect()
    }
}

/// Returns the name of the resource behind `!GetAtt Name.Arn` or `!Ref Name`.
pub fn target(reference: &Value) -> &str {
    let name = reference["Fn::GetAtt"][0].as_str().or_else(|| reference["Ref"].as_str());
    name.unwrap_or_else(|| panic!("{reference} refers to no resource"))
}

/// Returns `fetch` for `${AWS::StackName}-fetch`: the name of the function and of its binary.
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

//! Filter patterns of CloudWatch Logs for JSON lines, as far as the template uses them:
//! `{ $.field = "text" && $.field > 0 }`.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html>

use serde_json::Value;

/// A pattern: all of its conditions hold for a line that it matches.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPattern(Vec<Condition>);

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    field: String,
    operator: Operator,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Text(String),
    Number(f64),
}

/// The operators, the longer before those that they begin with.
const OPERATORS: [(&str, Operator); 6] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl FilterPattern {
    /// Reads a pattern. `Err` has the part that cannot be read: CloudWatch may know it, and this
    /// does not.
    ///
    /// # Errors
    ///
    /// The part of the pattern that is not understood.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let inner = pattern.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let inner = inner.ok_or_else(|| pattern.to_owned())?;
        inner.split("&&").map(condition).collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether the pattern matches a line of the log. It matches no line that is not JSON,
    /// and none that lacks a field.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
        self.0.iter().all(|condition| condition.holds(&line))
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let wrong = || text.trim().to_owned();
    let rest = text.trim().strip_prefix("$.").ok_or_else(wrong)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').ok_or_else(wrong)?;
    let (field, rest) = rest.split_at(end);
    let rest = rest.trim_start();
    let known = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign));
    let (sign, operator) = known.ok_or_else(wrong)?;
    let value = rest[sign.len()..].trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let wanted = match quoted {
        // A star stands for any text in CloudWatch's patterns.
        Some(text) if is_equality && !text.contains(['"', '*', '\\']) => {
            Wanted::Text(text.to_owned())
        }
        Some(_) => return Err(wrong()),
        None => Wanted::Number(value.parse().map_err(|_| wrong())?),
    };
    Ok(Condition { field: field.to_owned(), operator: *operator, wanted })
}

impl Condition {
    fn holds(&self, line: &Value) -> bool {
        let found = &line[&self.field];
        match &self.wanted {
            Wanted::Text(wanted) => found
                .as_str()
                .is_some_and(|found| (found == wanted) == (self.operator == Operator::Equal)),
            Wanted::Number(wanted) => found.as_f64().is_some_and(|found| match self.operator {
                Operator::Equal => found.total_cmp(wanted).is_eq(),
                Operator::NotEqual => found.total_cmp(wanted).is_ne(),
                Operator::Less => found < *wanted,
                Operator::Greater => found > *wanted,
                Operator::AtMost => found <= *wanted,
                Operator::AtLeast => found >= *wanted,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_lines_with_its_fields_and_no_other() {
        for (pattern, line, wanted) in [
            (r#"{ $.event = "buried" }"#, r#"{"event":"buried"}"#, true),
            (r#"{ $.event = "buried" }"#, r#"{"event":"buried_too"}"#, false),
            (r#"{ $.event = "buried" }"#, r#"{"other":"buried"}"#, false),
            (r#"{ $.event = "buried" }"#, "buried", false),
            (r#"{ $.event != "a" }"#, r#"{"event":"b"}"#, true),
            (r#"{ $.event != "a" }"#, "{}", false),
            (r#"{ $.event = "a" && $.dead > 0 }"#, r#"{"event":"a","dead":1}"#, true),
            (r#"{ $.event = "a" && $.dead > 0 }"#, r#"{"event":"a","dead":0}"#, false),
            (r#"{ $.event = "a" && $.dead > 0 }"#, r#"{"event":"a"}"#, false),
            ("{ $.status = 503 }", r#"{"status":503}"#, true),
            ("{ $.status = 503 }", r#"{"status":"503"}"#, false),
            ("{ $.status >= 500 }", r#"{"status":500}"#, true),
            ("{ $.status <= 499 }", r#"{"status":500}"#, false),
        ] {
            assert_eq!(
                FilterPattern::parse(pattern).unwrap().matches(line),
                wanted,
                "{pattern} {line}"
            );
        }
    }

    #[test]
    fn a_pattern_that_is_not_understood_is_no_pattern() {
        for pattern in [
            "",
            "ERROR",
            "{ $.a }",
            "{ $.a = b }",
            "{ $.a = \"b*\" }",
            "{ $.a > \"b\" }",
            "{ ($.a = 1) || ($.b = 2) }",
            "{ a = 1 }",
        ] {
            assert!(FilterPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}

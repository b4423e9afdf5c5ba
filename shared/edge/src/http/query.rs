//! The query string: each parameter once, and none that the route does not know.

use std::str::FromStr;

use lambda_http::{Request, RequestExt};

use super::problem::{FieldError, Problem};

/// A request's query, from which a route takes the parameters it knows. What is wrong is collected, so
/// that the caller reads all of it at once.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    /// The query as API Gateway passes it on in `rawQueryString`; the parsed form beside it has repeated
    /// keys joined by commas.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let pairs = request.query_string_parameters_ref().into_iter().flat_map(|query| query.iter());
        Self { pairs: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(), errors: Vec::new() }
    }

    /// The text of a parameter; given more than once, it is an error.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let mut values = self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value);
        let value = values.next();
        if values.count() > 0 {
            self.reject(name, "must be given once");
        }
        value
    }

    /// A parameter as `T`; what `T` says of a text it refuses goes to the caller.
    pub fn take_as<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.take(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.reject(name, &detail);
                None
            }
        }
    }

    /// A number between two bounds, both included.
    pub fn take_number<T>(&mut self, name: &str, least: T, most: T) -> Option<T>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        self.take_as(name, |text| match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ => Err(format!("must be a whole number from {least} to {most}")),
        })
    }

    /// Says what is wrong with a parameter.
    pub fn reject(&mut self, name: &str, detail: &str) {
        self.errors.push(FieldError { pointer: pointer(name), detail: detail.to_owned() });
    }

    /// To be called when everything known has been taken.
    ///
    /// # Errors
    /// 400 with all that was wrong, parameters that nobody took among it.
    pub fn finish(mut self) -> Result<(), Problem> {
        let mut unknown: Vec<String> = self.pairs.drain(..).map(|(key, _)| key).collect();
        unknown.sort_unstable();
        unknown.dedup();
        for name in unknown {
            self.reject(&name, "is not a parameter of this route");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// The name as a token of a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    format!("#/query/{}", name.replace('~', "~0").replace('/', "~1"))
}

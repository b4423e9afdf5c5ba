//! The query string: each parameter once, and none that the route does not know.

use std::str::FromStr;

use super::problem::{FieldError, Problem};

/// A request's query, from which a route takes the parameters it knows. Faults are collected, so
/// that the caller reads all of them at once.
#[derive(Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    /// Parses a query string as the WHATWG URL standard has browsers write it: a plus is a space, a
    /// `%` without two hexadecimal digits is itself.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        let pairs = form_urlencoded::parse(raw.as_bytes()).into_owned().collect();
        Self { pairs, errors: Vec::new() }
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
    pub fn take_as<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
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

    /// Says what is wrong with a parameter of the path: the caller reads that along with the rest.
    pub fn reject_path(&mut self, name: &str, detail: &str) {
        self.errors
            .push(FieldError { pointer: format!("#/path/{name}"), detail: detail.to_owned() });
    }

    /// To be called when everything known has been taken.
    ///
    /// # Errors
    /// 400 with all faults, including parameters that the route does not take.
    pub fn finish(mut self) -> Result<(), Problem> {
        let mut unknown: Vec<String> = self.pairs.drain(..).map(|(key, _)| key).collect();
        unknown.sort_unstable();
        unknown.dedup();
        for name in unknown {
            self.reject(&name, "is not a parameter of this route");
        }
        self.finish_knowing()
    }

    /// To be called in place of [`Query::finish`] where any other parameter is taken: whoever fills
    /// in a form does not choose the address that it is sent to.
    ///
    /// # Errors
    /// 400 with the faults of the parameters that were taken.
    pub fn finish_knowing(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// The name as a token of a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    format!("#/query/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_as_browsers_encode_it() {
        for (encoded, text) in [
            ("Europe%2fBerlin", "Europe/Berlin"),
            ("a+b%2B", "a b+"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%C3%A4", "\u{e4}"),
            ("%ff", "\u{fffd}"),
        ] {
            let mut query = Query::parse(&format!("{encoded}={encoded}"));
            assert_eq!(query.take(text).as_deref(), Some(text), "{encoded}");
            assert_eq!(query.finish(), Ok(()));
        }
    }

    #[test]
    fn a_parameter_without_a_value_is_empty_and_a_value_may_hold_an_equals_sign() {
        let mut query = Query::parse("&a&b=&c=d=e&&");
        for (name, value) in [("a", ""), ("b", ""), ("c", "d=e")] {
            assert_eq!(query.take(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(query.take("d"), None);
        assert_eq!(query.finish(), Ok(()));
    }
}

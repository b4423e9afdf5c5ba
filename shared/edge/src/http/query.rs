//! The query string: each parameter once, and none that the route does not know.

use std::str::FromStr;

use super::problem::{FieldError, Problem};
use super::request::Request;

/// A request's query, from which a route takes the parameters it knows. What is wrong is collected, so
/// that the caller reads all of it at once.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    /// The query of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let pairs = request.raw_query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self {
            pairs: pairs.map(|(name, value)| (decode(name), decode(value))).collect(),
            errors: Vec::new(),
        }
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

/// `application/x-www-form-urlencoded`: a plus is a space.
fn decode(text: &str) -> String {
    String::from_utf8_lossy(&percent_decoded(&text.replace('+', " "))).into_owned()
}

/// `%` begins two hexadecimal digits, or else stands for itself.
pub(super) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
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
            assert_eq!(decode(encoded), text, "{encoded}");
        }
    }
}

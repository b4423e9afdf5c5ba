//! CORS as API Gateway answers it, from the template's settings and the stack's list of origins.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::Value;

use crate::template::Template;

/// The settings of a stack. A stack without origins sends no header of CORS.
#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<String>,
    methods: String,
    headers: String,
    exposed: String,
    max_age: String,
}

/// The part of CORS in one response.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// Whether the gateway answers by itself and no function sees the request.
    pub(super) is_preflight: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Cors {
    /// Reads the template; `origins` is the value of its parameter `CorsAllowOrigins`.
    pub(super) fn of(template: &Template, origins: &str) -> Self {
        let body = &template.resource("HttpApi")["DefinitionBody"];
        let settings = &body["x-amazon-apigateway-cors"]["Fn::If"][1];
        // `!If [HasOpenCors, those of any page, those of named origins]`
        let branch = if origins == "*" { 1 } else { 2 };
        let joined = |name: &str| {
            let said = &settings[name];
            let names = said.get("Fn::If").map_or(said, |branches| &branches[branch]);
            let names = names.as_array().into_iter().flatten();
            names.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        };
        Self {
            origins: origins.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect(),
            methods: joined("allowMethods"),
            headers: joined("allowHeaders"),
            exposed: joined("exposeHeaders"),
            max_age: settings["maxAge"].to_string(),
        }
    }

    pub(super) fn decide(&self, request: &Parts) -> Decision {
        let Some(origin) = request.headers.get(header::ORIGIN) else { return Decision::default() };
        if self.origins.is_empty() {
            return Decision::default();
        }
        let is_preflight = request.method == Method::OPTIONS
            && request.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let allows = |name: &str| self.origins.iter().any(|allowed| allowed == name);
        let mut headers = Vec::new();
        if allows("*") {
            let any = HeaderValue::from_static("*");
            headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, any));
        } else if origin.to_str().is_ok_and(allows) {
            headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        } else {
            return Decision { is_preflight, headers };
        }
        let more = if is_preflight {
            &[
                (header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, &self.headers),
                (header::ACCESS_CONTROL_MAX_AGE, &self.max_age),
            ][..]
        } else {
            &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed)]
        };
        let value = |text: &str| HeaderValue::from_str(text).ok();
        headers.extend(more.iter().filter_map(|(name, text)| Some((name.clone(), value(text)?))));
        Decision { is_preflight, headers }
    }
}

impl Decision {
    /// Writes the headers. If there are any, they replace those of the function.
    pub(super) fn apply(self, response: &mut HeaderMap) {
        if self.headers.is_empty() {
            return;
        }
        let is_cors = |name: &&HeaderName| name.as_str().starts_with("access-control-");
        for name in response.keys().filter(is_cors).cloned().collect::<Vec<_>>() {
            response.remove(name);
        }
        response.extend(self.headers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    /// Whether it is a preflight, and the headers of the response after a function wrote its own.
    fn answered(origins: &str, method: &str, headers: &[(&str, &str)]) -> (bool, HeaderMap) {
        let request = Request::builder().method(method);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let decision = Cors::of(&Template::read(), origins).decide(&parts);
        let mut response = HeaderMap::new();
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("own"));
        let is_preflight = decision.is_preflight;
        decision.apply(&mut response);
        (is_preflight, response)
    }

    #[test]
    fn an_allowed_origin_is_named_in_place_of_what_the_function_says() {
        let origins = "https://a.example,https://b.example";
        let (is_preflight, headers) = answered(origins, "GET", &[("origin", "https://b.example")]);
        assert!(!is_preflight);
        assert_eq!(headers["access-control-allow-origin"], "https://b.example");
        assert_eq!(headers.len(), 2, "{headers:?}");
        let (_, headers) = answered("*", "GET", &[("origin", "https://c.example")]);
        assert_eq!(headers["access-control-allow-origin"], "*");
    }

    #[test]
    fn a_page_of_any_origin_may_never_send_the_admin_key() {
        let asked = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
        for (origins, may) in [("*", false), ("https://a.example", true)] {
            let (_, headers) = answered(origins, "OPTIONS", &asked);
            let allowed = headers["access-control-allow-headers"].to_str().unwrap();
            assert_eq!(allowed.contains("x-admin-api-key"), may, "{origins}: {allowed}");
            assert!(allowed.split(',').any(|name| name == "x-api-key"), "{origins}: {allowed}");
        }
    }

    #[test]
    fn a_preflight_is_answered_by_the_gateway_where_origins_are_configured() {
        let asked = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
        let (is_preflight, headers) = answered("https://a.example", "OPTIONS", &asked);
        assert!(is_preflight);
        assert_eq!(headers["access-control-max-age"], "3600");
        assert_eq!(headers["access-control-allow-methods"], "DELETE,GET,PATCH,POST,PUT");
        assert!(answered("https://b.example", "OPTIONS", &asked).0);
        assert!(!answered("", "OPTIONS", &asked).0);
        assert_eq!(answered("", "GET", &asked).1["access-control-allow-origin"], "own");
    }
}

//! Turns a function's answer into an HTTP response, and makes the gateway's own responses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::backend::Failure;

/// Headers that belong to the connection, which the server writes by itself.
const OF_THE_CONNECTION: [HeaderName; 3] =
    [header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];

/// Reads an answer of payload format 2.0. An answer without `statusCode` is the body of a 200.
///
/// # Errors
/// [`Failure`] if a member has another type than the format gives it.
pub(super) fn response(answer: &Value) -> Result<Response<Body>, Failure> {
    let Some(status) = answer.get("statusCode") else {
        return Ok(json_response(StatusCode::OK, answer));
    };
    let status = status.as_u64().and_then(|number| u16::try_from(number).ok());
    let status = status.and_then(|number| StatusCode::from_u16(number).ok());
    let mut response = Response::new(Body::from(body(answer)?));
    *response.status_mut() = status.ok_or_else(|| refused("statusCode"))?;
    *response.headers_mut() = headers(answer).ok_or_else(|| refused("headers"))?;
    Ok(response)
}

/// Returns a response of the gateway itself, in API Gateway's form.
pub(super) fn own(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({ "message": message }))
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn body(answer: &Value) -> Result<Vec<u8>, Failure> {
    let body = answer["body"].as_str().unwrap_or_default();
    if answer["isBase64Encoded"] == true {
        STANDARD.decode(body).map_err(|_| refused("body"))
    } else {
        Ok(body.as_bytes().to_vec())
    }
}

fn headers(answer: &Value) -> Option<HeaderMap> {
    let mut all = HeaderMap::new();
    let mut add = |name: &str, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name: HeaderName = name.parse().ok()?;
        let value = HeaderValue::from_str(&text).ok()?;
        let known = all.get_all(&name).iter().any(|before| before == value);
        if !known && !OF_THE_CONNECTION.contains(&name) {
            all.append(name, value);
        }
        Some(())
    };
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        add(name, value)?;
    }
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        values.as_array()?.iter().try_for_each(|value| add(name, value))?;
    }
    let cookies = answer["cookies"].as_array().into_iter().flatten();
    for cookie in cookies {
        add(header::SET_COOKIE.as_str(), cookie)?;
    }
    Some(all)
}

fn refused(member: &str) -> Failure {
    Failure::of_function(&format!("the function's `{member}` is not of payload format 2.0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(answer: Value) -> (u16, HeaderMap, Vec<u8>) {
        let response = response(&answer).unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), head.headers, body.to_vec())
    }

    #[tokio::test]
    async fn an_answer_becomes_a_response_with_its_cookies_and_its_bytes() {
        let (status, headers, body) = read(json!({
            "statusCode": 201, "body": "/w==", "isBase64Encoded": true,
            "headers": {"X-A": "1", "retry-after": 5, "content-length": "99"},
            "multiValueHeaders": {"x-a": ["1", "2"]}, "cookies": ["a=1", "b=2"],
        }))
        .await;
        assert_eq!((status, body), (201, vec![0xff]));
        let values = |name| headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(values("x-a"), ["1", "2"]);
        assert_eq!(values("retry-after"), ["5"]);
        assert_eq!(values("set-cookie"), ["a=1", "b=2"]);
        assert!(!headers.contains_key("content-length"), "{headers:?}");
    }

    #[tokio::test]
    async fn an_answer_without_a_status_is_the_body_of_a_200() {
        for answer in [json!({"a": 1}), json!("text"), Value::Null] {
            let (status, headers, body) = read(answer.clone()).await;
            assert_eq!((status, body), (200, answer.to_string().into_bytes()));
            assert_eq!(headers["content-type"], "application/json");
        }
    }

    #[test]
    fn an_answer_that_is_not_of_the_format_is_a_failure() {
        for answer in [
            json!({"statusCode": "two hundred"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "isBase64Encoded": true, "body": "?"}),
        ] {
            assert!(response(&answer).is_err(), "{answer}");
        }
    }
}

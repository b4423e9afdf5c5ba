//! Reads what a function of the stack is deployed with, from the Lambda API of LocalStack.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::http::{self, Reply};
use super::{LocalStack, StackError};
use crate::hosting::HostedFunction;

/// Environments of a function without a reserved concurrency.
const MOST: usize = 10;

/// The reply of Lambda's GetFunction, as far as it is needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Deployed {
    configuration: Configuration,
    code: Code,
    concurrency: Option<Concurrency>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    function_name: String,
    timeout: u64,
    memory_size: u64,
    environment: Environment,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    /// `file:///…` if the code runs in place.
    location: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Concurrency {
    reserved_concurrent_executions: usize,
}

/// Returns the function `name` of a stack as it is deployed.
///
/// # Errors
///
/// [`StackError::Http`] if there is no reply, [`StackError::Status`] if there is no such function.
/// [`StackError::Zipped`] if its code does not run in place.
pub(super) async fn function(
    local: &LocalStack,
    stack: &str,
    name: &str,
) -> Result<HostedFunction, StackError> {
    let path = format!("/2015-03-31/functions/{stack}-{name}");
    let Reply { status, body, .. } = http::get(&format!("{}{path}", local.url), None).await?;
    if status != 200 {
        return Err(StackError::Status { path, status, body });
    }
    let Deployed { configuration, code, concurrency } = serde_json::from_str(&body)?;
    let folder = code.location.strip_prefix("file://").map(PathBuf::from);
    let folder = folder.ok_or_else(|| StackError::Zipped(name.to_owned()))?;
    let mut variables = of_lambda(local, &configuration);
    variables.extend(configuration.environment.variables);
    Ok(HostedFunction {
        name: name.to_owned(),
        bootstrap: folder.join("bootstrap"),
        variables,
        timeout: Duration::from_secs(configuration.timeout),
        most: concurrency.map_or(MOST, |given| given.reserved_concurrent_executions),
        log: local.logs.join(format!("{}.log", configuration.function_name)),
    })
}

/// Returns the variables that Lambda sets, as far as they are read, and the one by which AWS is
/// LocalStack.
fn of_lambda(local: &LocalStack, function: &Configuration) -> Vec<(String, String)> {
    let name = &function.function_name;
    [
        ("AWS_ENDPOINT_URL", local.url.clone()),
        ("AWS_REGION", local.region.clone()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_size.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "gateway".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

//! Calls a stack's functions over the Lambda API of LocalStack.

use serde_json::Value;

use super::StackError;
use super::http::{self, Reply};
use crate::gateway::{Backend, Failure};

/// The functions of one stack.
#[derive(Debug, Clone)]
pub(super) struct Functions {
    localstack: String,
    stack: String,
}

impl Functions {
    pub(super) fn new(localstack: &str, stack: &str) -> Self {
        Self { localstack: localstack.to_owned(), stack: stack.to_owned() }
    }

    /// Sends `payload` to a function and returns Lambda's reply once the function is done.
    ///
    /// # Errors
    ///
    /// [`StackError::Http`] if there is no reply.
    pub(super) async fn call(&self, function: &str, payload: &Value) -> Result<Reply, StackError> {
        let Self { localstack, stack } = self;
        let url = format!("{localstack}/2015-03-31/functions/{stack}-{function}/invocations");
        http::post(&url, &[], payload.to_string()).await
    }
}

impl Backend for Functions {
    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Failure> {
        let reply = self.call(function, &event).await.map_err(|e| Failure::of_function(&e))?;
        if reply.status != 200 || reply.function_error {
            return Err(Failure { throttled: reply.status == 429, reason: reply.body });
        }
        serde_json::from_str(&reply.body).map_err(|e| Failure::of_function(&e))
    }
}

//! Functions that this process hosts itself, as Lambda does: environments that speak the Runtime
//! API, one event at a time in each, more of them while requests overlap.
//!
//! The gateway of `make run` uses it for HTTP. LocalStack hosts the same binaries for queues and
//! rules, where a tenth of the speed is enough (docs/adr/0039-the-gateway-hosts-the-functions.md).

mod environment;
mod function;
mod pool;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::gateway::{Backend, Failure};
pub use function::HostedFunction;
use pool::Pool;

/// The functions of one stack as a backend of the gateway. Their processes end with it.
pub struct Hosted(BTreeMap<String, Arc<Pool>>);

impl Hosted {
    /// Returns a backend of these functions. A process starts with the first event that needs it.
    #[must_use]
    pub fn new(functions: Vec<HostedFunction>) -> Self {
        let named = |function: HostedFunction| (function.name.clone(), Pool::new(function));
        Self(functions.into_iter().map(named).collect())
    }
}

impl Backend for Hosted {
    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Failure> {
        let Some(pool) = self.0.get(function) else {
            return Err(Failure::of_function(&format!("there is no {function}")));
        };
        pool.invoke(event).await
    }

    async fn close(&self) {
        for pool in self.0.values() {
            pool.close().await;
        }
    }
}

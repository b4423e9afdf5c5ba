//! Which vendors may push, and by which secrets their requests are checked.

use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_clients::secret::Secret;
use penstock_domain::config::Env;
use penstock_domain::source::{SOURCES, Source, Webhook, variable};

/// The route of one connection: `/webhooks/{source}`, or `/webhooks/{source}/{connection}`.
pub struct Endpoint {
    /// The connection's name.
    pub connection: String,
    /// The vendor.
    pub source: &'static dyn Source,
    /// How it pushes.
    pub webhook: Webhook,
    /// Checks who has sent a request. `None` if the deployment names no secret: the route answers
    /// 404, and only what was spilled before is still stored.
    pub secret: Option<Secret>,
}

/// The endpoints of all sources that push. `<NAME>_WEBHOOK_SECRET_ARN` names the secret of a vendor
/// that signs, `<NAME>_CHANNEL_SECRET_ARN` that of a vendor that notifies. Without `_ARN` the
/// variable is the secret itself, for local runs.
pub fn endpoints(env: &Env, aws: &Arc<Aws>) -> Vec<Endpoint> {
    SOURCES.iter().filter_map(|source| Endpoint::of(*source, env, aws)).collect()
}

impl Endpoint {
    /// The endpoint of one source; `None` if it does not push. The secret is named as in
    /// [`endpoints`].
    pub fn of(source: &'static dyn Source, env: &Env, aws: &Arc<Aws>) -> Option<Self> {
        let webhook = source.webhook()?;
        let given = variable(source, webhook.secret_variable());
        let secret = Secret::from_env(env, aws, &given, &format!("{given}_ARN"));
        let connection = source.name().to_owned();
        Some(Self { connection, source, webhook, secret })
    }

    /// The same endpoint, of the connection called `name`.
    pub(crate) fn called(self, name: &str) -> Self {
        Self { connection: name.to_owned(), ..self }
    }
}

/// The endpoint of a connection by its name, with or without a secret.
pub(crate) fn find<'e>(endpoints: &'e [Endpoint], name: &str) -> Option<&'e Endpoint> {
    endpoints.iter().find(|endpoint| endpoint.connection == name)
}

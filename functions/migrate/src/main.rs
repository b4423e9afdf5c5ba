//! Wires `migrate`.

use std::sync::Arc;

use lambda_runtime::Error;
use migrate::{NAME, Ports, Request, logins};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::secret::Secret;
use penstock_domain::config::Env;
use penstock_edge::telemetry::chain;
use penstock_edge::{config, invocation, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    // One connection holds the lock row while the other migrates.
    let two: Env = [("DATABASE_POOL_SIZE", "2")].into_iter().collect();
    let aws = Arc::new(Aws::default());
    let issuer = KeyIssuer::from_env(&env, &aws)?;
    let ports = &Ports {
        logins: logins::from_env(&env, &aws)?,
        own_logins: logins::are_used(&env)?,
        idle: logins::idle(&env)?,
        database: database::from_env("migrate", &env.overridden_by(two), &aws)?,
        business_zone: env.or("BUSINESS_TIMEZONE", "UTC"),
        bootstrap_keys: env
            .optional("BOOTSTRAP_KEYS_SECRET_ARN")
            .map(|arn| Secret::stored(aws, arn)),
        issuer,
        clock: SystemClock,
    };
    let serve = |event: Request, _: invocation::Invocation| async move {
        ports.handle(event).await.map_err(|e| Error::from(chain(&e)))
    };
    invocation::run(NAME, SystemClock, serve).await
}

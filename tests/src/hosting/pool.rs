//! The environments of one function.

use std::sync::{Arc, Mutex};

use penstock_testkit::Outcome;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::HostedFunction;
use super::environment::Environment;
use crate::gateway::Failure;
use crate::loopback::lock;

/// A function's environments. There are as many as events were in work at the same time, and at
/// most the function's reserved concurrency.
pub(super) struct Pool {
    function: HostedFunction,
    places: Arc<Semaphore>,
    /// The environment that worked last is the first to work again, as on Lambda.
    idle: Mutex<Vec<Environment>>,
}

impl Pool {
    pub(super) fn new(function: HostedFunction) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(function.most));
        Arc::new(Self { function, places, idle: Mutex::default() })
    }

    /// Hands an event to an environment. While all are busy, it waits for one; Lambda would refuse
    /// the event.
    ///
    /// The invocation ends by itself even if nobody waits for it any more, as on Lambda.
    ///
    /// # Errors
    ///
    /// [`Failure`] if there is no reply: the function failed, died or took too long.
    pub(super) async fn invoke(self: &Arc<Self>, event: Value) -> Result<Value, Failure> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Failure::of_function(&"the gateway is closing"))?;
        let outcome = tokio::spawn(Arc::clone(self).work(place, event)).await;
        match outcome.map_err(|error| Failure::of_function(&error))? {
            Outcome::Replied(reply) => Ok(reply),
            other => Err(Failure::of_function(&self.why(&other))),
        }
    }

    /// Serves one event. The place is free again once the environment is idle, or gone.
    async fn work(self: Arc<Self>, place: OwnedSemaphorePermit, event: Value) -> Outcome {
        let mut environment = match self.warm() {
            Some(environment) => environment,
            None => match Environment::start(&self.function).await {
                Ok(environment) => environment,
                Err(outcome) => return outcome,
            },
        };
        let outcome = environment.invoke(&event, self.function.timeout).await;
        if matches!(outcome, Outcome::Replied(_) | Outcome::Failed { .. }) {
            lock(&self.idle).push(environment);
        } else {
            environment.end().await;
        }
        drop(place);
        outcome
    }

    /// Takes an idle environment. It drops those whose process has ended meanwhile.
    fn warm(&self) -> Option<Environment> {
        let mut idle = lock(&self.idle);
        while let Some(mut environment) = idle.pop() {
            if environment.is_alive() {
                return Some(environment);
            }
        }
        None
    }

    /// Ends all idle environments. Those at work end when they are dropped.
    pub(super) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *lock(&self.idle));
        for environment in idle {
            environment.end().await;
        }
    }

    /// Returns the reason of a failure in Lambda's words.
    fn why(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Failed { error_type, message } => format!("{error_type}: {message}"),
            Outcome::Died(status) => format!("Runtime exited with error: {status}"),
            Outcome::TimedOut => {
                format!("Task timed out after {:.2} seconds", self.function.timeout.as_secs_f64())
            }
            Outcome::Replied(_) => String::new(),
        }
    }
}

//! A local stand-in for API Gateway's HTTP API, which LocalStack's free edition leaves out.
//!
//! [`Server`] listens on loopback with the routes and the CORS settings of `infra/template.yaml`.
//! It turns each request into an event of payload format 2.0, hands that to a [`Backend`], and
//! turns the answer back into a response. Limits and errors of the gateway itself are API Gateway's
//! own:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

mod backend;
mod connection;
mod cors;
mod event;
mod handlers;
mod intake;
mod response;
mod routes;
mod server;

pub use backend::{Backend, Failure};
pub use handlers::{Handlers, answer};
pub use routes::functions_with_routes;
pub use server::{Patience, Server, Settings};

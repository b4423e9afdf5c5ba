//! System tests, the simulated vendors and the benchmarks.

pub mod analytics;
pub mod bench;
pub mod captured_log;
pub mod chat_server;
pub mod chromium;
pub mod clock;
mod connecting;
pub mod contract;
pub mod elsewhere;
pub mod emf;
pub mod fake_aws;
pub mod filter_pattern;
pub mod gateway;
pub mod generated;
pub mod hosting;
pub mod http_client;
mod loopback;
pub mod repository;
pub mod simulators;
pub mod stack;
pub mod template;
pub mod test_app;
pub mod thorough;
pub mod tour;
pub mod truth;
pub mod vendors;
pub mod victim;

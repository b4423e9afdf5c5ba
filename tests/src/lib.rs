//! System tests, the vendor simulator and the benchmarks.

pub mod bench;
pub mod contract;
pub mod elsewhere;
pub mod fake_aws;
pub mod gateway;
pub mod gcal;
pub mod hubspot;
mod loopback;
pub mod plant;
pub mod simulator;
pub mod stack;
pub mod template;
pub mod tour;
pub mod truth;
pub mod vendors;
pub mod victim;

//! System tests, the vendor simulator and the benchmarks.

pub mod bench;
pub mod contract;
pub mod elsewhere;
pub mod fake_aws;
pub mod front;
pub mod simulators;
pub mod stack;
pub mod test_app;
pub mod tour;
pub mod truth;
pub mod vendors;
pub mod victim;

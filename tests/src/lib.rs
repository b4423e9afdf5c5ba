//! System tests, the vendor simulator and the benchmarks.

pub mod bench;
pub mod fake_aws;
pub mod plant;
pub mod simulator;
pub mod stack;
pub mod tour;

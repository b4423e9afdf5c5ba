//! System tests, the vendor simulator and the benchmarks.

pub mod fake_sqs;
pub mod plant;
pub mod simulator;
pub mod stack;
pub mod tour;

//! System tests, the vendor simulator and the benchmarks.

pub mod plant;
pub mod simulator;
pub mod stack;
pub mod tour;

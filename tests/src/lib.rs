//! System tests, the vendor simulator and the benchmarks.

pub mod simulator;

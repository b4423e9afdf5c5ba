//! System tests, the vendor simulator and the benchmarks.

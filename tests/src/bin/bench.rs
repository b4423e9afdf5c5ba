//! Runs the benchmarks: `bench [backfill|drain|soak|metrics|front|gateway|init]...`; without
//! an argument, all of them. The variable `ROWS` says how many rows the soak and the console have.

use penstock_tests::bench;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    bench::run(&arguments).await
}

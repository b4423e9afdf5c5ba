//! The benchmarks as a program: `bench [backfill|drain|metrics|front|init]...`, all of them without an argument.

use penstock_tests::bench;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    bench::run(&arguments).await
}

//! Runs the simulated Stripe: `simulator --port 12111 --charges 200000 --seed 7`.

use std::io::Write;

use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};

const USAGE: &str = "usage: simulator [--port 12111] [--charges 10000] [--seed 1]\n";

fn main() -> std::io::Result<()> {
    let (mut port, mut charges, mut seed) = (12_111_u16, 10_000_u32, 1_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let understood = match name.as_str() {
            "--port" => value.parse().map(|n| port = n).is_ok(),
            "--charges" => value.parse().map(|n| charges = n).is_ok(),
            "--seed" => value.parse().map(|n| seed = n).is_ok(),
            _ => false,
        };
        if !understood {
            std::io::stderr().write_all(USAGE.as_bytes())?;
            std::process::exit(2);
        }
    }
    let stripe =
        StripeSimulator::start_on(StripeAccount::new(AccountSpec::new(seed, charges)), port)?;
    let (url, key) = (stripe.url(), stripe.key());
    writeln!(std::io::stdout(), "Stripe simulator at {url}, key {key}; {url}/_sim/ledger")?;
    stripe.wait();
    Ok(())
}

//! How an audit grows with its estate: peak memory, time and calls, for the largest estate that
//! AWS allows in one account and region. Run it with `cargo run -p auditor --example scale`;
//! with `--release` the numbers are those of the deployed code.
//!
//! Every case runs in a process of its own, because a process remembers its peak.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark reports at a terminal, and by failing"
)]

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/made_up_aws/mod.rs"]
mod made_up_aws;

use std::process::Command;
use std::time::Instant;

use made_up_aws::{Aws, Order, PER_APPLICATION};

const SIZES: [usize; 4] = [1_000, 10_000, 50_000, 100_000];
const ORDERS: [(&str, Order); 3] = [
    ("by name", Order::Name),
    ("role by role", Order::RoleByRole),
    ("scattered", Order::Scattered),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [parameters, order] = arguments.as_slice() {
        let (_, order) = ORDERS.into_iter().find(|(name, _)| name == order).unwrap();
        return case(parameters.parse().unwrap(), order).await;
    }
    println!(
        "order         parameters  applications   calls  seconds  µs/parameter  peak KiB  ratio"
    );
    for (name, _) in ORDERS {
        let mut smallest = 0.0;
        for parameters in SIZES {
            let this = std::env::current_exe().unwrap();
            let output = Command::new(this)
                .args([&parameters.to_string(), name])
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let output = String::from_utf8(output.stdout).unwrap();
            let numbers: Vec<f64> = output
                .split_whitespace()
                .map(|n| n.parse().unwrap())
                .collect();
            let [calls, seconds, peak] = numbers[..] else {
                panic!("{output}")
            };
            if parameters == SIZES[0] {
                smallest = peak;
            }
            println!(
                "{name:12}  {parameters:10}  {:12}  {calls:6}  {seconds:7.2}  {:12.1}  {peak:8}  {:5.2}",
                parameters / PER_APPLICATION,
                (seconds * 1e6 / parameters as f64),
                peak / smallest
            );
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is a benchmark")]
async fn case(parameters: usize, order: Order) {
    let aws = Aws::new(parameters, order);
    let start = Instant::now();
    let response = aws.audit("parameter-store").await;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(response.summary.credentials, parameters as u64);
    let calls: usize = aws.calls().values().sum();
    let status = std::fs::read_to_string("/proc/self/status").expect("this reads Linux's /proc");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    println!(
        "{calls} {seconds} {}",
        peak.split_whitespace().next().unwrap()
    );
}

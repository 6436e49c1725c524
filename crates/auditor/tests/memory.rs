//! The memory of an audit, in a process of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod made_up_aws;

use std::fs;

use made_up_aws::{Aws, Order};

/// The most memory that this process has used so far, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn twenty_times_the_estate_takes_hardly_more_memory_in_any_order() {
    Aws::new(1_000, Order::Name).audit("parameter-store").await;
    let small = peak();
    for order in [Order::Name, Order::RoleByRole, Order::Scattered] {
        let response = Aws::new(20_000, order).audit("parameter-store").await;
        assert_eq!(response.summary.applications, 1_000);
    }
    let large = peak();
    assert!(
        large * 2 <= small * 3,
        "{small} KiB for 1,000 parameters, {large} for 20,000"
    );
}

//! Any target under libFuzzer: the one that `LWA_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("LWA_FUZZ_TARGET").expect("LWA_FUZZ_TARGET names the target");
    let target = lwa_fuzz_targets::TARGETS
        .iter()
        .find(|target| target.name == name);
    target
        .unwrap_or_else(|| panic!("`{name}` is not a target"))
        .run
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| RUN(data));

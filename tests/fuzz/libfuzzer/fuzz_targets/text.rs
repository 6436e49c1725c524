#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (lwa_fuzz_targets::TEXT.run)(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (lwa_fuzzing::LWA_ANSWER.run)(data));

//! One test binary for everything that needs an emulator or a function's real binary.

// `cfg(test)` is always so here; it lets Clippy take helpers for the tests they are.
#[cfg(test)]
mod adapters;
#[cfg(test)]
mod audit_command;
#[cfg(test)]
mod auditor;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod deployed;
#[cfg(test)]
mod doctor_command;
#[cfg(test)]
mod emulators;
#[cfg(test)]
mod explain_command;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod newcomer;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod policy_formatter;
#[cfg(test)]
mod prompt;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rotate_command;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod rotation_story;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod runtime_api;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod store;
#[cfg(test)]
mod token_command;
#[cfg(test)]
mod token_exchanger;
#[cfg(test)]
mod token_exchanger_http;

/// The functions, by the names of their binaries.
#[cfg(test)]
fn functions() -> [&'static str; 5] {
    lwa_cli::replay::Function::ALL.map(lwa_cli::replay::Function::as_str)
}

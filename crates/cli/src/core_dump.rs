//! What is in memory stays out of files.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Lets this process, which is going to hold secrets, end without a core dump, whatever the shell
/// allows.
///
/// A debugger can still start the command. One that is to be attached later needs to be root.
pub(crate) fn prevent() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Neither can fail: less is always allowed.
    let _ = setrlimit(Resource::Core, none);
    // The limit is none for a program that the system pipes core dumps to.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

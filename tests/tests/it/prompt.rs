//! What a person types at a question of `lwa store`, and what becomes of the terminal.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use lwa_tests::terminal::{Left, Session};
use lwa_tests::{binary, leak};
use rustix::process::Signal;

const PLANTED: &str = "planted-in-a-terminal";

fn start(arguments: &[&str]) -> Session {
    start_with(arguments, &[])
}

fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Session {
    let always = [("HOME", "/nonexistent"), ("TERM", "xterm")];
    let variables = always.iter().chain(variables);
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let words = [&["store", "--application", "my-erp"], arguments].concat();
    let folder = std::env::temp_dir();
    Session::start(&binary::path("lwa"), &words, &folder, &variables.collect())
}

fn at_client_secret() -> Session {
    let mut session = start(&["--only", "client-secret"]);
    session.wait_for_hidden("Client secret of my-erp (not shown): ");
    session
}

/// The terminal is as it was, and nothing that was typed is in sight or reaches the shell.
fn check(left: &Left, story: &str) {
    assert!(left.is_shown, "{story}: {left:?}");
    assert_eq!(left.unread, 0, "{story}: {left:?}");
    leak::assert_none(&left.seen, &[("typed", PLANTED)]);
}

#[test]
fn a_signal_at_a_hidden_question_ends_the_command_and_leaves_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut session = at_client_secret();
        session.type_in(PLANTED);
        session.send(signal);
        let left = session.end();
        check(&left, &format!("{signal:?}"));
        assert_eq!(left.status.signal(), Some(signal.as_raw()), "{left:?}");
    }
    // Ctrl-C, in the middle of a paste.
    let mut session = at_client_secret();
    session.type_in(&format!("{PLANTED}\u{3}{PLANTED}\n{PLANTED}\n"));
    let left = session.end();
    check(&left, "Ctrl-C");
    assert_eq!(left.status.signal(), Some(Signal::INT.as_raw()), "{left:?}");
}

#[test]
fn a_stopped_command_shows_what_is_typed_until_it_goes_on_and_asks_again() {
    let mut session = at_client_secret();
    session.type_in(&format!("{PLANTED}\u{1a}"));
    let patience = std::iter::repeat_n((), 1_000);
    patience
        .take_while(|()| !session.is_shown())
        .for_each(|()| std::thread::sleep(Duration::from_millis(5)));
    assert!(session.is_shown());
    session.send(Signal::CONT);
    session.wait_for_hidden("Client secret of my-erp (not shown): ");
    session.type_in("\n");
    let left = session.end();
    check(&left, "stopped");
    assert_eq!(left.status.code(), Some(1), "{left:?}");
    assert!(left.seen.contains("client secret is blank"), "{left:?}");
}

#[test]
fn what_was_pasted_and_not_read_is_not_shown_and_does_not_reach_the_shell() {
    // The first line cannot be used, so the others are not read.
    let mut session = at_client_secret();
    session.type_in(&format!("{PLANTED} {PLANTED}\n{PLANTED}\n{PLANTED}\n"));
    let left = session.end();
    check(&left, "unusable");
    assert_eq!(left.status.code(), Some(1), "{left:?}");

    // The lines that follow are pasted ahead of the next questions, which are not answered by it.
    let mut session = start(&[]);
    session.wait_for_hidden("Client id of my-erp (not shown");
    session.type_in(&format!("\n{PLANTED}\n{PLANTED}\n"));
    session.wait_for_hidden("Client secret of my-erp (not shown");
    session.type_in(&format!("{PLANTED} {PLANTED}\n{PLANTED}\n"));
    let left = session.end();
    check(&left, "ahead");
    assert!(left.seen.contains("client secret has"), "{left:?}");
}

#[test]
fn once_the_questions_are_answered_a_signal_ends_the_command_as_ever() {
    // Takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut session = start_with(
        &["--only", "client-secret", "--endpoint-url", &url],
        &[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ],
    );
    session.wait_for_hidden("Client secret of my-erp (not shown): ");
    session.type_in(&format!("{PLANTED}\n"));
    session.wait_for("Looking at my-erp");
    session.type_in("\u{3}");
    let left = session.end();
    check(&left, "later");
    assert_eq!(left.status.signal(), Some(Signal::INT.as_raw()), "{left:?}");
}

#[test]
fn the_end_of_the_input_is_no_answer() {
    let mut session = at_client_secret();
    session.type_in("\u{4}");
    let left = session.end();
    check(&left, "Ctrl-D");
    assert_eq!(left.status.code(), Some(1), "{left:?}");
    assert!(left.seen.contains("nothing was typed"), "{left:?}");
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux shows a process' limits as a file"
)]
fn while_it_holds_a_secret_the_command_cannot_be_dumped() {
    let mut session = at_client_secret();
    let folder = std::path::PathBuf::from(format!("/proc/{}", session.process_id()));
    let limits = std::fs::read_to_string(folder.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.unwrap().split_ascii_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core:?}");
    session.type_in("\u{3}");
    session.end();
}

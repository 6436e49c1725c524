//! A Lambda function that does what its event says, for the tests of the harness.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Barrier;

/// What an event may ask for.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wish {
    /// Answer with this value and what is known of the invocation.
    Answer(Value),
    /// Fail with this type and message.
    Fail(String, String),
    /// Write this to standard output and to standard error.
    Write(String),
    /// Answer only when another invocation with this wish is in hand.
    Meet,
    /// Take so many milliseconds.
    Wait(u64),
    /// End the process with this status.
    Exit(i32),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let meeting = Arc::new(Barrier::new(2));
    let handler = service_fn(move |event: LambdaEvent<Wish>| handle(event, Arc::clone(&meeting)));
    lambda_runtime::run_concurrent(handler).await
}

#[expect(
    clippy::exit,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the harness is to notice all three"
)]
async fn handle(event: LambdaEvent<Wish>, meeting: Arc<Barrier>) -> Result<Value, Diagnostic> {
    match event.payload {
        Wish::Answer(value) => {
            return Ok(json!({
                "value": value,
                "request_id": event.context.request_id,
                "deadline": event.context.deadline,
                "function": event.context.invoked_function_arn,
            }));
        }
        Wish::Fail(error_type, error_message) => {
            return Err(Diagnostic {
                error_type,
                error_message,
            });
        }
        Wish::Write(text) => {
            println!("{text}");
            eprintln!("{text}");
        }
        Wish::Meet => {
            meeting.wait().await;
        }
        Wish::Wait(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        Wish::Exit(status) => std::process::exit(status),
    }
    Ok(Value::Null)
}

//! The floor: a function on the same runtime, built with the same profile, that answers `{}`.
//! No function of this kind starts faster or needs less memory.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run_concurrent(service_fn(nothing)).await
}

async fn nothing(_: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({}))
}

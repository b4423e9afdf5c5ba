//! A Lambda function that does what its payload says. It replaces the real functions in the test
//! kit's own tests.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(obey)).await
}

#[expect(clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "it was told to")]
async fn obey(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["do"].as_str().unwrap_or_default() {
        "echo" => Ok(event.payload["what"].clone()),
        "environment" => {
            let names: Vec<String> =
                std::env::vars_os().map(|(k, _)| k.to_string_lossy().into_owned()).collect();
            Ok(json!(names))
        }
        "deadline" => Ok(json!(event.context.deadline)),
        "write" => {
            println!("a line to stdout");
            eprintln!("a line to stderr");
            Ok(Value::Null)
        }
        "fail" => Err("it was told to fail".into()),
        "panic" => panic!("it was told to panic"),
        "exit" => std::process::exit(3),
        "hang" => {
            tokio::time::sleep(Duration::MAX).await;
            Ok(Value::Null)
        }
        other => Err(format!("unknown order: {other}").into()),
    }
}

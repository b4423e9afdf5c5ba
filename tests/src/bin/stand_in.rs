//! A function that does what the test says, in the query of the request: `?do=pid`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_edge::config;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if config::from_process().given("STAND_IN") == Some("dies at once") {
        return Err("it does not start".into());
    }
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let asked = |name: &str| event.payload["queryStringParameters"][name].as_str();
    let body = match asked("do") {
        Some("fail") => return Err("as asked for".into()),
        Some("die") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        // Works until the test hangs up.
        Some("work") => {
            let port = asked("port").unwrap_or_default().parse()?;
            let mut until = TcpStream::connect(("127.0.0.1", port)).await?;
            until.read_to_end(&mut Vec::new()).await?;
            std::process::id().to_string()
        }
        Some("variables") => std::fs::read_to_string("/proc/self/environ")?,
        Some("body") => event.payload["body"].to_string(),
        _ => std::process::id().to_string(),
    };
    Ok(json!({"statusCode": 200, "body": body}))
}

//! A GET over HTTP to a program on this machine, for its figures.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use vterrors::{Condition, Error, Result};

/// How long an answer may take, and how long it may be: more than what is measured should need.
const LIMIT: Duration = Duration::from_secs(30);
const MAX_BYTES: u64 = 64 << 20;

/// The body of an answer with status 200.
pub(super) async fn get(address: &str, path: &str) -> Result<String> {
    let late = || format!("http://{address}{path}: no answer within {LIMIT:?}");
    let answer = tokio::time::timeout(LIMIT, ask(address, path)).await;
    answer.unwrap_or_else(|_| Err(Error::new(Condition::Timeout, late())))
}

async fn ask(address: &str, path: &str) -> Result<String> {
    let fault = |why: String| Error::new(Condition::Unreachable, format!("http://{address}{path}: {why}"));
    let io = |e: std::io::Error| fault(e.to_string());
    let mut socket = TcpStream::connect(address).await.map_err(io)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.map_err(io)?;
    let mut answer = String::new();
    socket.take(MAX_BYTES).read_to_string(&mut answer).await.map_err(io)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        Some((head, body)) => Err(fault(format!("{} {body}", head.lines().next().unwrap_or_default()))),
        None => Err(fault("no answer".to_owned())),
    }
}

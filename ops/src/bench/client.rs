//! A client so small that it is the server that gets measured: prepared bytes out, status and body
//! in, one call at a time on each kept-alive connection.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

const ANSWER_BYTES_MAX: usize = 1 << 20;
const CALL_MAX: Duration = Duration::from_secs(20);
/// Before counting starts: connections open, caches fill.
const WARM_UP: Duration = Duration::from_millis(500);

/// An answer's status and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A GET request's bytes.
pub fn get(path: &str) -> Vec<u8> {
    request("GET", path, &[], "")
}

/// A request's bytes.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str("content-type: application/json\r\n");
    }
    if method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// One kept-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting to the server")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads the answer; the status and where its body lies in the buffer.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, std::ops::Range<usize>)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                let end = head.length + head.body_length;
                if end > ANSWER_BYTES_MAX {
                    bail!("an answer is longer than {ANSWER_BYTES_MAX} bytes");
                }
                if self.buffer.len() >= end {
                    return Ok((head.status, head.length..end));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection in the middle of an answer");
            }
        }
    }

    pub async fn call(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let (status, body) =
            timeout(CALL_MAX, self.exchange(request)).await.context("no answer in time")??;
        Ok(Answer { status, body: self.buffer[body].to_vec() })
    }
}

/// The part of an answer's head that says where it ends.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// With the empty line.
    length: usize,
    body_length: usize,
}

impl Head {
    /// `None` while it is not complete.
    fn parse(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[..end]).context("an answer's head is not text")?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .context("no status")?;
        let mut body_length = 0;
        for line in lines {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name.eq_ignore_ascii_case("content-length") {
                body_length = value.trim().parse().context("a content-length that is no number")?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("the server answered in chunks, which this client does not read");
            }
        }
        Ok(Some(Self { status, length: end + 4, body_length }))
    }
}

/// One call on a connection of its own.
pub async fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    Connection::open(address).await?.call(request).await
}

/// What each client sends: writes its next request into the emptied buffer.
pub trait Script: Send + Sync + 'static {
    fn next(&self, client: usize, turn: u64, request: &mut Vec<u8>);
}

/// The same request from everybody, again and again.
pub struct Same(pub Vec<u8>);

impl Script for Same {
    fn next(&self, _: usize, _: u64, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.0);
    }
}

/// Each client's own request, again and again.
pub struct Each(pub Vec<Vec<u8>>);

impl Script for Each {
    fn next(&self, client: usize, _: u64, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.0[client % self.0.len()]);
    }
}

/// Lets `clients` call for `lasts` as fast as they are answered; the calls per second.
///
/// # Errors
/// Any answer that is not a success: a bench of refusals would measure nothing.
pub async fn load(
    address: SocketAddr,
    clients: usize,
    lasts: Duration,
    script: Arc<dyn Script>,
) -> anyhow::Result<f64> {
    let counted_from = Instant::now() + WARM_UP;
    let end = counted_from + lasts;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let script = script.clone();
        tasks.spawn(async move {
            let (mut connection, mut request) = (Connection::open(address).await?, Vec::new());
            let (mut counted, mut turn) = (0u64, 0);
            while Instant::now() < end {
                request.clear();
                script.next(client, turn, &mut request);
                let (status, body) = timeout(CALL_MAX, connection.exchange(&request))
                    .await
                    .context("no answer in time")??;
                if !(200..300).contains(&status) {
                    let body = String::from_utf8_lossy(&connection.buffer[body]).into_owned();
                    bail!("the server answered {status}: {body}");
                }
                let now = Instant::now();
                counted += u64::from(now >= counted_from && now < end);
                turn += 1;
            }
            Ok(counted)
        });
    }
    let mut calls = 0;
    while let Some(done) = tasks.join_next().await {
        calls += done??;
    }
    Ok(calls as f64 / lasts.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        let head = Head::parse(text).expect("readable").expect("complete");
        assert_eq!(
            (head.status, &text[head.length..head.length + head.body_length]),
            (201, &b"hello"[..])
        );
        assert_eq!(Head::parse(&text[..20]).expect("readable"), None);
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let text = String::from_utf8(request("POST", "/x", &[("a", "b")], "{}")).expect("text");
        assert!(
            text.starts_with("POST /x HTTP/1.1\r\n")
                && text.ends_with("content-length: 2\r\n\r\n{}"),
            "{text}"
        );
        assert!(!String::from_utf8(get("/")).expect("text").contains("content-length"));
    }
}

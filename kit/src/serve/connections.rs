//! Taking connections: so many at once, and none that only pretends to ask for something.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{Router, extract::ConnectInfo, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::settings::Settings;

/// How long nothing is accepted when the system gives no more sockets.
const BREATHER: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Files a process has open besides connections to it: to databases and Kafka, on the management
/// listener, its own.
const FILES_BESIDE: usize = 256;
/// Fewer are not worth running for; `FAIRGATE_CONNECTIONS_MAX` takes no fewer either.
const CONNECTIONS_MIN: usize = 16;

/// How many of `wanted` connections fit beside all else into so many open files.
fn room(wanted: usize, files: u64) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    wanted.min(files.saturating_sub(FILES_BESIDE).max(CONNECTIONS_MIN))
}

/// What one listener takes.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections at once. Those beyond wait to be accepted, in the order they came, until another
    /// ends.
    pub max: usize,
    /// How long a connection may take to send the head of a request, and how long it may stay
    /// without sending one.
    pub head_within: Duration,
    /// How long a peer may take none of what it is sent. While nothing is sent, it has nothing to
    /// take.
    pub take_within: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max: 10_000,
            head_within: Duration::from_secs(20),
            take_within: Duration::from_secs(30),
        }
    }
}

impl ConnectionLimits {
    /// Reads `FAIRGATE_CONNECTIONS_MAX` and `FAIRGATE_HEADER_SECS`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let Self { max, head_within, take_within } = Self::default();
        let head_secs = settings.or_within("FAIRGATE_HEADER_SECS", head_within.as_secs(), 1..=300);
        Self {
            max: settings.or_within("FAIRGATE_CONNECTIONS_MAX", max, CONNECTIONS_MIN..=1_000_000),
            head_within: Duration::from_secs(head_secs),
            take_within,
        }
    }

    /// Raises the process's limit of open files as far as it goes, and takes fewer connections
    /// where it still has no room for all of them.
    #[must_use]
    pub fn within_open_files(self) -> Self {
        let files = match rlimit::increase_nofile_limit(u64::MAX) {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, "the limit of open files is unknown; it may be too low for \
                    all connections");
                return self;
            }
        };
        let max = room(self.max, files);
        if max < self.max {
            tracing::warn!(
                max,
                open_files = files,
                "no room for FAIRGATE_CONNECTIONS_MAX={}; raise the hard limit of open files \
                    (ulimit -Hn, or LimitNOFILE \
                 of a service) to at least {}, or lower the setting",
                self.max,
                self.max.saturating_add(FILES_BESIDE)
            );
        }
        self.at_most(max)
    }

    /// The same manners for a listener of which little is asked.
    #[must_use]
    pub fn at_most(self, max: usize) -> Self {
        Self { max, ..self }
    }
}

/// A listener, what is served on it, and how much of it at once.
pub struct Endpoint {
    pub listener: TcpListener,
    pub router: Router,
    pub limits: ConnectionLimits,
}

impl Endpoint {
    /// Listens on `listen`, which the setting `key` names.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn open(
        key: &str,
        listen: SocketAddr,
        router: Router,
        limits: ConnectionLimits,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}; set {key} to a free address"))?;
        Ok(Self { listener, router, limits })
    }
}

/// Takes connections until `draining`, then waits for those that are open.
pub async fn take(endpoint: Endpoint, draining: CancellationToken) {
    let Endpoint { listener, router, limits } = endpoint;
    let (slots, open) = (Arc::new(Semaphore::new(limits.max)), TaskTracker::new());
    let mut told: Option<Instant> = None;
    loop {
        if slots.available_permits() == 0 {
            metrics::counter!("fairgate_connections_full_total").increment(1);
            if told.is_none_or(|at| at.elapsed() > TOLD_EVERY) {
                tracing::warn!(
                    max = limits.max,
                    "all connections are taken; others wait to be accepted"
                );
                told = Some(Instant::now());
            }
        }
        let Some(Ok(slot)) = draining.run_until_cancelled(slots.clone().acquire_owned()).await
        else {
            break;
        };
        let Some((stream, peer)) = draining.run_until_cancelled(accept(&listener)).await else {
            break;
        };
        let connection = answer(stream, peer, router.clone(), limits, draining.clone());
        open.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Gone before it was accepted.
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; is the limit of open files \
                    too low?");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers what comes over one connection. HTTP/1: the gateway in front speaks the others.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    draining: CancellationToken,
) {
    let mut stream = TimeoutStream::new(stream);
    // Runs only while there is something to write that the peer does not take: streams may be
    // silent for longer.
    stream.set_write_timeout(Some(limits.take_within));
    let stream = pin!(stream);
    let service =
        service_fn(move |request: hyper::Request<Incoming>| respond(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
}

fn respond(
    mut router: Router,
    peer: SocketAddr,
    mut request: hyper::Request<Incoming>,
) -> impl Future<Output = Result<Response, Infallible>> {
    request.extensions_mut().insert(ConnectInfo(peer));
    // A router is always ready.
    router.call(request.map(axum::body::Body::new))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::Body, routing::get};
    use bytes::Bytes;
    use futures::StreamExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Says "tick" ten times a second, without an end of its own.
    async fn stream() -> Body {
        let ticks = futures::stream::repeat(()).then(async |()| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"tick"))
        });
        Body::from_stream(ticks)
    }

    /// More than any buffer between here and there holds.
    async fn large() -> Body {
        Body::from_stream(futures::stream::repeat(Ok::<_, Infallible>(Bytes::from_static(
            &[b'x'; 64 * 1024],
        ))))
    }

    async fn endpoint(max: usize, head_within: Duration) -> (SocketAddr, CancellationToken) {
        let limits = ConnectionLimits { max, head_within, ..ConnectionLimits::default() };
        endpoint_with(limits).await
    }

    async fn endpoint_with(limits: ConnectionLimits) -> (SocketAddr, CancellationToken) {
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/stream", get(stream))
            .route("/large", get(large));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, draining) =
            (listener.local_addr().expect("its address"), CancellationToken::new());
        tokio::spawn(take(Endpoint { listener, router, limits }, draining.clone()));
        (address, draining)
    }

    async fn send(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    }

    /// Reads until `word` comes.
    async fn hears(stream: &mut TcpStream, word: &str) -> bool {
        let (mut heard, mut bytes) = (String::new(), [0; 4096]);
        while !heard.contains(word) {
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return false,
                Ok(count) => heard.push_str(&String::from_utf8_lossy(&bytes[..count])),
            }
        }
        true
    }

    #[tokio::test]
    async fn who_does_not_finish_a_request_or_sends_none_is_cut_off_and_others_are_not() {
        let (address, _draining) = endpoint(16, Duration::from_millis(400)).await;
        let began = Instant::now();
        let mut idle = send(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(hears(&mut idle, "hello").await);
        let mut slow = send(address, "GET / HTTP/1.1\r\nhost: a\r\n").await;
        let mut streaming = send(address, "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await;
        // A byte now and then does not help.
        let drip = async {
            while slow.write_all(b"x: y\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, drip).await.expect("it was cut off");
        assert!(!timeout(PATIENCE, hears(&mut idle, "hello")).await.expect("it was cut off"));
        assert!(began.elapsed() >= Duration::from_millis(350), "not before its time");
        tokio::time::sleep(Duration::from_millis(800)).await;
        for _ in 0..5 {
            assert!(
                timeout(PATIENCE, hears(&mut streaming, "tick")).await.expect("an answer goes on")
            );
        }
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_until_another_ends() {
        let (address, _draining) = endpoint(2, PATIENCE).await;
        let streaming = "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n";
        let (mut one, mut other) = (send(address, streaming).await, send(address, streaming).await);
        assert!(hears(&mut one, "tick").await && hears(&mut other, "tick").await);
        let mut third = send(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let soon = timeout(Duration::from_millis(500), hears(&mut third, "hello"));
        assert!(soon.await.is_err(), "both are taken");
        assert!(hears(&mut other, "tick").await, "those that are open are answered");
        drop(one);
        assert!(timeout(PATIENCE, hears(&mut third, "hello")).await.expect("it was accepted"));
    }

    #[tokio::test]
    async fn who_never_reads_loses_its_place_and_who_is_sent_little_keeps_it() {
        // Shorter than the pauses of the stream.
        let take_within = Duration::from_millis(60);
        let (address, _draining) =
            endpoint_with(ConnectionLimits { max: 2, take_within, ..ConnectionLimits::default() })
                .await;
        let mut streaming = send(address, "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(hears(&mut streaming, "tick").await);
        let _never_reads = send(address, "GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut third = send(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(timeout(PATIENCE, hears(&mut third, "hello")).await.expect("its place is free"));
        for _ in 0..5 {
            assert!(
                timeout(PATIENCE, hears(&mut streaming, "tick")).await.expect("the stream goes on")
            );
        }
    }

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(room(10_000, 1_048_576), 10_000);
        assert_eq!(room(10_000, 10_256), 10_000, "just enough");
        assert_eq!(room(10_000, 10_255), 9_999);
        assert_eq!(room(10_000, 1_024), 768);
        assert_eq!(room(100, 1_024), 100);
        assert_eq!(room(10_000, 200), CONNECTIONS_MIN, "some, whatever comes of it");
        assert_eq!(room(10_000, u64::MAX), 10_000);
    }

    #[test]
    fn the_limit_of_open_files_goes_as_high_as_it_may() {
        let limits = ConnectionLimits::default().within_open_files();
        let (soft, hard) = rlimit::Resource::NOFILE.get().expect("a limit");
        assert_eq!((soft, limits.max), (hard, room(ConnectionLimits::default().max, soft)));
    }

    #[tokio::test]
    async fn whoever_drains_finishes_what_is_under_way_and_takes_nothing_new() {
        let slow = get(async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            "hello"
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, draining) =
            (listener.local_addr().expect("its address"), CancellationToken::new());
        let endpoint = Endpoint {
            listener,
            router: Router::new().route("/", slow),
            limits: ConnectionLimits::default(),
        };
        let taking = tokio::spawn(take(endpoint, draining.clone()));
        let mut under_way = send(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let _idle = send(address, "").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        draining.cancel();
        assert!(hears(&mut under_way, "hello").await);
        timeout(PATIENCE, taking).await.expect("it ends").expect("no panic");
        assert!(TcpStream::connect(address).await.is_err());
    }
}

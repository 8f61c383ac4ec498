//! Against servers of the test's own. `localhost.pem` is a certificate for `localhost`, signed by
//! itself and good for a hundred years, with its key, which is no secret.

use std::time::Duration;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

const PEM: &[u8] = include_bytes!("localhost.pem");

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(PEM).expect("a certificate")
}

/// Trusts the test's own server and no other.
fn trusting() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).expect("a root");
    connector(roots).expect("a connector")
}

fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::from_pem_slice(PEM).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key)
        .expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}

/// Reads one request, answers with `answer`, and gives what was asked.
async fn answer_once<S>(mut stream: S, answer: &str) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await.expect("a request"));
    }
    stream.write_all(answer.as_bytes()).await.expect("an answer");
    stream.shutdown().await.ok();
    String::from_utf8(asked).expect("a head")
}

/// What `get` gives of a plain server that answers so, and what that was asked.
async fn plain(answer: &'static str) -> (anyhow::Result<Bytes>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/a/b?c=1", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        answer_once(listener.accept().await.expect("a caller").0, answer).await
    });
    let got = get(&url.parse().expect("a URL"), 100).await;
    (got, server.await.expect("a server"))
}

#[tokio::test]
async fn what_is_asked_and_what_is_answered() {
    let (got, asked) = plain("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    assert_eq!(got.expect("an answer"), "{}");
    assert!(asked.starts_with("GET /a/b?c=1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("host: 127.0.0.1:"), "{asked}");
    // Without a length, the end of the connection is the end of the answer.
    let (got, _) = plain("HTTP/1.1 200 OK\r\n\r\nto the end").await;
    assert_eq!(got.expect("an answer"), "to the end");
}

#[tokio::test]
async fn other_answers_and_long_ones_are_errors() {
    for (answer, words) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        ("HTTP/1.1 301 Moved\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "301"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "reading the answer"),
        ("nonsense\r\n\r\n", "asking"),
    ] {
        let error = plain(answer).await.0.expect_err(words);
        assert!(format!("{error:#}").contains(words), "{error:#}");
    }
    let long = "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n";
    let long: &'static str = format!("{long}{}", "x".repeat(101)).leak();
    assert!(plain(long).await.0.is_err());
}

/// What a server with the test's certificate gives to whoever trusts it so.
async fn secure(tls: &TlsConnector) -> anyhow::Result<Bytes> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a caller");
        // Whoever does not trust it goes away here.
        if let Ok(stream) = acceptor().accept(stream).await {
            answer_once(stream, "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
        }
    });
    let url = format!("https://localhost:{port}/").parse().expect("a URL");
    let got = tokio::time::timeout(Duration::from_secs(10), get_with(tls, &url, 100)).await;
    server.abort();
    got.expect("in time")
}

#[tokio::test]
async fn a_server_is_believed_by_its_certificate() {
    assert_eq!(secure(&trusting()).await.expect("an answer"), "secret");
    let public = TLS.as_ref().expect("a connector");
    let error = secure(public).await.expect_err("nobody signed it");
    assert!(format!("{error:#}").contains("TLS"), "{error:#}");
}

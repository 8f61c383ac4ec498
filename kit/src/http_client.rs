//! Asking another server for something small over HTTP or HTTPS.
//!
//! For what is checked by itself and asked seldom: one connection a question, no redirects, no
//! proxy, and nobody can make us read more than was asked for.

use std::sync::{Arc, LazyLock};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

/// With the certificate authorities that browsers trust.
static TLS: LazyLock<Result<TlsConnector, rustls::Error>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    connector(roots)
});

fn connector(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What `GET url` answers, of so many bytes at most. Waits as long as the server likes: whoever
/// calls sets a limit.
///
/// # Errors
/// A server that cannot be reached, another status than 200, or a longer answer.
pub async fn get(url: &Url, bytes_max: usize) -> anyhow::Result<Bytes> {
    let tls = TLS.as_ref().map_err(|error| anyhow::anyhow!("TLS cannot be set up: {error}"))?;
    get_with(tls, url, bytes_max).await
}

async fn get_with(tls: &TlsConnector, url: &Url, bytes_max: usize) -> anyhow::Result<Bytes> {
    let port = url.port_or_known_default().context("the address has no port")?;
    let host = url.host().context("the address has no host")?;
    let name = match &host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let stream = TcpStream::connect((name.as_str(), port)).await.context("connecting")?;
    match url.scheme() {
        "http" => exchange(stream, url, bytes_max).await,
        "https" => {
            let name = ServerName::try_from(name).context("the host has no name for TLS")?;
            let stream = tls.connect(name, stream).await.context("connecting by TLS")?;
            exchange(stream, url, bytes_max).await
        }
        other => bail!("{other} is not a scheme that is asked"),
    }
}

async fn exchange<S>(stream: S, url: &Url, bytes_max: usize) -> anyhow::Result<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = Request::get(path)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, "fairgate")
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await.context("asking")?;
    ensure!(answer.status() == 200, "the answer was {}", answer.status());
    let body = Limited::new(answer.into_body(), bytes_max).collect().await;
    Ok(body.map_err(|error| anyhow::anyhow!("reading the answer: {error}"))?.to_bytes())
}

#[cfg(test)]
mod tests;

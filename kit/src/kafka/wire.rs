//! Questions to a broker that librdkafka does not ask, or whose answers its binding does not give.

use anyhow::{Context, anyhow, bail};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::client::{CALL, Kafka};

/// An answer names every broker of the cluster, and the topics that were asked for.
const ANSWER_BYTES_MAX: usize = 16 << 20;

impl Kafka {
    /// Asks one broker after the other, until one answers.
    pub(super) async fn ask<Q, A>(&self, api: (ApiKey, i16), request: &Q) -> anyhow::Result<A>
    where
        Q: Encodable + HeaderVersion,
        A: Decodable + HeaderVersion,
    {
        let mut fault = anyhow!("no broker is named");
        for broker in self.brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
            match self.ask_at(&address(broker), api, request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    /// Asks the broker at `address`, `host:port`.
    pub(super) async fn ask_at<Q, A>(
        &self,
        address: &str,
        (key, version): (ApiKey, i16),
        request: &Q,
    ) -> anyhow::Result<A>
    where
        Q: Encodable + HeaderVersion,
        A: Decodable + HeaderVersion,
    {
        let mut asked = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(key as i16)
            .with_request_api_version(version)
            .with_client_id(Some(self.client.clone().into()));
        header.encode(&mut asked, Q::header_version(version))?;
        request.encode(&mut asked, version)?;
        let answer = timeout(CALL, exchange(address, &asked)).await;
        let mut answer = answer
            .with_context(|| format!("{address} does not answer"))?
            .with_context(|| format!("asking {address}"))?;
        ResponseHeader::decode(&mut answer, A::header_version(version))?;
        A::decode(&mut answer, version)
    }
}

/// `host:port` of one of `bootstrap.servers`, which may name its protocol and leave out the port.
fn address(broker: &str) -> String {
    let address = broker.rsplit_once("://").map_or(broker, |(_, address)| address);
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { address.to_owned() } else { format!("{address}:9092") }
}

async fn exchange(broker: &str, asked: &[u8]) -> anyhow::Result<Bytes> {
    let mut stream = TcpStream::connect(broker).await.context("connecting")?;
    stream.write_u32(u32::try_from(asked.len())?).await?;
    stream.write_all(asked).await?;
    let length = usize::try_from(stream.read_u32().await?)?;
    if length > ANSWER_BYTES_MAX {
        bail!("its answer has {length} bytes");
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer.into())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn brokers_are_named_in_many_ways() {
        for (named, found) in [
            ("127.0.0.1:9192", "127.0.0.1:9192"),
            ("kafka", "kafka:9092"),
            ("PLAINTEXT://kafka:9093", "kafka:9093"),
            ("[::1]:9092", "[::1]:9092"),
        ] {
            assert_eq!(address(named), found);
        }
    }
}

//! The id of a topic. librdkafka knows it and does not tell, so a broker is asked directly.

use anyhow::{Context, anyhow, bail};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader, TopicName,
        metadata_request::MetadataRequestTopic,
    },
    protocol::{Decodable, Encodable, HeaderVersion},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

use super::{CALL, Kafka};

/// Of the request for metadata. The first with ids was 10.
const VERSION: i16 = 12;
const UNKNOWN_TOPIC: i16 = 3;
/// An answer names every broker of the cluster, and one topic with all its partitions.
const ANSWER_BYTES_MAX: usize = 4 << 20;

impl Kafka {
    /// The id that Kafka gave a topic when it made it: a topic that was deleted and made anew has another. `None` where there
    /// is no such topic.
    ///
    /// # Errors
    /// No broker answers, for 5 s each.
    pub async fn topic_id(&self, name: &str) -> anyhow::Result<Option<Uuid>> {
        let topic = self.name(name);
        let mut fault = anyhow!("no broker is named");
        for broker in self.brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
            match timeout(CALL, ask(broker, &topic)).await {
                Ok(Ok(id)) => return Ok(id),
                Ok(Err(error)) => fault = error,
                Err(_) => fault = anyhow!("{broker} does not answer"),
            }
        }
        Err(fault.context(format!("asking Kafka for the id of topic {topic}")))
    }
}

/// `host:port` of one of `bootstrap.servers`, which may name its protocol and leave out the port.
fn address(broker: &str) -> String {
    let address = broker.rsplit_once("://").map_or(broker, |(_, address)| address);
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { address.to_owned() } else { format!("{address}:9092") }
}

async fn ask(broker: &str, topic: &str) -> anyhow::Result<Option<Uuid>> {
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Metadata as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some("fairgate".into()));
    let wanted = MetadataRequestTopic::default().with_name(Some(TopicName(topic.to_owned().into())));
    let request = MetadataRequest::default().with_topics(Some(vec![wanted])).with_allow_auto_topic_creation(false);
    let mut asked = BytesMut::new();
    header.encode(&mut asked, MetadataRequest::header_version(VERSION))?;
    request.encode(&mut asked, VERSION)?;

    let mut stream = TcpStream::connect(address(broker)).await.with_context(|| format!("connecting to {broker}"))?;
    stream.write_u32(u32::try_from(asked.len())?).await?;
    stream.write_all(&asked).await?;
    let length = usize::try_from(stream.read_u32().await?)?;
    if length > ANSWER_BYTES_MAX {
        bail!("{broker} answers with {length} bytes");
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, MetadataResponse::header_version(VERSION))?;
    let found = MetadataResponse::decode(&mut answer, VERSION)?;
    match found.topics.first().map(|topic| (topic.error_code, topic.topic_id)) {
        Some((0, id)) => Ok(Some(id)),
        Some((UNKNOWN_TOPIC, _)) | None => Ok(None),
        Some((code, _)) => bail!("{broker} answers with error {code}"),
    }
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

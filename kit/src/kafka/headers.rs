//! What a record carries beside its payload.

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};

use crate::http::RequestId;

const REQUEST_ID: &str = "request-id";

/// Kafka headers that carry a request's id on.
pub fn headers(request: &RequestId) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(1).insert(Header { key: REQUEST_ID, value: Some(&request.0) })
}

/// The id of the request that caused a record, or a fresh one.
pub fn request_id(message: &impl Message) -> RequestId {
    message
        .headers()
        .and_then(|headers| headers.iter().find(|header| header.key == REQUEST_ID))
        .and_then(|header| header.value)
        .and_then(|value| std::str::from_utf8(value).ok())
        .map_or_else(RequestId::fresh, |id| RequestId(id.to_owned()))
}

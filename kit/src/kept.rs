//! Bodies that are the same for everybody: written once, compressed once, and revalidated by a tag.

use std::{io::Write, sync::OnceLock};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// A body that is kept to be sent many times.
pub struct KeptBody {
    mime: &'static str,
    body: Bytes,
    etag: HeaderValue,
    /// Made when it is first asked for; `None` where it would be no shorter.
    gzip: OnceLock<Option<Bytes>>,
}

impl KeptBody {
    /// JSON that is known by its content.
    pub fn json(body: Bytes) -> Self {
        Self::known_by(&body.clone(), body)
    }

    /// JSON that says the same as long as `said` is the same.
    pub fn known_by(said: &[u8], body: Bytes) -> Self {
        Self::tagged(body, &tag_of(said))
    }

    /// A file of this type, known by its content.
    pub fn file(mime: &'static str, body: Bytes) -> Self {
        let etag = tag_of(&body);
        Self { mime, ..Self::tagged(body, &etag) }
    }

    /// JSON that says the same as long as its tag is the same. The tag is weak, as RFC 9110 asks of
    /// one that stands for the plain and the compressed bytes alike.
    pub fn tagged(body: Bytes, etag: &str) -> Self {
        let etag = HeaderValue::from_str(etag).unwrap_or(HeaderValue::from_static("W/\"\""));
        Self { mime: "application/json", body, etag, gzip: OnceLock::new() }
    }

    /// The body as the caller can read it, or 304 where the caller has it.
    pub fn answer(&self, asked: &HeaderMap, cache_control: &'static str) -> Response {
        let common = [
            (header::CACHE_CONTROL, HeaderValue::from_static(cache_control)),
            (header::ETAG, self.etag.clone()),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        if self.etag.to_str().is_ok_and(|etag| has_it(asked, etag)) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let mime = [(header::CONTENT_TYPE, self.mime)];
        // Nothing is compressed before somebody asks for it so.
        match takes_gzip(asked).then(|| self.gzip()).flatten() {
            Some(gzip) => {
                (common, mime, [(header::CONTENT_ENCODING, "gzip")], gzip.clone()).into_response()
            }
            None => (common, mime, self.body.clone()).into_response(),
        }
    }

    fn gzip(&self) -> Option<&Bytes> {
        self.gzip
            .get_or_init(|| gzip(&self.body).filter(|gzip| gzip.len() < self.body.len()))
            .as_ref()
    }
}

fn tag_of(said: &[u8]) -> String {
    let digest = Sha256::digest(said);
    let tag = digest.iter().take(8).fold(0u64, |tag, byte| tag << 8 | u64::from(*byte));
    format!("W/\"{tag:016x}\"")
}

/// As small as it gets: what is made once may take its time.
fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::best());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether shared caches may keep an answer with these headers.
pub fn is_shared(headers: &HeaderMap) -> bool {
    headers.get(header::CACHE_CONTROL).is_some_and(|told| told.as_bytes().starts_with(b"public"))
}

/// RFC 9110's weak comparison of a tag against `If-None-Match`.
pub fn has_it(asked: &HeaderMap, tag: &str) -> bool {
    let wanted = opaque(tag);
    listed(asked, header::IF_NONE_MATCH).any(|one| one == "*" || opaque(one) == wanted)
}

fn opaque(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

/// Whether `Accept-Encoding` names gzip, or everything, with a weight above 0.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let weight_of = |name: &str| {
        listed(asked, header::ACCEPT_ENCODING).find_map(|coding| {
            let (coding, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            coding.trim().eq_ignore_ascii_case(name).then_some(weight.unwrap_or(0.0))
        })
    };
    weight_of("gzip").or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

/// The members of a header that is a list.
fn listed(asked: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = asked.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn asking(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")))
            .collect()
    }

    async fn body(response: Response) -> Bytes {
        axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body")
    }

    #[tokio::test]
    async fn one_compressed_body_is_kept_for_all_who_can_read_it() {
        let text = format!("{{\"a\":\"{}\"}}", "b".repeat(500));
        let kept = KeptBody::json(text.clone().into());
        let asks =
            |accepts: &str| kept.answer(&asking(&[(header::ACCEPT_ENCODING, accepts)]), "no-cache");
        let compressed = asks("br, gzip");
        assert_eq!(compressed.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(compressed.headers()[header::VARY], "accept-encoding");
        let (one, other) = (body(compressed).await, body(asks("GZIP;q=0.5")).await);
        assert_eq!(one.as_ptr(), other.as_ptr(), "the very same bytes");
        let mut read = String::new();
        flate2::read::GzDecoder::new(&one[..]).read_to_string(&mut read).expect("gzip");
        assert_eq!(read, text);
        for plain in ["", "br", "gzip;q=0", "identity, *;q=0", "gzip;q=0, *"] {
            let answer = asks(plain);
            assert_eq!(answer.headers().get(header::CONTENT_ENCODING), None, "{plain}");
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
            assert_eq!(body(answer).await, text);
        }
        let short = KeptBody::json("{}".into());
        let answer = short.answer(&asking(&[(header::ACCEPT_ENCODING, "gzip")]), "no-cache");
        assert_eq!(answer.headers().get(header::CONTENT_ENCODING), None);
    }

    #[test]
    fn who_has_it_in_either_coding_is_not_sent_it_again() {
        let kept = KeptBody::tagged("{}".into(), "W/\"a-1\"");
        let status = |known: &str| {
            kept.answer(&asking(&[(header::IF_NONE_MATCH, known)]), "no-cache").status()
        };
        // Proxies that compress by themselves make tags weak, and a cache may know several.
        for known in ["W/\"a-1\"", "\"a-1\"", "\"x\", W/\"a-1\"", "*"] {
            assert_eq!(status(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(status("W/\"a-2\""), StatusCode::OK);
        assert_ne!(KeptBody::json("1".into()).etag, KeptBody::json("2".into()).etag);
    }
}

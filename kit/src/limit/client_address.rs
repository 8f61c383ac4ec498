//! Which address a request counts for.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, Request},
};
use ipnet::{IpNet, Ipv4Net};
use tower_governor::{GovernorError, key_extractor::KeyExtractor};

use crate::settings::Settings;

/// The client's address: the peer's, or, where the peer is a trusted proxy, the last one in
/// `X-Forwarded-For` that is no trusted proxy's. Anybody else's header is ignored.
///
/// The header is read from its end, where the nearest proxy wrote. Where an entry cannot be read
/// before a client was found, the peer is responsible: what stands further left may be made up by
/// whoever sent it. The same where all are trusted.
///
/// An IPv4 address is itself, also as IPv6 writes it (`::ffff:192.0.2.1`), which is how peers
/// appear to a server that listens on `[::]`.
#[derive(Debug, Clone)]
pub struct ClientAddress {
    trusted: Arc<Vec<IpNet>>,
}

impl ClientAddress {
    /// Reads `FAIRGATE_TRUSTED_PROXIES`, a comma-separated list of networks; loopback by default.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let text = settings.or("FAIRGATE_TRUSTED_PROXIES", "127.0.0.0/8,::1/128".to_owned());
        let mut trusted = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.parse::<IpNet>() {
                Ok(net) => trusted.push(canonical(net)),
                Err(_) => settings.mistake(format!(
                    "FAIRGATE_TRUSTED_PROXIES: {part} is not a network like 10.0.0.0/8"
                )),
            }
        }
        Self { trusted: Arc::new(trusted) }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// The address to hold responsible for a request.
    pub fn of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let values = headers.get_all("x-forwarded-for").iter().rev();
        // A value that is no text is an entry that cannot be read.
        let hops =
            values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(',')).map(str::trim);
        for hop in hops.filter(|hop| !hop.is_empty()) {
            match address(hop) {
                Some(hop) if self.trusts(hop) => {}
                Some(client) => return client,
                None => return peer,
            }
        }
        peer
    }
}

/// Reads `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:443`.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = || {
        hop.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(hop)
            .parse::<IpAddr>()
    };
    let address = bare().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
    Some(address.to_canonical())
}

/// A network of IPv4 addresses written as IPv6 ones is what they are.
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(six) = net else { return net };
    let mapped = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(net, IpNet::V4)
}

impl KeyExtractor for ClientAddress {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .ok_or(GovernorError::UnableToExtractKey)?;
        // One subscriber usually has a whole IPv6 /64, so that is what counts as one client.
        Ok(match self.of(peer.0.ip(), request.headers()) {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use axum::http::HeaderValue;

    use super::*;

    fn trusting(networks: &str) -> ClientAddress {
        let env = HashMap::from([("FAIRGATE_TRUSTED_PROXIES".to_owned(), networks.to_owned())]);
        let mut settings = Settings::new(&env);
        let clients = ClientAddress::from_settings(&mut settings);
        settings.finish().expect("networks");
        clients
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// The client of a request from `peer` with these `X-Forwarded-For` headers.
    fn client(clients: &ClientAddress, peer: &str, forwarded: &[&[u8]]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value).expect("a value"));
        }
        clients.of(ip(peer), &headers)
    }

    #[test]
    fn only_a_trusted_proxy_may_name_the_client() {
        let clients = trusting("");
        // The left-most entry is whatever the client wrote, so the right-most untrusted one counts.
        let hops: &[&[u8]] = &[b"203.0.113.9, 198.51.100.7, 127.0.0.1"];
        assert_eq!(client(&clients, "127.0.0.1", hops), ip("198.51.100.7"));
        assert_eq!(client(&clients, "192.0.2.1", hops), ip("192.0.2.1"));
        assert_eq!(client(&clients, "127.0.0.1", &[]), ip("127.0.0.1"));
        let two_headers: &[&[u8]] = &[b"203.0.113.9", b"198.51.100.7, 127.0.0.1,"];
        assert_eq!(client(&clients, "127.0.0.1", two_headers), ip("198.51.100.7"));
    }

    #[test]
    fn an_ipv4_address_is_the_same_however_it_is_written() {
        for networks in ["10.0.0.0/8", "::ffff:10.0.0.0/104"] {
            let clients = trusting(networks);
            let (one, other) = (
                client(&clients, "::ffff:192.0.2.1", &[]),
                client(&clients, "::ffff:192.0.2.2", &[]),
            );
            assert_eq!((one, other), (ip("192.0.2.1"), ip("192.0.2.2")), "clients of their own");
            for proxy in ["::ffff:10.0.0.1", "10.0.0.1"] {
                for hop in
                    [&b"198.51.100.7"[..], b"::ffff:198.51.100.7", b"198.51.100.7, ::ffff:10.1.1.1"]
                {
                    assert_eq!(
                        client(&clients, proxy, &[hop]),
                        ip("198.51.100.7"),
                        "{proxy} {networks}"
                    );
                }
            }
        }
        let count = |peer: &str| {
            let mut request = Request::new(());
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((ip(peer), 1))));
            trusting("").extract(&request).expect("an address")
        };
        assert_ne!(count("::ffff:192.0.2.1"), count("::ffff:192.0.2.2"), "counted apart on [::]");
        assert_eq!(count("2001:db8::1"), count("2001:db8::ffff:1"), "a /64 is one client");
        assert_ne!(count("2001:db8::1"), count("2001:db8:0:1::1"));
    }

    #[test]
    fn ports_and_brackets_are_read() {
        for (hop, is) in [
            ("198.51.100.7:443", "198.51.100.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:198.51.100.7]:443", "198.51.100.7"),
        ] {
            // What a client wrote before it does not count.
            let forwarded = format!("203.0.113.9, {hop}");
            assert_eq!(
                client(&trusting(""), "127.0.0.1", &[forwarded.as_bytes()]),
                ip(is),
                "{hop}"
            );
        }
    }

    #[test]
    fn behind_an_entry_that_cannot_be_read_nothing_is_believed() {
        let made_up = "203.0.113.9";
        for unreadable in [
            "unknown",
            "198.51.100",
            "[2001:db8::1",
            "198.51.100.7:99999",
            "_hidden",
            "1.2.3.4 5.6.7.8",
        ] {
            for rest in ["", ", 127.0.0.1"] {
                let forwarded = format!("{made_up}, {unreadable}{rest}");
                let found = client(&trusting(""), "127.0.0.1", &[forwarded.as_bytes()]);
                assert_eq!(found, ip("127.0.0.1"), "{forwarded}");
            }
        }
        assert_eq!(
            client(&trusting(""), "127.0.0.1", &[made_up.as_bytes(), b"\xff"]),
            ip("127.0.0.1")
        );
    }
}

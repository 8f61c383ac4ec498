//! The network a request comes from, which is what counts as one client where addresses are cheap.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRef, FromRequestParts},
    http::request::Parts,
};

use crate::limit::ClientAddress;

/// The network that a request comes from: an IPv4 address, an IPv6 /64, or nothing where it came
/// over no socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Network(pub String);

impl Network {
    /// The network of an address.
    pub fn containing(address: IpAddr) -> Self {
        // One subscriber usually has a whole IPv6 /64.
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                format!("{}/64", Ipv6Addr::from(u128::from(address) >> 64 << 64))
            }
            IpAddr::V4(address) => address.to_string(),
        })
    }

    /// What one may have bought whole for little: the IPv6 /48 or the IPv4 /24 that the network
    /// lies in.
    pub fn around(&self) -> Self {
        let text = self.0.strip_suffix("/64").unwrap_or(&self.0);
        match text.parse() {
            Ok(IpAddr::V6(address)) => {
                Self(format!("{}/48", Ipv6Addr::from(u128::from(address) >> 80 << 80)))
            }
            Ok(IpAddr::V4(address)) => {
                Self(format!("{}/24", Ipv4Addr::from(u32::from(address) >> 8 << 8)))
            }
            Err(_) => self.clone(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Network
where
    ClientAddress: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let clients = ClientAddress::from_ref(state);
        Ok(peer
            .map_or_else(Self::default, |peer| Self::containing(clients.of(peer, &parts.headers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_subscribers() {
        let of = |text: &str| Network::containing(text.parse().expect("an address")).0;
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2:ffff::1"), of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
    }

    #[test]
    fn networks_lie_in_wider_ones() {
        let around = |text: &str| Network::containing(text.parse().expect("an address")).around().0;
        assert_eq!(around("203.0.113.9"), "203.0.113.0/24");
        assert_eq!(around("::ffff:203.0.113.9"), "203.0.113.0/24");
        assert_eq!(around("2001:db8:1:2:3::4"), "2001:db8:1::/48");
        assert_eq!(around("2001:db8:1:ffff::"), around("2001:db8:1::"));
        assert_ne!(around("2001:db8:2::1"), around("2001:db8:1::1"));
        assert_eq!(Network::default().around(), Network::default());
    }
}

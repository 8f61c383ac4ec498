//! Where a request comes from.

use std::convert::Infallible;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use kit::{http::RequestId, limit::ClientAddress, network::Network};

/// Whose guesses a request counts for, and what it is called in logs.
#[derive(Debug, Clone)]
pub struct Origin {
    pub network: Network,
    pub request: RequestId,
}

impl<S: Send + Sync> FromRequestParts<S> for Origin
where
    ClientAddress: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let network = Network::from_request_parts(parts, state).await?;
        let request = RequestId::from_request_parts(parts, state).await?;
        Ok(Self { network, request })
    }
}

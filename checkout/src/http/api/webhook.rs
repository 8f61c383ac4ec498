//! `POST /v1/payments/webhooks/{provider}`

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use kit::{
    extract::{self, Path},
    http::RequestId,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    error::Error,
    payment::{WebhookError, provider::Provider, settle::settle},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// A payment provider's webhook (Standard Webhooks). Taken once, whatever the number of deliveries.
#[utoipa::path(
    post, path = "/v1/payments/webhooks/{provider}", tag = "payments",
    params(
        ("provider" = String, Path, description = "`sandbox`"),
        ("webhook-id" = String, Header),
        ("webhook-timestamp" = String, Header),
        ("webhook-signature" = String, Header),
    ),
    request_body(
        content = crate::sandbox::wire::WebhookBody, description = "Signed by the provider",
    ),
    responses(
        (status = 204, description = "Taken, now or before"),
        (status = 401, description = "`webhook-signature-invalid`"),
        (status = 404, description = "`payment-provider-unknown`, `order-unknown`"),
    ),
)]
async fn receive(
    State(app): State<App>,
    Path(name): Path<String>,
    request: RequestId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let body = body.map_err(unreadable)?;
    let provider = Provider::named(&app, &name).ok_or(Error::PaymentProviderUnknown)?;
    let event = provider.event(&headers, &body).map_err(|fault| match fault {
        WebhookError::Signature(cause) => Error::WebhookSignatureInvalid(cause).into(),
        WebhookError::Body(problem) => problem,
    })?;
    if let Some(event) = event {
        let settled = settle(&app, provider.name(), &event, &request).await?;
        tracing::debug!(order = %event.order_id, ?settled, "a payment webhook was taken");
    }
    Ok(StatusCode::NO_CONTENT)
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => extract::too_large(),
        status => Problem::new(status, "unreadable-body", "The body could not be read")
            .detail("The connection ended before the whole body had arrived. Send it again."),
    }
}

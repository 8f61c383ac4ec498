//! The sandbox provider behind the seam: real HTTP, Standard Webhooks.

use std::time::Duration;

use axum::http::HeaderMap;
use backon::{ExponentialBuilder, Retryable};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use standardwebhooks::Webhook;

use crate::{
    App,
    payment::{
        PaymentRequest, ProviderError, StartedPayment, WebhookError, WebhookEvent, WebhookEventKind,
    },
    sandbox::wire::{Intent, NewIntent, WebhookBody},
};

/// One call; together with the retries it stays below a request's own limit.
const CALL: Duration = Duration::from_secs(3);

pub struct SandboxAdapter<'a> {
    app: &'a App,
}

impl<'a> SandboxAdapter<'a> {
    pub fn new(app: &'a App) -> Self {
        Self { app }
    }

    pub async fn start(&self, order: &PaymentRequest<'_>) -> Result<StartedPayment, ProviderError> {
        let key = order.order_id.to_string();
        let body = NewIntent {
            reference: key.clone(),
            amount_minor: order.amount.minor,
            currency: order.amount.currency,
            description: order.description.to_owned(),
            return_url: order.return_url.to_owned(),
        };
        let intent: Intent = self
            .call(|| self.post("/sandbox/v1/intents").header("idempotency-key", &key).json(&body))
            .await?;
        Ok(StartedPayment { intent: intent.intent, pay_url: intent.pay_url })
    }

    pub async fn refund(&self, intent: &str) -> Result<(), ProviderError> {
        let _: Intent =
            self.call(|| self.post(&format!("/sandbox/v1/intents/{intent}/refund"))).await?;
        Ok(())
    }

    pub fn event(
        &self,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Option<WebhookEvent>, WebhookError> {
        let signature =
            |error: standardwebhooks::WebhookError| WebhookError::Signature(error.to_string());
        let verifier = Webhook::new(&self.app.config.payment.webhook_secret).map_err(signature)?;
        verifier.verify(body, headers).map_err(signature)?;
        let webhook_id = headers
            .get(standardwebhooks::HEADER_WEBHOOK_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| !id.is_empty() && id.len() <= 128)
            .ok_or_else(|| {
                WebhookError::Signature("the webhook's id is missing or too long".to_owned())
            })?
            .to_owned();
        let WebhookBody { r#type, data, .. } =
            kit::extract::parse(body).map_err(WebhookError::Body)?;
        let kind = match r#type.as_str() {
            "payment.succeeded" => WebhookEventKind::Paid,
            "payment.failed" => WebhookEventKind::Failed(data.fault.unwrap_or_default()),
            "refund.succeeded" => WebhookEventKind::Refunded,
            _ => return Ok(None),
        };
        let order_id = data.reference.parse().map_err(|_| {
            WebhookError::Body(kit::extract::invalid_field(
                "data.reference",
                "must be the id of an order",
            ))
        })?;
        Ok(Some(WebhookEvent {
            webhook_id,
            order_id,
            intent: data.intent,
            amount_minor: data.amount_minor,
            // Providers differ in how they write a currency.
            currency: data.currency.to_ascii_uppercase().parse().ok(),
            kind,
        }))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let config = &self.app.config.payment;
        self.app
            .http
            .post(config.provider.join(path))
            .bearer_auth(&config.sandbox_api_key)
            .timeout(CALL)
    }

    /// Sends a request, again where that may help: every call of ours can be repeated without harm.
    async fn call<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, ProviderError> {
        let send = || async {
            let away = |error: reqwest::Error| ProviderError::Away(error.without_url().to_string());
            let response = request().send().await.map_err(away)?;
            let status = response.status();
            if status.is_success() {
                return response.json().await.map_err(away);
            }
            // The body is a problem document; its id is what the log needs.
            let problem = response.text().await.unwrap_or_default();
            let text = format!("{status} {}", problem.chars().take(200).collect::<String>());
            let later = status.is_server_error()
                || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            Err(if later { ProviderError::Away(text) } else { ProviderError::Refused(text) })
        };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_millis(400))
            .with_max_times(2)
            .with_jitter();
        send.retry(pauses).when(|fault| matches!(fault, ProviderError::Away(_))).await
    }
}

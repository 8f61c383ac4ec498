//! The provider's API for merchants, and confirming, which is the payer's.

use std::time::Duration;

use axum::{
    Json,
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use kit::extract::{self, Bearer, IdempotencyKey, Path};
use sha2::{Digest, Sha256};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::sandbox::{
    error::Error,
    intent::{self, IntentError, IntentState, PayMethod, Step},
    state::State,
    store::{self, IntentRow},
    wire::{Confirm, Confirmed, EventData, Intent, NewIntent, WebhookBody},
};

pub fn merchant() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(read)).routes(routes!(refund))
}

pub fn payer() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(confirm))
}

/// Make a payment to be paid. The same `Idempotency-Key` finds the same payment.
#[utoipa::path(
    post, path = "/sandbox/v1/intents", tag = "sandbox", security(("sandbox_key" = [])),
    request_body = NewIntent,
    params(("Idempotency-Key" = String, Header, description = "Names this payment")),
    responses((status = 201, body = Intent)),
)]
async fn create(
    Shared(sandbox): Shared<State>,
    bearer: Bearer,
    IdempotencyKey(key): IdempotencyKey,
    extract::Json(new): extract::Json<NewIntent>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    sandbox.admits(&bearer)?;
    if new.amount_minor <= 0 {
        return Err(Error::AmountInvalid);
    }
    if !sandbox.config.merchant.owns(&new.return_url) {
        return Err(Error::ReturnUrlForeign);
    }
    let row = store::create(&sandbox.pool, &fresh_id("pi"), &key, &new).await?;
    if row.reference != new.reference || row.amount != new.amount() {
        return Err(Error::IdempotencyMismatch);
    }
    Ok((StatusCode::CREATED, Json(sandbox.shown(&row))))
}

/// How far a payment is.
#[utoipa::path(
    get, path = "/sandbox/v1/intents/{intent}", tag = "sandbox", security(("sandbox_key" = [])),
    params(("intent" = String, Path)),
    responses((status = 200, body = Intent)),
)]
async fn read(
    Shared(sandbox): Shared<State>,
    bearer: Bearer,
    Path(intent): Path<String>,
) -> Result<Json<Intent>, Error> {
    sandbox.admits(&bearer)?;
    let row = store::load(&sandbox.pool, &intent).await?.ok_or(Error::IntentUnknown)?;
    Ok(Json(sandbox.shown(&row)))
}

/// Pay, or try to. Knowing the payment's id is enough: it is the payer who calls this.
#[utoipa::path(
    post, path = "/sandbox/v1/intents/{intent}/confirm", tag = "sandbox",
    params(("intent" = String, Path)),
    request_body = Confirm,
    responses((status = 200, body = Confirmed), (status = 409)),
)]
async fn confirm(
    Shared(sandbox): Shared<State>,
    Path(intent): Path<String>,
    extract::Json(Confirm { method }): extract::Json<Confirm>,
) -> Result<Json<Confirmed>, Error> {
    let (row, step) = sandbox.confirm(&intent, method).await?;
    tokio::time::sleep(Duration::from_millis(step.answer_after_ms.into())).await;
    let next_url =
        (step.state == IntentState::RequiresAction).then(|| sandbox.pay_url(&row.intent));
    Ok(Json(Confirmed {
        intent: row.intent,
        state: step.state,
        fault: step.fault.map(str::to_owned),
        next_url,
    }))
}

/// Give all the money back. Asking again changes nothing.
#[utoipa::path(
    post, path = "/sandbox/v1/intents/{intent}/refund", tag = "sandbox",
    security(("sandbox_key" = [])),
    params(("intent" = String, Path)),
    responses((status = 200, body = Intent), (status = 409)),
)]
async fn refund(
    Shared(sandbox): Shared<State>,
    bearer: Bearer,
    Path(intent): Path<String>,
) -> Result<Response, Error> {
    sandbox.admits(&bearer)?;
    let (row, step) = sandbox.step(&intent, intent::refund).await?;
    let shown = Intent { state: step.state, ..sandbox.shown(&row) };
    Ok(Json(shown).into_response())
}

impl State {
    fn admits(&self, Bearer(token): &Bearer) -> Result<(), Error> {
        // Digests are compared, so that the time it takes says nothing about the key.
        let given = Sha256::digest(token.as_deref().unwrap_or_default());
        if given == Sha256::digest(&self.config.api_key) { Ok(()) } else { Err(Error::KeyInvalid) }
    }

    /// Confirms a payment and queues the webhooks that follow.
    pub(super) async fn confirm(
        &self,
        intent: &str,
        method: PayMethod,
    ) -> Result<(IntentRow, Step), Error> {
        self.step(intent, |state| intent::confirm(state, method)).await
    }

    /// Moves an intent one step in one transaction. The row is given as it was before.
    async fn step(
        &self,
        intent: &str,
        decide: impl FnOnce(IntentState) -> Result<Step, IntentError>,
    ) -> Result<(IntentRow, Step), Error> {
        let mut tx = self.pool.begin().await?;
        let row = store::lock(&mut tx, intent).await?.ok_or(Error::IntentUnknown)?;
        let step = decide(row.state)?;
        store::set_state(&mut tx, intent, step.state).await?;
        for webhook in &step.webhooks {
            let event = WebhookBody {
                r#type: webhook.event.kind().to_owned(),
                timestamp: Utc::now(),
                data: EventData {
                    intent: row.intent.clone(),
                    reference: row.reference.clone(),
                    amount_minor: row.amount.minor,
                    currency: row.amount.currency.into(),
                    fault: webhook.event.fault().map(str::to_owned),
                },
            };
            let payload = serde_json::json!(event);
            store::queue(&mut tx, &fresh_id("msg"), &payload, webhook.delay_ms, webhook.copies)
                .await?;
        }
        tx.commit().await?;
        self.wake.notify_one();
        Ok((row, step))
    }

    pub(super) fn pay_url(&self, intent: &str) -> String {
        self.config.public.join(&format!("/sandbox/pay/{intent}"))
    }

    fn shown(&self, row: &IntentRow) -> Intent {
        Intent {
            intent: row.intent.clone(),
            reference: row.reference.clone(),
            amount_minor: row.amount.minor,
            currency: row.amount.currency,
            state: row.state,
            pay_url: self.pay_url(&row.intent),
        }
    }
}

/// `<prefix>_` and 128 random bits.
fn fresh_id(prefix: &str) -> String {
    format!("{prefix}_{:032x}", rand::random::<u128>())
}

//! `/v1/holds`

use axum::{Json, extract::State, http::StatusCode};
use catalog::contract::TicketTypeId;
use chrono::{DateTime, Utc};
use kit::extract::{self, Answer, IdempotencyKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    hold::{self, Held, HoldItem, release, replace},
    session::auth::Caller,
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reserve)).routes(routes!(release))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewHold {
    /// 1 to 8 items, each of another ticket type.
    #[schema(min_items = 1, max_items = 8)]
    items: Vec<HoldItem>,
    /// The fan's admission pass: needed with an API key, and only then. It opens one session; more
    /// holds with the same pass are made in it.
    #[schema(min_length = 1, max_length = 4096, example = "v4.public.eyJ…")]
    pass: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct HoldView {
    /// Shown when ordering.
    hold: String,
    expires_at: DateTime<Utc>,
    items: Vec<ItemView>,
    /// In the currency's minor unit.
    amount_minor: i64,
    currency: String,
}

#[derive(Serialize, ToSchema)]
struct ItemView {
    #[schema(value_type = uuid::Uuid)]
    ticket_type: TicketTypeId,
    quantity: i32,
    unit_price_minor: i64,
}

impl From<Held> for HoldView {
    fn from(Held { token, hold }: Held) -> Self {
        let item = |item: &hold::HeldItem| ItemView {
            ticket_type: item.ticket_type,
            quantity: item.quantity(),
            unit_price_minor: item.unit_price_minor,
        };
        Self {
            hold: token,
            expires_at: hold.expires_at,
            items: hold.items.iter().map(item).collect(),
            amount_minor: hold.amount().minor,
            currency: hold.currency.into(),
        }
    }
}

/// Holds tickets for a while. A session has one hold: a new one takes the place of the earlier.
#[utoipa::path(
    post, path = "/v1/holds", tag = "checkout",
    security(("session" = []), ("api_key" = ["orders:write"])),
    params(
        (
            "idempotency-key" = String, Header,
            description = "A fresh one for each hold, the same one for a repeat",
        ),
    ),
    request_body = NewHold,
    responses(
        (status = 201, body = HoldView),
        (status = 404, description = "`show-unknown`: not a show of the API key's reseller"),
        (
            status = 409,
            description = "`sold-out`, `not-enough-left`, `sale-stopped`, `request-in-progress`, \
                `show-begun`; with an API key `pass-used`",
        ),
        (status = 410, description = "`show-withdrawn`"),
        (
            status = 422,
            description = "`invalid-field`, `ticket-type-unknown`, `idempotency-mismatch`",
        ),
    ),
)]
async fn reserve(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    extract::Json(new): extract::Json<NewHold>,
) -> Answer<(StatusCode, Json<HoldView>)> {
    let session = caller.holding(&app, new.pass.as_deref()).await?;
    let held = replace::reserve(&app, &session, &new.items, &key.0).await?;
    Ok((StatusCode::CREATED, Json(held.into())))
}

/// Gives a hold back. With an API key, one that this key made.
#[utoipa::path(
    delete, path = "/v1/holds/{hold}", tag = "checkout",
    security(("session" = []), ("api_key" = ["orders:write"])),
    params(("hold" = String, Path, description = "The hold's token")),
    responses(
        (status = 204, description = "Given back, now or before"),
        (status = 403, description = "`hold-foreign`, `scope-missing`"),
        (status = 404, description = "`show-unknown`"),
        (status = 422, description = "`hold-forged`, …"),
    ),
)]
async fn release(
    State(app): State<App>,
    caller: Caller,
    extract::Path(hold): extract::Path<String>,
) -> Answer<StatusCode> {
    let session = caller.releasing(&app, &hold).await?;
    release::release(&app, &session, &hold).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! A mail near the turn.

use axum::{extract::State, http::StatusCode};
use kit::{
    email_address::EmailAddress,
    extract::{Bearer, Json, Path},
    language,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, error::Error};

/// No language has a longer tag.
const LANGUAGE_MAX: usize = 35;

/// Where the mail goes. There is no `Debug`: it names a person.
#[derive(Deserialize, ToSchema)]
struct TurnMailParams {
    #[schema(min_length = 3, max_length = 254, format = "email", example = "ada@fairgate.example")]
    email: String,
    /// BCP 47; English where it is absent or none that mails are written in.
    #[schema(max_length = 35, example = "de")]
    language: Option<String>,
}

/// A mail near my turn
///
/// One is sent about ten minutes before the turn may come, and the address is deleted then; also
/// when the place is left or the line closes. Asking again replaces the address. In each line an
/// address has one mail, whoever gives it.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/place/mail", tag = "waitroom", security(("place_ticket" = [])),
    request_body = TurnMailParams,
    responses(
        (
            status = 204,
            description = "it is written down; an address that has had its mail in this line \
            gets no other",
        ),
        (status = 403, description = "`place-ticket-foreign`"),
        (status = 404, description = "`room-unknown`"),
        (
            status = 409,
            description = "`turn-is-near`: a mail would come too late, or is on its way; \
                `draw-not-made`: nobody has an order yet",
        ),
        (status = 410, description = "`claim-window-missed`, `place-left`, `room-closed`"),
        (status = 422, description = "`invalid-field`"),
        (
            status = 503,
            description = "`try-again-soon`: nothing was written down, try again after Retry-After",
        ),
    ),
)]
async fn ask(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
    Json(params): Json<TurnMailParams>,
) -> Result<StatusCode, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    let address: EmailAddress = params.email.parse().map_err(|_| Error::AddressInvalid)?;
    if params.language.as_ref().is_some_and(|tag| tag.chars().count() > LANGUAGE_MAX) {
        return Err(Error::LanguageInvalid);
    }
    let language = language::tag(params.language.as_deref());
    app.turn_mails.ask(&room, &claims, &address, language).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// No mail near my turn
///
/// Deletes the address. Doing it again changes nothing.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/place/mail", tag = "waitroom",
    security(("place_ticket" = [])),
    responses(
        (status = 204, description = "no address is kept of this place"),
        (status = 403, description = "`place-ticket-foreign`"),
        (status = 404, description = "`room-unknown`"),
        (
            status = 503,
            description = "`try-again-soon`: it is not deleted, try again after Retry-After",
        ),
    ),
)]
async fn take_back(
    State(app): State<App>,
    Path(room): Path<String>,
    Bearer(ticket): Bearer,
) -> Result<StatusCode, Error> {
    let (room, claims) = app.place(&room, ticket.as_deref()).await?;
    app.turn_mails.take_back(&room.turn(&claims.place)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What needs a place.
pub fn waiting() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ask, take_back))
}

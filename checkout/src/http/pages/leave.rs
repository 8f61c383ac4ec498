//! Staying in checkout while a page is open, and leaving it on purpose. Closing a page says
//! nothing: it may be a reload, or the way to the payment provider.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    App, Error,
    http::pages::{
        cookie,
        inside::still_inside,
        visitor::{OfShow, Visitor, address, go, go_with},
    },
    session::end,
};

/// `POST /checkout/{show}/here`: a page of checkout is open. 204, or 403 where the visitor is not
/// inside any more and should look.
pub async fn here(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
) -> Result<Response, Error> {
    let status = match still_inside(&app, &visitor, &of_show).await {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(error) if error.is_our_fault() => return Err(error),
        Err(_) => StatusCode::FORBIDDEN,
    };
    Ok((status, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// `POST /checkout/{show}/leave`: gives back what is held, and the place in checkout to the next
/// person. An order stays.
pub async fn leave(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
) -> Result<Response, Error> {
    // The page that says so knows the session by its cookie.
    let Ok(session) = visitor.session(&app, &of_show) else { return Ok(go(&address(&of_show))) };
    end::end(&app, session.session).await?;
    metrics::counter!("fairgate_sessions_ended_total", "why" => "left").increment(1);
    Ok(go_with(&address(&of_show), [cookie::gone(&app, &cookie::HOLD.of(&of_show))]))
}

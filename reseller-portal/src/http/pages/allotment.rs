//! The form that changes an allotment.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::TicketTypeId;
use kit::{extract::Path, http::RequestId};
use serde::Deserialize;

use super::show::{After, Misfit};
use crate::{
    App, allotment,
    error::{Error, Thing},
    http::{
        address::show_id,
        session::{Approved, Posted},
    },
};

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AllotmentForm {
    allotted: String,
}

/// `POST /portal/shows/{show}/ticket-types/{ticket_type}/allotment`
pub async fn change(
    State(app): State<App>,
    Path((show, ticket_type)): Path<(String, TicketTypeId)>,
    request: RequestId,
    Posted { session, form }: Posted<Approved, AllotmentForm>,
) -> Result<Response, Error> {
    let entered = form.allotted.trim();
    let changed = match entered.parse::<i32>() {
        Ok(allotted) => {
            let show = show_id(&show, Thing::TicketType)?;
            allotment::change(&app, session.person.reseller, &show, ticket_type, allotted, &request)
                .await
        }
        Err(_) => Err(Error::Field {
            field: "allotted".to_owned(),
            detail: "Enter a whole number.".to_owned(),
        }),
    };
    match changed {
        Ok(_) => {
            Ok(Redirect::to(&format!("/portal/shows/{show}?changed={ticket_type}")).into_response())
        }
        Err(Error::Field { detail, .. }) => {
            let show = show_id(&show, Thing::Show)?;
            let misfit = Misfit { ticket_type, entered, detail };
            super::show::page(&app, &session, &show, &After::default(), Some(&misfit)).await
        }
        Err(error) => Err(error),
    }
}

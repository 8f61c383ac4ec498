//! Withdrawing a show: what it does, and doing it.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::ShowId;
use identity::form::shown_again;
use kit::{extract::Path, http::RequestId};

use super::{
    rooms::ConfirmPage,
    view::{Faults, Frame, Titles, faults_of},
};
use crate::{
    App,
    error::Error,
    http::{
        address::show_id,
        session::{Admins, Posted, Session},
    },
    withdrawal,
};

async fn confirm(
    app: &App,
    session: &Session<Admins>,
    show: &ShowId,
    faults: Faults,
) -> Result<Response, Error> {
    let titles = Titles::of(&app.pool, [show]).await?;
    Ok(kit::page::html(&ConfirmPage {
        frame: Frame::new(app, session, "/admin/shows"),
        title: format!("Withdraw {}", titles.title(show)),
        note: None,
        effects: withdrawal::effects(app, show).await?,
        settings: Vec::new(),
        back: format!("/admin/shows/{show}"),
        action: format!("/admin/shows/{show}/withdraw"),
        hidden: Vec::new(),
        reason: Some("Reason, for the log"),
        faults,
        danger: true,
        button: "Withdraw it for good",
    }))
}

/// `GET /admin/shows/{show}/withdraw`: what withdrawing it would do.
pub async fn preview(
    State(app): State<App>,
    session: Session<Admins>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    confirm(&app, &session, &show_id(&show)?, Faults::default()).await
}

/// `POST /admin/shows/{show}/withdraw`
pub async fn withdraw(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let show = show_id(&show)?;
    match withdrawal::withdraw(&app, &session.person, &show, fields.text("reason"), &request).await
    {
        Ok(()) => Ok(Redirect::to("/admin/shows?done=withdrawn").into_response()),
        Err(error) => {
            let page = confirm(&app, &session, &show, faults_of(error)?).await?;
            Ok(shown_again(page))
        }
    }
}

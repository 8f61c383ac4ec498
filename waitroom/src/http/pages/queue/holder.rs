//! Who calls from a page: the room that it is about, its show, and the place that the browser keeps
//! there.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts, response::Redirect};
use axum_extra::extract::cookie::CookieJar;
use catalog::contract::{Show, ShowId};
use kit::{
    extract::{Path, Query},
    problem::Problem,
};

use crate::{
    app::App,
    error::Error,
    http::pages::queue::kept::{Address, Kept, keeps_cookies, place_of, queue_path},
    room::live::Room,
};

/// Whoever calls at `/queue/{show}…`.
pub struct Holder {
    pub room: Arc<Room>,
    pub show: Arc<Show>,
    /// The place that the browser has in this room.
    pub kept: Option<Kept>,
    pub keeps_cookies: bool,
    pub jar: CookieJar,
    pub address: Address,
}

impl FromRequestParts<App> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(show) = Path::<String>::from_request_parts(parts, app).await?;
        let Query(address) = Query::<Address>::from_request_parts(parts, app).await?;
        let jar = CookieJar::from_headers(&parts.headers);
        let (room, show) = room_and_show(app, &show).await.map_err(|error| error.problem())?;
        let kept = place_of(app, &room, &jar, address.place.as_deref());
        let keeps_cookies = keeps_cookies(app, &jar);
        Ok(Self { room, show, kept, keeps_cookies, jar, address })
    }
}

impl Holder {
    /// The page of whoever holds the place, or of whoever holds none.
    pub fn page(&self) -> Redirect {
        let show = &self.show.show;
        Redirect::to(&self.kept.as_ref().map_or_else(|| queue_path(show), |kept| kept.path(show)))
    }

    /// The place of somebody whom checkout can know by a cookie; else the page that says what to
    /// do.
    pub fn place(&self) -> Result<&Kept, Redirect> {
        let kept = self.kept.as_ref().filter(|kept| kept.address.is_none() || self.keeps_cookies);
        kept.ok_or_else(|| self.page())
    }
}

/// From memory where the room is known, so that the line goes on while the database is away.
async fn room_and_show(app: &App, show: &str) -> Result<(Arc<Room>, Arc<Show>), Error> {
    let show: ShowId = show.parse().map_err(|_| Error::ShowUnknown)?;
    let room = app.room_of_show(&show).await?;
    let read = room.as_ref().and_then(|room| room.show());
    let known = match read {
        Some(known) => known,
        None => {
            Arc::new(catalog::contract::show(&app.pool, &show).await?.ok_or(Error::ShowUnknown)?)
        }
    };
    Ok((room.ok_or(Error::NoLine)?, known))
}

//! All rooms, and what an operator should look at in them.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use futures::future::try_join_all;
use waitroom::contract::{Phase, RoomState};

use super::{
    room::parts::{money, waiting},
    view::{Faults, Frame, Titles},
};
use crate::{
    App,
    error::Error,
    high_traffic::preview::Setting,
    http::session::{Anyone, Session},
    room::{alarm::RoomAlarm, figures::RoomFigures, live, sales::sales},
};

/// Closed rooms listed at most.
const CLOSED_MAX: usize = 50;

#[derive(Template)]
#[template(path = "admin/rooms.html")]
struct RoomsPage {
    frame: Frame,
    rooms: Vec<Row>,
    closed: Vec<RoomState>,
    titles: Titles,
}

/// A room in the list, with the small picture of how many waited.
struct Row {
    live: RoomFigures,
    spark: String,
    /// What was sold for today.
    today: String,
}

/// `GET /admin`
pub async fn all(State(app): State<App>, session: Session<Anyone>) -> Result<Response, Error> {
    let mut closed = waitroom::contract::rooms(&app.pool).await?;
    closed.retain(|room| room.phase == Phase::Closed);
    closed.truncate(CLOSED_MAX);
    let rooms: Arc<Vec<RoomFigures>> = app.live.rooms();
    let rooms = try_join_all(rooms.iter().map(|live| row(&app, live))).await?;
    let titles = Titles::of(&app.pool, closed.iter().map(|room| &room.show)).await?;
    let frame = Frame::new(&app, &session, "/admin");
    Ok(kit::page::html(&RoomsPage { frame, rooms, closed, titles }))
}

async fn row(app: &App, live: &RoomFigures) -> Result<Row, Error> {
    let today = money(&sales(app, &live.room.show).await?.today);
    let spark = waiting(&app.seen.picture(&live.room.room)).1;
    Ok(Row { live: live.clone(), spark, today })
}

/// `GET /admin/stream`
pub async fn stream(
    State(app): State<App>,
    session: Session<Anyone>,
) -> Result<impl IntoResponse, Error> {
    live::stream(&app, session.token())
}

#[derive(Template)]
#[template(path = "admin/alarms.html")]
struct AlarmsPart {
    alarms: Vec<RoomAlarm>,
}

/// `GET /admin/alarms`: the list at the top of every page, alone.
pub async fn alarms(State(app): State<App>, _: Session<Anyone>) -> Response {
    kit::page::html(&AlarmsPart { alarms: app.live.alarms() })
}

#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub struct ConfirmPage {
    pub frame: Frame,
    pub title: String,
    pub note: Option<&'static str>,
    pub effects: Vec<String>,
    /// Setting by setting, where that says more than words.
    pub settings: Vec<Setting>,
    pub back: String,
    pub action: String,
    pub hidden: Vec<(&'static str, String)>,
    /// The label of a reason that is asked for.
    pub reason: Option<&'static str>,
    pub faults: Faults,
    pub danger: bool,
    pub button: &'static str,
}

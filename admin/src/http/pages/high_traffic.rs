//! Marking a show as high-traffic and taking the mark away: a form, what it would do, and doing it.

use admission::contract::LineMethod;
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{ShowId, Withdrawal, when};
use chrono::{DateTime, Utc};
use identity::Fields;
use identity::form::shown_again;
use kit::{
    extract::{Path, Query},
    http::RequestId,
};
use std::collections::HashMap;
use waitroom::contract::RoomState;

use super::{
    order::{OrderChoice, chosen},
    rooms::ConfirmPage,
    view::{Faults, Frame, faults_of},
};
use crate::{
    App,
    error::Error,
    high_traffic::{
        RoomSpec,
        mark::{self, Standing, standing},
    },
    http::{
        address::show_id,
        session::{Admins, Posted, Session},
    },
};

/// The fields of a room spec, as the form names them.
const SPEC_FIELDS: [&str; 7] = [
    "lanes",
    "rate_per_sec",
    "max_active",
    "claim_window_secs",
    "opens_at",
    "method",
    "entropy_source",
];

/// A field of the form, as it was filled in.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: String,
    kind: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "admin/show.html")]
struct ShowPage {
    frame: Frame,
    show: ShowId,
    title: String,
    room: Option<RoomState>,
    marked: bool,
    /// What is known of its withdrawal; `None` where it can be withdrawn or is a draft.
    withdrawal: Option<Withdrawal>,
    published: bool,
    fields: Vec<Field>,
    /// How those are ordered who come, of a new room.
    order: Option<OrderChoice>,
    faults: Faults,
}

/// The form with what the room has or might have, or with what was `given`.
async fn form(
    app: &App,
    session: &Session<Admins>,
    standing: Standing,
    given: Option<&Fields>,
    faults: Faults,
) -> Result<Response, Error> {
    let Standing { show, title, time_zone, marked, room } = standing;
    let room = room.map(|known| known.room);
    let now = room.as_ref();
    let value =
        |name: &str, default: String| given.map_or(default, |fields| fields.text(name).to_owned());
    let field = |name, label, hint: &str, default: String| Field {
        name,
        label,
        hint: hint.to_owned(),
        kind: "text",
        value: value(name, default),
    };
    let mut fields = vec![
        field(
            "rate_per_sec",
            "Let in per second, at most",
            "",
            now.map_or(50.0, |room| room.rate_per_sec).to_string(),
        ),
        field(
            "max_active",
            "Sessions in checkout, at most",
            "",
            now.map_or(1000, |room| room.max_active).to_string(),
        ),
        field(
            "claim_window_secs",
            "Time to claim, in seconds",
            "",
            now.map_or(120, |room| room.claim_window_secs).to_string(),
        ),
    ];
    if room.is_none() {
        let known = catalog::contract::show(&app.pool, &show).await?;
        fields.insert(
            0,
            field("lanes", "Lanes", "1 to 256. They cannot be changed later.", "4".to_owned()),
        );
        let opens = known.map_or(String::new(), |show| when::local(show.on_sale_at, &time_zone));
        let hint =
            format!("In {}. Leave it empty to open the room by hand.", when::zone_name(&time_zone));
        fields.push(Field {
            kind: "datetime-local",
            hint,
            ..field("opens_at", "Opens by itself", "", opens)
        });
    }
    let order = room.is_none().then(|| OrderChoice::new(given, LineMethod::Draw, None));
    let withdrawal = catalog::contract::withdrawal(&app.pool, &show).await?;
    let published =
        catalog::contract::seller(&app.pool, &show).await?.is_some_and(|seller| seller.published);
    let frame = Frame::new(app, session, "/admin/shows");
    Ok(kit::page::html(&ShowPage {
        frame,
        show,
        title,
        room,
        marked,
        withdrawal,
        published,
        fields,
        order,
        faults,
    }))
}

/// `GET /admin/shows/{show}`
pub async fn one(
    State(app): State<App>,
    session: Session<Admins>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    form(&app, &session, standing(&app, &show_id(&show)?).await?, None, Faults::default()).await
}

fn time(text: &str, time_zone: &str) -> Result<Option<DateTime<Utc>>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    when::from_local(text, time_zone)
        .map(Some)
        .ok_or_else(|| Error::field("opens_at", "Give a day and a time, such as 2026-11-21T19:30."))
}

fn room_spec(fields: &Fields, time_zone: &str) -> Result<RoomSpec, Error> {
    let (method, entropy_source) = chosen(fields)?;
    let needed = |name: &'static str| move || Error::field(name, "Give a number.");
    Ok(RoomSpec {
        // A room that is there keeps its own, and its form does not ask.
        lanes: fields.number("lanes")?.unwrap_or(4),
        rate_per_sec: fields.number("rate_per_sec")?.ok_or_else(needed("rate_per_sec"))?,
        max_active: fields.number("max_active")?.ok_or_else(needed("max_active"))?,
        claim_window_secs: fields
            .number("claim_window_secs")?
            .ok_or_else(needed("claim_window_secs"))?,
        opens_at: time(fields.text("opens_at"), time_zone)?,
        method,
        entropy_source,
    })
}

/// What the spec would do, to be confirmed; the form again where it does not fit.
async fn confirm(
    app: &App,
    session: &Session<Admins>,
    standing: Standing,
    fields: &Fields,
    note: Option<&'static str>,
) -> Result<Response, Error> {
    let effect = match room_spec(fields, &standing.time_zone) {
        Ok(spec) => standing.marking(app, &spec).await,
        Err(error) => Err(error),
    };
    let effect = match effect {
        Ok(effect) => effect,
        Err(error) => {
            let page = form(app, session, standing, Some(fields), faults_of(error)?).await?;
            return Ok(shown_again(page));
        }
    };
    let given = SPEC_FIELDS.into_iter().filter(|name| fields.0.contains_key(*name));
    let mut hidden = vec![("seen", standing.seen())];
    hidden.extend(given.map(|name| (name, fields.text(name).to_owned())));
    let show = &standing.show;
    Ok(kit::page::html(&ConfirmPage {
        frame: Frame::new(app, session, "/admin/shows"),
        title: format!("High traffic: {}", standing.title),
        note,
        effects: effect.words,
        settings: effect.settings,
        back: format!("/admin/shows/{show}"),
        action: format!("/admin/shows/{show}/mark"),
        hidden,
        reason: None,
        faults: Faults::default(),
        danger: false,
        button: match (&standing.room, standing.marked) {
            (None, _) => "Mark and make the room",
            (Some(_), false) => "Mark and change the room",
            (Some(_), true) => "Change the room",
        },
    }))
}

/// `GET /admin/shows/{show}/mark`: what marking it would do.
pub async fn preview(
    State(app): State<App>,
    session: Session<Admins>,
    Path(show): Path<String>,
    Query(fields): Query<HashMap<String, String>>,
) -> Result<Response, Error> {
    confirm(&app, &session, standing(&app, &show_id(&show)?).await?, &Fields(fields), None).await
}

/// `POST /admin/shows/{show}/mark`: marking it, once confirmed.
pub async fn mark(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let show = show_id(&show)?;
    let time_zone = standing(&app, &show).await?.time_zone;
    let marked = match room_spec(&fields, &time_zone) {
        Ok(spec) => {
            mark::mark(&app, &session.person, &show, (&spec, Some(fields.text("seen"))), &request)
                .await
        }
        Err(error) => Err(error),
    };
    let note = match marked {
        Ok(marked) => {
            let done = if marked.had_room { "changed" } else { "new" };
            return Ok(Redirect::to(&format!("/admin/shows?done={done}")).into_response());
        }
        Err(Error::ChangedMeanwhile) => Some(
            "The show or its room was changed since you looked. This is what marking it would do \
                now.",
        ),
        // The page that is shown instead says what does not fit.
        Err(Error::Field { .. }) => None,
        Err(error) => return Err(error),
    };
    confirm(&app, &session, standing(&app, &show).await?, &fields, note).await
}

/// `GET /admin/shows/{show}/unmark`: what taking the mark away would do.
pub async fn unmark_preview(
    State(app): State<App>,
    session: Session<Admins>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    let standing = standing(&app, &show_id(&show)?).await?;
    let effect = standing.unmarking();
    Ok(kit::page::html(&ConfirmPage {
        frame: Frame::new(&app, &session, "/admin/shows"),
        title: format!("Take the mark away: {}", standing.title),
        note: None,
        effects: effect.words,
        settings: effect.settings,
        back: format!("/admin/shows/{show}"),
        action: format!("/admin/shows/{show}/unmark"),
        hidden: Vec::new(),
        reason: None,
        faults: Faults::default(),
        danger: true,
        button: "Take the mark away",
    }))
}

/// `POST /admin/shows/{show}/unmark`
pub async fn unmark(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { session, .. }: Posted<Admins>,
) -> Result<Redirect, Error> {
    mark::unmark(&app, &session.person, &show_id(&show)?, &request).await?;
    Ok(Redirect::to("/admin/shows?done=unmarked"))
}

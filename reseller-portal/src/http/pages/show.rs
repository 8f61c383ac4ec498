//! A reseller's shows: the list, and one with its ticket types.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use catalog::contract::{
    self, Allotment, ResellerShow, ResellerTicketType, ShowCursor, ShowId, TicketTypeId, price,
    when,
};
use chrono::{TimeDelta, Utc};
use kit::extract::{Path, Query};
use serde::Deserialize;

use super::frame::Frame;
use crate::{
    App,
    error::{Error, Thing},
    http::{
        address::show_id,
        api::shows::cursor,
        session::{Approved, Session},
    },
    stock,
};

/// Shows a page.
const PAGE: u16 = 50;

/// A show of this reseller's.
///
/// # Errors
/// [`Thing::Show`] unknown, for somebody else's just as for none.
pub async fn own(
    app: &App,
    session: &Session<Approved>,
    show: &ShowId,
) -> Result<ResellerShow, Error> {
    contract::reseller_show(&app.pool, session.person.reseller, show)
        .await?
        .ok_or(Error::Unknown(Thing::Show))
}

struct Listed {
    show: ShowId,
    title: String,
    performer: String,
    when: String,
    place: String,
    published: bool,
    withdrawn: bool,
    allotted: String,
}

#[derive(Template)]
#[template(path = "portal/shows.html")]
struct ShowsPage {
    frame: Frame,
    shows: Vec<Listed>,
    /// Whether the page begins with what is to come.
    coming: bool,
    next: Option<String>,
}

/// Where the list begins: with what is to come, with the very first show, or behind one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Opening {
    past: bool,
    after: Option<String>,
}

impl Opening {
    fn cursor(&self) -> Result<Option<ShowCursor>, Error> {
        match &self.after {
            Some(after) => cursor(after).map(Some),
            None if self.past => Ok(None),
            // A show that began a little while ago is still of today.
            None => Ok(Some(ShowCursor::before(Utc::now() - TimeDelta::days(1)))),
        }
    }
}

/// `GET /portal/shows`
pub async fn list(
    State(app): State<App>,
    session: Session<Approved>,
    Query(opening): Query<Opening>,
) -> Result<Response, Error> {
    let after = opening.cursor()?;
    let (shows, next) =
        contract::reseller_shows_page(&app.pool, session.person.reseller, after.as_ref(), PAGE)
            .await?;
    let shows = shows.into_iter().map(|found| {
        let allotted: i64 = found
            .ticket_types
            .iter()
            .filter_map(|of| of.allotment.as_ref())
            .map(|of| i64::from(of.allotted))
            .sum();
        Listed {
            when: when::full(found.show.starts_at, &found.show.venue.time_zone),
            place: format!("{}, {}", found.show.venue.name, found.show.venue.city),
            published: found.published_at.is_some(),
            withdrawn: found.withdrawn_at.is_some(),
            allotted: price::grouped(allotted.unsigned_abs()),
            show: found.show.show,
            title: found.show.title,
            performer: found.show.performer,
        }
    });
    Ok(kit::page::html(&ShowsPage {
        frame: Frame::new(&session, "/portal/shows"),
        shows: shows.collect(),
        coming: !opening.past && opening.after.is_none(),
        next: next.map(|cursor| cursor.to_string()),
    }))
}

/// What the page is to say first.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct After {
    /// The ticket type whose allotment was just changed.
    changed: Option<TicketTypeId>,
    published: bool,
    withdrawn: bool,
}

pub(super) struct Notice {
    pub tone: &'static str,
    pub title: String,
    pub words: String,
}

impl Notice {
    /// What became of a changed allotment.
    fn of(name: &str, allotment: &Allotment) -> Self {
        let number = |number: i32| price::grouped(u64::from(number.unsigned_abs()));
        match (&allotment.wanted, &allotment.refusal) {
            (Some(wanted), _) => Self {
                tone: "notice-warn",
                title: format!("{name}: the change is under way"),
                words: format!("It will be {}. Load this page again in a moment.", number(*wanted)),
            },
            (None, Some(reason)) => Self {
                tone: "notice-bad",
                title: format!("{name}: the change was refused"),
                words: format!("{reason} The allotment is still {}.", number(allotment.allotted)),
            },
            (None, None) => Self {
                tone: "notice-good",
                title: format!("{name}: the allotment is {}", number(allotment.allotted)),
                words: "The change is in effect.".to_owned(),
            },
        }
    }
}

/// A ticket type in words.
pub(super) struct TypeRow {
    pub id: TicketTypeId,
    pub name: String,
    pub price: String,
    pub per_order_max: i32,
    pub allotted: String,
    pub wanted: Option<String>,
    pub sold: String,
    pub held: String,
    pub left: String,
    /// What stands in the field.
    pub entered: String,
    pub error: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/show.html")]
struct ShowPage {
    frame: Frame,
    show: contract::Show,
    published: bool,
    /// Since when.
    withdrawn: Option<String>,
    starts: String,
    doors: String,
    on_sale: String,
    types: Vec<TypeRow>,
    notice: Option<Notice>,
}

/// An allotment that was entered and does not fit.
pub(super) struct Misfit<'a> {
    pub ticket_type: TicketTypeId,
    pub entered: &'a str,
    pub detail: String,
}

/// The page of one show, with what was wrong with a field of it.
pub(super) async fn page(
    app: &App,
    session: &Session<Approved>,
    show: &ShowId,
    after: &After,
    misfit: Option<&Misfit<'_>>,
) -> Result<Response, Error> {
    let found = own(app, session, show).await?;
    let counts = stock::counts(app, show).await?;
    let ResellerShow { show, published_at, withdrawn_at, ticket_types, .. } = found;
    let changed = ticket_types.iter().find(|of| Some(of.ticket_type.ticket_type) == after.changed);
    let notice = match changed.and_then(|of| of.allotment.as_ref().map(|allotment| (of, allotment)))
    {
        Some((of, allotment)) => Some(Notice::of(&of.ticket_type.name, allotment)),
        None if after.withdrawn && withdrawn_at.is_some() => Some(Notice {
            tone: "notice-good",
            title: "The show is withdrawn".to_owned(),
            words: "Nothing of it is sold any more, and its line closes. Orders and tickets stay \
                as they are."
                .to_owned(),
        }),
        None if after.published && published_at.is_some() => Some(Notice {
            tone: "notice-good",
            title: "The show is published".to_owned(),
            words: "Fans see it now. Its tickets go on sale when the sale begins.".to_owned(),
        }),
        None => None,
    };
    let types = ticket_types
        .into_iter()
        .map(|of| {
            let count = counts.get(&of.ticket_type.ticket_type);
            let misfit = misfit.filter(|misfit| misfit.ticket_type == of.ticket_type.ticket_type);
            row(of, count, misfit)
        })
        .collect();
    let zone = show.venue.time_zone.clone();
    let page = ShowPage {
        frame: Frame::new(session, "/portal/shows"),
        published: published_at.is_some(),
        withdrawn: withdrawn_at.map(|at| when::full(at, &zone)),
        starts: when::full(show.starts_at, &zone),
        doors: when::time(show.doors_at, &zone),
        on_sale: when::full(show.on_sale_at, &zone),
        types,
        notice,
        show,
    };
    let status = if misfit.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, kit::page::html(&page)).into_response())
}

fn row(
    of: ResellerTicketType,
    count: Option<&checkout::contract::StockCount>,
    misfit: Option<&Misfit<'_>>,
) -> TypeRow {
    let number = |number: i64| price::grouped(number.unsigned_abs());
    let known = |number: Option<i64>| {
        number.map_or_else(|| "–".to_owned(), |of| price::grouped(of.unsigned_abs()))
    };
    let allotted = of.allotment.as_ref().map_or(0, |allotment| allotment.allotted);
    TypeRow {
        id: of.ticket_type.ticket_type,
        price: of.ticket_type.price.to_string(),
        name: of.ticket_type.name,
        per_order_max: of.ticket_type.per_order_max,
        allotted: number(i64::from(allotted)),
        wanted: of
            .allotment
            .and_then(|allotment| allotment.wanted)
            .map(|wanted| number(i64::from(wanted))),
        sold: known(count.map(|count| count.sold)),
        held: known(count.and_then(|count| count.held.map(|held| held + count.reserved))),
        left: known(count.and_then(|count| count.free)),
        entered: misfit.map_or_else(|| allotted.to_string(), |misfit| misfit.entered.to_owned()),
        error: misfit.map(|misfit| misfit.detail.clone()),
    }
}

/// `GET /portal/shows/{show}`
pub async fn one(
    State(app): State<App>,
    session: Session<Approved>,
    Path(show): Path<String>,
    Query(after): Query<After>,
) -> Result<Response, Error> {
    page(&app, &session, &show_id(&show, Thing::Show)?, &after, None).await
}

//! The queue page: the same line for people, with or without scripts. The place ticket lives in a
//! cookie; where the browser keeps none, it stays in the page's address, and the page says so.

pub mod device;
pub mod entering;
pub mod holder;
pub mod joining;
pub mod kept;
pub mod leaving;
pub mod mail;
pub mod picture;
pub mod script;
pub mod states;
pub mod told;
pub mod view;

use admission::contract::LineMethod;
use axum::{
    Router,
    extract::{OriginalUri, State},
    http::header,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App,
    draw::RoomDraw,
    http::pages::queue::{
        holder::Holder,
        kept::{ask_for_cookies, has_entered, queue_path},
        states::{
            entrance::Entrance,
            in_draw::InDraw,
            turn::{Stopped, WindowMissed, YourTurn},
            waiting::Waiting,
        },
        view::{Keeping, PlaceReceipt, QueuePage, QueueView},
    },
    place::{
        PlaceClaims,
        standing::{PlaceBody, PlaceState, joined_at, standing},
    },
    room::{live::Room, phase::Phase},
};

/// Pages that join.
pub fn joining() -> OpenApiRouter<App> {
    let routes = Router::new()
        .route("/queue/{show}/join", post(joining::join).get(again))
        .route("/queue/{show}/go", post(entering::go).get(again));
    OpenApiRouter::from(routes)
}

/// Pages that look.
pub fn waiting() -> OpenApiRouter<App> {
    let routes = Router::new()
        .route("/queue/{show}", get(queue))
        .route("/queue/{show}/leave", get(leaving::page).post(leaving::leave))
        .route("/queue/{show}/device", get(device::page).post(device::make))
        .route("/queue/{show}/mail", get(mail::page).post(mail::ask))
        .route("/queue/{show}/no-mail", post(mail::take_back).get(again))
        .route("/queue/{show}/here", post(device::take).get(again))
        .merge(script::router());
    OpenApiRouter::from(routes)
}

/// Pages that claim.
pub fn claiming() -> OpenApiRouter<App> {
    OpenApiRouter::from(
        Router::new()
            .route("/queue/{show}/enter", post(entering::enter).get(again))
            .route("/queue/{show}/resume", post(entering::resume).get(again))
            .route("/queue/{show}/turn", get(entering::turn)),
    )
}

async fn queue(State(app): State<App>, holder: Holder) -> Response {
    if let Some(link) = &holder.address.link {
        return device::take_page(&app, &holder, link);
    }
    let Holder { room, show, kept, keeps_cookies, jar, address } = holder;
    let now = Utc::now();
    let by_cookie = kept.as_ref().is_some_and(|kept| kept.address.is_none());
    if by_cookie && address.place.is_some() {
        return Redirect::to(&queue_path(&show.show)).into_response();
    }
    let mut view = view(&room, kept.as_ref().map(|kept| &kept.claims), now);
    if let (
        Some(kept),
        QueueView::WindowMissed(_) | QueueView::Stopped(_) | QueueView::Closed { .. },
    ) = (&kept, &view)
        && has_entered(&app, &room, &jar, kept)
    {
        view = QueueView::Entered(entrance(&room));
    }
    match &mut view {
        QueueView::Waiting(waiting) => waiting.told = address.told,
        QueueView::WindowMissed(missed) => missed.not_now = address.not_now.is_some(),
        _ => {}
    }
    let has_left = match &kept {
        // On another device, perhaps.
        Some(_) => matches!(view, QueueView::NotJoined(_)),
        None => address.left.is_some(),
    };
    let receipt = kept.as_ref().and_then(|kept| receipt(&app, &kept.claims, &view));
    let keeping = match kept.and_then(|kept| kept.address) {
        Some(ticket) => Keeping::Address { ticket, keeps_cookies },
        None => Keeping::Cookie,
    };
    let asked = (!keeps_cookies).then(|| AppendHeaders([ask_for_cookies(&app)]));
    let draw = room.document().head.draw.clone();
    let commitment = draw.map(|draw| draw.commitment.to_string());
    let page = QueuePage {
        room: room.name.clone(),
        show,
        view,
        keeping,
        has_left,
        commitment,
        receipt,
        now,
    };
    (asked, [(header::REFERRER_POLICY, "no-referrer")], kit::page::html(&page)).into_response()
}

/// For whoever waits; a page without it is better than none.
fn receipt(app: &App, claims: &PlaceClaims, view: &QueueView) -> Option<PlaceReceipt> {
    if !matches!(view, QueueView::InDraw(_) | QueueView::Waiting(_)) {
        return None;
    }
    let token = app.receipts.alone(claims).inspect_err(|error| tracing::warn!(%error, "a receipt"));
    let entry = format!("{}.{}", claims.place.lane, claims.place.offset);
    Some(PlaceReceipt { entry, token: token.ok()?? })
}

fn entrance(room: &Room) -> Entrance {
    let (info, document) = (room.info(), room.document());
    let head = &document.head;
    Entrance {
        phase: info.phase,
        draws: info.awaits_draw() || info.may_draw(),
        entropy_source: info.draw.as_ref().map(|draw| draw.entropy_source),
        passes: info.method == LineMethod::Passthrough,
        people_waiting: head.waiting,
        straight_in: head.straight_in,
        wait: head.wait.range(head.waiting),
        sale: head.sale.clone(),
        claim_window_secs: info.claim_window_secs,
        message: info.message.clone(),
    }
}

fn view(room: &Room, place: Option<&PlaceClaims>, now: DateTime<Utc>) -> QueueView {
    let info = room.info();
    let Some(place) = place else {
        return match info.phase {
            Phase::Closed => QueueView::Closed { message: info.message.clone() },
            _ => QueueView::NotJoined(entrance(room)),
        };
    };
    if info.has_begun {
        return QueueView::Closed { message: info.message.clone() };
    }
    let body = standing(room, place, now);
    // Whoever was let in and could not go in is not to blame.
    if info.stop.is_some() && body.state != PlaceState::Waiting {
        return match info.phase {
            Phase::Closed => QueueView::Closed { message: info.message.clone() },
            _ => QueueView::Stopped(Stopped {
                claim_until: body.claim_until,
                entrance: entrance(room),
            }),
        };
    }
    match (body.state, body.claim_until) {
        (PlaceState::YourTurn, Some(claim_until)) => QueueView::YourTurn(YourTurn {
            place: room.turn(&place.place),
            claim_until,
            door_open: entering::lets_in(room),
        }),
        (PlaceState::Waiting, _) if info.phase == Phase::Closed => {
            QueueView::Closed { message: info.message.clone() }
        }
        (PlaceState::Left, _) => QueueView::NotJoined(entrance(room)),
        (PlaceState::InDraw, _) => QueueView::InDraw(InDraw {
            entry: format!("{}.{}", place.place.lane, place.place.offset),
            entrance: entrance(room),
            joined_at: joined_at(place),
            ahead_at_join: place.ahead_at_join,
            poll_after_ms: body.poll_after_ms,
            drawn: not_drawn_yet(room, place, &body),
        }),
        (PlaceState::Waiting, _) => QueueView::Waiting(in_line(room, place, &body)),
        (PlaceState::WindowMissed | PlaceState::YourTurn, missed_at) => {
            QueueView::WindowMissed(WindowMissed {
                missed_at,
                may_resume_until: body.may_resume_until,
                not_now: false,
                claim_window_secs: info.claim_window_secs,
                entrance: entrance(room),
            })
        }
    }
}

fn in_line(room: &Room, place: &PlaceClaims, body: &PlaceBody) -> Waiting {
    let (info, document) = (room.info(), room.document());
    let (head, turn) = (&document.head, room.turn(&place.place));
    let ahead = body.ahead.unwrap_or_default();
    Waiting {
        lane: turn.lane,
        offset: turn.offset,
        entry: (info.draw.as_ref().is_some_and(RoomDraw::is_made))
            .then(|| format!("{}.{}", place.place.lane, place.place.offset)),
        number: body.place.unwrap_or_default(),
        ahead,
        // Of those who were drawn, what counts is where they stood then.
        ahead_at_join: place.ahead_at_join.max(ahead),
        people_waiting: head.waiting,
        wait: head.wait.clone(),
        held_by: head.held_by.clone(),
        sale: head.sale.clone(),
        told: None,
        phase: info.phase,
        message: info.message.clone(),
        joined_at: joined_at(place),
        as_of: head.as_of,
        claim_window_secs: info.claim_window_secs,
        poll_after_ms: body.poll_after_ms,
    }
}

/// The line as whoever is in the draw will stand in it, somewhere.
fn not_drawn_yet(room: &Room, place: &PlaceClaims, body: &PlaceBody) -> Waiting {
    let line = in_line(room, place, body);
    Waiting {
        entry: Some(format!("{}.{}", place.place.lane, place.place.offset)),
        ahead_at_join: line.people_waiting,
        ..line
    }
}

/// `GET` of what only forms do: a reload, or the way back.
async fn again(OriginalUri(address): OriginalUri) -> Redirect {
    let page = address.path().rsplit_once('/').map_or("/", |(page, _)| page);
    // Where the address keeps the place, it still does.
    Redirect::to(
        &address.query().map_or_else(|| page.to_owned(), |query| format!("{page}?{query}")),
    )
}

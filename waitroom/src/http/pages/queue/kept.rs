//! Where a browser keeps a fan's place: in a cookie, or else in the page's address.

use axum_extra::extract::cookie::CookieJar;
use kit::cookie::{Cookie, SetCookie};
use serde::Deserialize;

use crate::{app::App, place::PlaceClaims, room::live::Room};

/// A place is good until its room closes; no sale takes longer than this.
const PLACE_SECS: i64 = 7 * 86_400;

/// The place ticket of a room.
const PLACE: Cookie = Cookie::lax("fg_place");
/// Remembers that a place of a room was traded for checkout, so that its fan is not told that
/// nobody came.
const ENTERED: Cookie = Cookie::lax("fg_entered");
/// Comes back from every browser that keeps cookies, before a place depends on one.
const COOKIES: Cookie = Cookie::lax("fg_cookies");

/// A place in the address is a secret, so it is told to nobody: the page names nobody else's
/// address, sends no referrer, and addresses are not logged.
#[derive(Deserialize)]
pub struct Address {
    pub place: Option<String>,
    /// The end of the wait that was told before the page reloaded itself.
    pub told: Option<i64>,
    /// Whoever comes back from leaving the line.
    pub left: Option<String>,
    /// A link from another device.
    pub link: Option<String>,
    /// Whoever asked for a second turn, and was told to ask again.
    pub not_now: Option<String>,
    /// Whoever was asked for a cookie on the way to checkout.
    pub asked: Option<String>,
    /// What their place is found by, should the answer be lost.
    pub key: Option<String>,
}

/// A fan's place, and the ticket where the address keeps it.
pub struct Kept {
    pub claims: PlaceClaims,
    pub address: Option<String>,
}

impl Kept {
    /// Where the fan's queue page is.
    pub fn path(&self, show: &str) -> String {
        self.address
            .as_ref()
            .map_or_else(|| queue_path(show), |ticket| format!("/queue/{show}?place={ticket}"))
    }

    /// The same with one thing more to say there.
    pub fn path_with(&self, show: &str, said: &str) -> String {
        let mark = if self.address.is_some() { '&' } else { '?' };
        format!("{}{mark}{said}", self.path(show))
    }

    /// What the addresses of its forms end in.
    pub fn query(&self) -> String {
        self.address.as_ref().map_or_else(String::new, |ticket| format!("?place={ticket}"))
    }
}

pub fn queue_path(show: &str) -> String {
    format!("/queue/{show}")
}

/// The place in the browser's cookie or else in the address, if it is one of this room's.
pub fn place_of(app: &App, room: &Room, jar: &CookieJar, ticket: Option<&str>) -> Option<Kept> {
    let place = PLACE.of(&room.name);
    let by_cookie = place.read(jar, &app.public);
    if let Ok(claims) = app.open_ticket(room, by_cookie) {
        return Some(Kept { claims, address: None });
    }
    let claims = app.open_ticket(room, ticket).ok()?;
    Some(Kept { claims, address: ticket.map(str::to_owned) })
}

/// Whether the place was traded for checkout in this browser.
pub fn has_entered(app: &App, room: &Room, jar: &CookieJar, kept: &Kept) -> bool {
    ENTERED.of(&room.name).read(jar, &app.public) == Some(&*kept.claims.place.to_string())
}

pub fn keeps_cookies(app: &App, jar: &CookieJar) -> bool {
    COOKIES.read(jar, &app.public).is_some()
}

/// Asks the browser for the cookie that [`keeps_cookies`] looks for.
pub fn ask_for_cookies(app: &App) -> SetCookie {
    COOKIES.set(&app.public, "1", PLACE_SECS)
}

pub fn keep_place(app: &App, room: &Room, ticket: &str) -> SetCookie {
    PLACE.of(&room.name).set(&app.public, ticket, PLACE_SECS)
}

pub fn forget_place(app: &App, room: &Room) -> SetCookie {
    PLACE.of(&room.name).gone(&app.public)
}

pub fn keep_entered(app: &App, room: &Room, place: &PlaceClaims) -> SetCookie {
    ENTERED.of(&room.name).set(&app.public, &place.place.to_string(), PLACE_SECS)
}

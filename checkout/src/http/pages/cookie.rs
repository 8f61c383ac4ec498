//! The cookies of a browser in checkout: each show has its own, so that one does not end another.

use chrono::{DateTime, Utc};
use kit::cookie::{Cookie, SetCookie};

use crate::App;

/// The session token of a show. Order pages read it too.
pub const SESSION: Cookie = Cookie::lax("fg_session");
/// The hold token of a show.
pub const HOLD: Cookie = Cookie::lax("fg_hold");
/// The admission pass of a show, on its way from the waiting room.
pub const PASS: Cookie = Cookie::lax("fg_pass");

/// Sets a cookie for as long as what it stands for.
pub fn until(app: &App, cookie: &Cookie, value: &str, ends_at: DateTime<Utc>) -> SetCookie {
    let left_secs = (ends_at - Utc::now()).num_seconds().max(0);
    cookie.set(&app.config.payment.public, value, left_secs)
}

/// Takes a cookie away.
pub fn gone(app: &App, cookie: &Cookie) -> SetCookie {
    cookie.gone(&app.config.payment.public)
}

//! The cookies of a browser in checkout.

use chrono::{DateTime, Utc};
use kit::cookie::Cookie;

use crate::App;

/// The session token. Order pages read it too.
pub const SESSION: Cookie = Cookie { name: "fg_session", path: "/", strict: false };
/// The hold token.
pub const HOLD: Cookie = Cookie { name: "fg_hold", path: "/checkout", strict: false };
/// The admission pass on its way from the waiting room.
pub const PASS: Cookie = Cookie { name: "fg_pass", path: "/checkout", strict: false };

/// A response header that sets a cookie.
pub type SetCookie = (axum::http::HeaderName, String);

/// Sets a cookie for as long as what it stands for.
pub fn until(app: &App, cookie: Cookie, value: &str, ends_at: DateTime<Utc>) -> SetCookie {
    let left_secs = (ends_at - Utc::now()).num_seconds().max(0);
    cookie.set(app.config.payment.public.is_https(), value, left_secs)
}

/// Takes a cookie away.
pub fn gone(app: &App, cookie: Cookie) -> SetCookie {
    cookie.gone(app.config.payment.public.is_https())
}

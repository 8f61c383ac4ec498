//! The cookies of a browser in checkout. No script can read them.

use axum::http::{HeaderValue, header};
use axum_extra::extract::CookieJar;
use chrono::{DateTime, Utc};

use crate::App;

/// One of our cookies.
#[derive(Debug, Clone, Copy)]
pub struct Cookie {
    name: &'static str,
    path: &'static str,
}

/// The session token. Order pages read it too.
pub const SESSION: Cookie = Cookie { name: "fg_session", path: "/" };
/// The hold token.
pub const HOLD: Cookie = Cookie { name: "fg_hold", path: "/checkout" };
/// The admission pass on its way from the waiting room.
pub const PASS: Cookie = Cookie { name: "fg_pass", path: "/checkout" };

/// A response header that sets a cookie.
pub type SetCookie = (header::HeaderName, String);

impl Cookie {
    pub fn read(self, jar: &CookieJar) -> Option<&str> {
        jar.get(self.name).map(|cookie| cookie.value()).filter(|value| !value.is_empty())
    }

    /// Sets it for as long as what it stands for. `value` is a token of ours and needs no quoting.
    pub fn until(self, app: &App, value: &str, ends_at: DateTime<Utc>) -> SetCookie {
        let left_secs = (ends_at - Utc::now()).num_seconds().max(0);
        self.set(app.config.payment.public.is_https(), value, left_secs)
    }

    /// Takes it away.
    pub fn gone(self, app: &App) -> SetCookie {
        self.set(app.config.payment.public.is_https(), "", 0)
    }

    fn set(self, https: bool, value: &str, left_secs: i64) -> SetCookie {
        let Self { name, path } = self;
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path={path}; Max-Age={left_secs}; HttpOnly; SameSite=Lax{secure}");
        // A value that does not fit a header is no token of ours.
        let text = if HeaderValue::from_str(&text).is_ok() { text } else { format!("{name}=; Path={path}; Max-Age=0") };
        (header::SET_COOKIE, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_other_sites_do_not_get_it_and_it_ends() {
        let (_, text) = SESSION.set(true, "v4.local.abc", 600);
        assert_eq!(text, "fg_session=v4.local.abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
        assert!(!HOLD.set(false, "x", 1).1.contains("Secure"));
        assert!(!HOLD.set(false, "x\r\nset-cookie: y=z", 1).1.contains("y=z"));
    }
}

//! Cookies that no script can read.
//!
//! Where browsers come by https, they are `Secure` and their names begin with `__Host-`: no other
//! host of the same domain, and nobody on the way, can set one in our name. Browsers then insist on
//! `Path=/`, which they have always, so that pages see the same cookies with and without https.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, header};
use axum_extra::extract::CookieJar;

use crate::public_url::PublicUrl;

const HOST_ONLY: &str = "__Host-";

/// What a cookie is called, without the prefix it gets by https, and when it is sent along.
#[derive(Debug, Clone)]
pub struct Cookie {
    name: Cow<'static, str>,
    strict: bool,
}

/// A response header that sets a cookie.
pub type SetCookie = (HeaderName, String);

impl Cookie {
    /// Also sent when somebody follows a link from another site.
    pub const fn lax(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), strict: false }
    }

    /// Not sent when somebody comes from another site.
    pub const fn strict(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), strict: true }
    }

    /// The cookie of this kind that is kept for one thing: `fg_place` of `a-room` is
    /// `fg_place_a-room`. `thing` consists of characters that a cookie's name may have, as slugs
    /// do.
    #[must_use]
    pub fn of(&self, thing: &str) -> Self {
        Self { name: Cow::Owned(format!("{}_{thing}", self.name)), strict: self.strict }
    }

    /// Its name on the wire.
    pub fn name(&self, at: &PublicUrl) -> String {
        let prefix = if at.is_https() { HOST_ONLY } else { "" };
        format!("{prefix}{}", self.name)
    }

    /// Its value, if it came under the very name that [`Cookie::set`] gives it and is not empty.
    pub fn read<'a>(&self, jar: &'a CookieJar, at: &PublicUrl) -> Option<&'a str> {
        jar.get(&self.name(at)).map(|cookie| cookie.value()).filter(|value| !value.is_empty())
    }

    /// The header that sets it for `secs` seconds. `value` is a token of ours and needs no quoting.
    pub fn set(&self, at: &PublicUrl, value: &str, secs: i64) -> SetCookie {
        let text = self.header(at, value, secs);
        // A value that does not fit a header is no token of ours.
        let text = if HeaderValue::from_str(&text).is_ok() { text } else { self.header(at, "", 0) };
        (header::SET_COOKIE, text)
    }

    /// The header that takes it away.
    pub fn gone(&self, at: &PublicUrl) -> SetCookie {
        self.set(at, "", 0)
    }

    fn header(&self, at: &PublicUrl, value: &str, secs: i64) -> String {
        let (name, site) = (self.name(at), if self.strict { "Strict" } else { "Lax" });
        let secure = if at.is_https() { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={secs}; HttpOnly; SameSite={site}{secure}")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    const SESSION: Cookie = Cookie::lax("fg_session");

    fn at(text: &str) -> PublicUrl {
        text.parse().expect("an address")
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it_and_it_ends() {
        let (https, http) = (at("HTTPS://tickets.example"), at("http://127.0.0.1:8080"));
        let (_, text) = SESSION.of("a-show").set(&https, "v4.local.abc", 600);
        assert_eq!(
            text,
            "__Host-fg_session_a-show=v4.local.abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; \
                Secure"
        );
        let (_, text) = SESSION.set(&http, "x", 1);
        assert_eq!(text, "fg_session=x; Path=/; Max-Age=1; HttpOnly; SameSite=Lax");
        assert!(!SESSION.set(&http, "x\r\nset-cookie: y=z", 1).1.contains("y=z"));
        // Browsers ignore whatever does not keep to the rules of the prefix, so a cookie is taken
        // away by them, too.
        let (_, gone) = Cookie::strict("fg_session").gone(&https);
        assert_eq!(
            gone,
            "__Host-fg_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
        );
    }

    #[test]
    fn only_the_name_that_was_set_is_read() {
        let (https, http) = (at("https://tickets.example"), at("http://127.0.0.1:8080"));
        let read = |came: &str, at: &PublicUrl| {
            let headers = HeaderMap::from_iter([(
                header::COOKIE,
                HeaderValue::from_str(came).expect("a header"),
            )]);
            SESSION.read(&CookieJar::from_headers(&headers), at).map(str::to_owned)
        };
        let (secure, plain) = ("__Host-fg_session=x", "fg_session=x");
        assert_eq!(
            (read(secure, &https), read(plain, &http)),
            (Some("x".to_owned()), Some("x".to_owned()))
        );
        // Another host of the domain can set the plain name, also by http.
        assert_eq!((read(plain, &https), read(secure, &http)), (None, None));
        assert_eq!(read("fg_session=", &http), None);
    }
}

//! Cookies that no script can read.

use axum::http::{HeaderName, HeaderValue, header};
use axum_extra::extract::CookieJar;

/// A cookie by name, for the addresses under `path`.
#[derive(Debug, Clone, Copy)]
pub struct Cookie {
    pub name: &'static str,
    pub path: &'static str,
    /// Not sent along when somebody comes from another site. Lax otherwise: sent when they follow a link.
    pub strict: bool,
}

impl Cookie {
    /// Its value, if it came and is not empty.
    pub fn read<'a>(&self, jar: &'a CookieJar) -> Option<&'a str> {
        jar.get(self.name).map(|cookie| cookie.value()).filter(|value| !value.is_empty())
    }

    /// The header that sets it for `secs` seconds. `value` is a token of ours and needs no quoting.
    pub fn set(&self, https: bool, value: &str, secs: i64) -> (HeaderName, String) {
        let Self { name, path, strict } = self;
        let secure = if https { "; Secure" } else { "" };
        let site = if *strict { "Strict" } else { "Lax" };
        let text = format!("{name}={value}; Path={path}; Max-Age={secs}; HttpOnly; SameSite={site}{secure}");
        // A value that does not fit a header is no token of ours.
        let text = if HeaderValue::from_str(&text).is_ok() { text } else { format!("{name}=; Path={path}; Max-Age=0") };
        (header::SET_COOKIE, text)
    }

    /// The header that takes it away.
    pub fn gone(&self, https: bool) -> (HeaderName, String) {
        self.set(https, "", 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Cookie = Cookie { name: "fg_session", path: "/", strict: false };

    #[test]
    fn scripts_and_other_sites_do_not_get_it_and_it_ends() {
        let (_, text) = SESSION.set(true, "v4.local.abc", 600);
        assert_eq!(text, "fg_session=v4.local.abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
        assert!(!SESSION.set(false, "x", 1).1.contains("Secure"));
        assert!(!SESSION.set(false, "x\r\nset-cookie: y=z", 1).1.contains("y=z"));
        assert!(Cookie { strict: true, ..SESSION }.gone(true).1.contains("Max-Age=0; HttpOnly; SameSite=Strict"));
    }
}

//! Base addresses: where a part is reached over HTTP, and which addresses belong to it.

use kit::settings::Settings;
use url::Url;

/// A base URL such as `https://tickets.example`.
#[derive(Debug, Clone)]
pub struct Base(Url);

impl Base {
    /// # Errors
    /// A sentence when `text` is not an absolute http or https URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("must be an http or https address".to_owned());
        }
        Ok(Self(url))
    }

    /// Reads a base from the settings; `default` is used where it is absent or wrong (which is noted).
    pub fn from_settings(settings: &mut Settings, key: &str, default: &str) -> Self {
        let text = settings.or(key, default.to_owned());
        Self::parse(&text)
            .or_else(|mistake| {
                settings.mistake(format!("{key} {mistake}"));
                Self::parse(default)
            })
            // A default that is wrong as well comes from another setting, whose mistake has been noted.
            .unwrap_or_else(|_| Self::fallback())
    }

    /// `FAIRGATE_PUBLIC_URL`: where browsers reach this system; by default where it listens.
    pub fn public(settings: &mut Settings) -> Self {
        let listen = settings.or("FAIRGATE_LISTEN", "127.0.0.1:8080".to_owned());
        Self::from_settings(settings, "FAIRGATE_PUBLIC_URL", &format!("http://{listen}"))
    }

    #[allow(clippy::expect_used, reason = "a constant")]
    fn fallback() -> Self {
        Self::parse("http://127.0.0.1:8080").expect("a URL")
    }

    /// The address of `path`, which starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text())
    }

    /// Without a slash at the end.
    pub fn text(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether `address` lies at this origin (scheme, host and port).
    pub fn owns(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| url.origin() == self.0.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_origin_is_ours() {
        let base = Base::parse("https://tickets.example/").expect("a URL");
        assert_eq!(base.at("/orders/1"), "https://tickets.example/orders/1");
        assert!(base.owns("https://tickets.example/orders/1?key=x"));
        for foreign in [
            "http://tickets.example/orders/1",
            "https://tickets.example.evil/orders/1",
            "https://tickets.example:8443/",
            "//tickets.example/",
            "javascript:alert(1)",
            "https://tickets.example@evil.example/",
        ] {
            assert!(!base.owns(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_address_must_be_a_web_address() {
        assert!(Base::parse("localhost").is_err());
        assert!(Base::parse("ftp://tickets.example").is_err());
    }
}

//! Where a part of the system is reached over HTTP, and what follows from it: which addresses are
//! its own, and how its cookies are guarded.

use std::{fmt, str::FromStr};

use url::{Host, Url};

use crate::settings::{Env, Settings};

/// Where browsers reach this system.
const KEY: &str = "FAIRGATE_PUBLIC_URL";
const LISTEN: &str = "127.0.0.1:8080";

/// A base address such as `https://tickets.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

/// What is wrong with an address, as the end of a sentence that names it. The address is not
/// repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPublic {
    #[error("it is not a URL")]
    Url,
    #[error("it must be an http or https address")]
    Scheme,
    #[error("it must be a bare address, without a user, a query or a fragment")]
    Surplus,
    #[error("it must end with the host or its port: pages and cookies are at its root")]
    Path,
}

impl FromStr for PublicUrl {
    type Err = NotPublic;

    fn from_str(text: &str) -> Result<Self, NotPublic> {
        let url = Url::parse(text.trim()).map_err(|_| NotPublic::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(NotPublic::Scheme);
        }
        let is_bare = url.username().is_empty() && url.password().is_none();
        if !is_bare || url.query().is_some() || url.fragment().is_some() {
            return Err(NotPublic::Surplus);
        }
        Ok(Self(url))
    }
}

impl PublicUrl {
    /// `FAIRGATE_PUBLIC_URL`; by default where this system listens.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let listen = settings.or("FAIRGATE_LISTEN", LISTEN.to_owned());
        let public: Self = settings.optional(KEY).unwrap_or_else(|| Self::of_listener(&listen));
        if public.0.path() != "/" {
            settings.mistake(format!("{KEY} cannot be read: {}", NotPublic::Path));
        }
        public
    }

    /// The same for a tool, which does not check all settings.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn from_env(env: &dyn Env) -> Result<Self, crate::settings::Mistakes> {
        let mut settings = Settings::new(env);
        let public = Self::from_settings(&mut settings);
        settings.finish().map(|()| public)
    }

    /// Another part's address under `key`; `default` where it is not set.
    pub fn of_part(settings: &mut Settings, key: &str, default: &Self) -> Self {
        settings.or(key, default.clone())
    }

    fn of_listener(listen: &str) -> Self {
        // One that cannot be read is a mistake noted by whoever listens.
        format!("http://{listen}").parse().unwrap_or_else(|_| Self::fallback())
    }

    #[allow(clippy::expect_used, reason = "a constant")]
    fn fallback() -> Self {
        format!("http://{LISTEN}").parse().expect("a URL")
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Scheme, host and port, as browsers write them in `Origin`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether it is the address of no host, such as `http://0.0.0.0:8080`, which nobody can open.
    pub fn is_nowhere(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => address.is_unspecified(),
            Some(Host::Ipv6(address)) => address.is_unspecified(),
            Some(Host::Domain(_)) | None => false,
        }
    }

    /// The address of `path`, which starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// Whether `address` lies at this origin.
    pub fn owns(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| url.origin() == self.0.origin())
    }
}

/// Without a slash at the end.
impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn url(text: &str) -> PublicUrl {
        text.parse().expect("an address")
    }

    #[test]
    fn only_the_same_origin_is_ours() {
        let base = url("https://tickets.example/");
        assert_eq!(base.join("/orders/1"), "https://tickets.example/orders/1");
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
    fn however_it_is_written_it_is_read_as_browsers_do() {
        let written = url(" HTTPS://Tickets.Example:443/ ");
        assert!(written.is_https());
        assert_eq!(
            (written.to_string(), written.origin()),
            (written.origin(), "https://tickets.example".to_owned())
        );
        assert!(!url("http://https.example").is_https());
        for (text, mistake) in [
            ("localhost", NotPublic::Url),
            ("ftp://tickets.example", NotPublic::Scheme),
            ("https://user:hunter2@tickets.example", NotPublic::Surplus),
            ("https://tickets.example/?a=b", NotPublic::Surplus),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(mistake), "{text}");
        }
    }

    #[test]
    fn settings_name_it_or_it_is_where_the_system_listens() {
        let read = |pairs: &[(&str, &str)]| {
            let env: HashMap<String, String> =
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            PublicUrl::from_env(&env)
                .map(|url| url.to_string())
                .map_err(|mistakes| mistakes.to_string())
        };
        assert_eq!(read(&[]), Ok("http://127.0.0.1:8080".to_owned()));
        assert_eq!(read(&[("FAIRGATE_LISTEN", "[::1]:90")]), Ok("http://[::1]:90".to_owned()));
        assert_eq!(
            read(&[(KEY, "https://tickets.example/")]),
            Ok("https://tickets.example".to_owned())
        );
        let is_nowhere = |pairs: &[(&str, &str)]| url(&read(pairs).expect("read")).is_nowhere();
        let everywhere = [("FAIRGATE_LISTEN", "0.0.0.0:8080")];
        assert!(
            is_nowhere(&everywhere) && is_nowhere(&[("FAIRGATE_LISTEN", "[::]:8080"), (KEY, " ")])
        );
        assert!(
            !is_nowhere(&[everywhere[0], (KEY, "https://tickets.example")]) && !is_nowhere(&[])
        );
        for wrong in ["tickets.example", "https://tickets.example/shop"] {
            assert!(read(&[(KEY, wrong)]).expect_err(wrong).contains(KEY));
        }
    }
}

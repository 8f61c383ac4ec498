//! What notifications are told at start.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kit::{public_url::PublicUrl, settings::Settings};
use lettre::{
    AsyncSmtpTransport, Tokio1Executor, message::Mailbox,
    transport::smtp::AsyncSmtpTransportBuilder,
};
use url::{Host, Url};
use waitroom::contract::TurnMailKeys;

/// Emails in the air at once, a sender.
pub const AT_ONCE: usize = 8;
/// How long the mail server may take for one answer.
pub const SMTP_STEP: Duration = Duration::from_secs(10);

/// Settings of the notifications role. There is no `Debug`: the mail server's address may hold a
/// password.
#[derive(Clone)]
pub struct Config {
    /// Where mail goes: `smtps://user:password@host`, `smtp://user:password@host:587?tls=required`
    /// (STARTTLS), or `smtp://host:port` without encryption.
    pub smtp_url: String,
    /// Who emails are from.
    pub from: Option<Mailbox>,
    /// Opens the addresses of fans who want a mail near their turn.
    pub turn_mail_keys: Option<Arc<TurnMailKeys>>,
    /// Where browsers reach this system.
    pub public: PublicUrl,
    /// The Maildir of a local mail server, whose emails are shown at `/sandbox/mailbox`. Never set
    /// where mail is real.
    pub mailbox: Option<PathBuf>,
}

impl Config {
    /// Reads `FAIRGATE_SMTP_URL`, `FAIRGATE_MAIL_FROM`, `FAIRGATE_PLACE_KEYS`,
    /// `FAIRGATE_PUBLIC_URL` and `FAIRGATE_MAILBOX`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let smtp_url = settings.required(
            "FAIRGATE_SMTP_URL",
            "name a mail server, such as smtp://user:password@host:587?tls=required; `ops/stack \
                dev up mail` starts one that delivers nothing",
        );
        if !smtp_url.is_empty()
            && let Err(mistake) = check(&smtp_url)
        {
            settings.mistake(format!("FAIRGATE_SMTP_URL {mistake}"));
        }
        let from = settings.required(
            "FAIRGATE_MAIL_FROM",
            "say who emails are from, such as Fairgate <tickets@fairgate.example>",
        );
        let sender = sender(&from);
        if sender.is_none() && !from.is_empty() {
            settings.mistake(
                "FAIRGATE_MAIL_FROM must be a mail address, with or without a name".to_owned(),
            );
        }
        Self {
            smtp_url,
            from: sender,
            turn_mail_keys: TurnMailKeys::from_settings(settings).map(Arc::new),
            public: PublicUrl::from_settings(settings),
            mailbox: settings.optional("FAIRGATE_MAILBOX"),
        }
    }
}

/// A bare address gets the house's name.
fn sender(text: &str) -> Option<Mailbox> {
    let mut sender: Mailbox = text.parse().ok()?;
    sender.name.get_or_insert_with(|| "Fairgate".to_owned());
    Some(sender)
}

/// The transport that `url` describes, to be given limits.
pub fn transport(url: &str) -> Result<AsyncSmtpTransportBuilder, &'static str> {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        // The error may repeat the address, and the address a password.
        .map_err(|_| {
            "must be an address such as smtp://host:25, smtp://host:587?tls=required or \
            smtps://host"
        })
}

fn check(url: &str) -> Result<(), &'static str> {
    transport(url)?;
    let url = Url::parse(url).map_err(|_| "is not a URL")?;
    let is_local = match url.host() {
        // Hosts of schemes like these are kept as text.
        Some(Host::Domain(name)) => name == "localhost" || name == "127.0.0.1",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return Err("names no host"),
    };
    let is_sealed = url.scheme() == "smtps"
        || url.query_pairs().any(|pair| pair == ("tls".into(), "required".into()));
    if url.password().is_some() && !is_sealed && !is_local {
        return Err("would send its password unencrypted; write smtps://…, or add ?tls=required");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let env: HashMap<String, String> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut settings = Settings::new(&env);
        let config = Config::from_settings(&mut settings);
        settings.finish().map(|()| config).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn without_a_mail_server_the_role_says_what_is_missing() {
        let told = read(&[]).err().expect("mistakes");
        for key in [
            "FAIRGATE_SMTP_URL is missing",
            "FAIRGATE_MAIL_FROM is missing",
            "FAIRGATE_PLACE_KEYS is missing",
        ] {
            assert!(told.contains(key), "{told}");
        }
    }

    #[test]
    fn a_password_never_travels_in_the_open_and_is_never_repeated() {
        let keys = kit::token::generate_seal_key().expect("a key");
        for (url, fits) in [
            ("smtp://127.0.0.1:15325", true),
            ("smtps://user:hunter2@mail.example", true),
            ("smtp://user:hunter2@mail.example:587?tls=required", true),
            ("smtp://user:hunter2@127.0.0.1:25", true),
            ("smtp://mail.example", true),
            ("smtp://user:hunter2@mail.example", false),
            ("smtp://user:hunter2@mail.example?tls=opportunistic", false),
            ("imap://user:hunter2@mail.example", false),
            ("hunter2", false),
        ] {
            let told = read(&[
                ("FAIRGATE_SMTP_URL", url),
                ("FAIRGATE_MAIL_FROM", "tickets@fairgate.example"),
                ("FAIRGATE_PLACE_KEYS", &keys),
            ]);
            assert_eq!(told.is_ok(), fits, "{url}");
            assert!(!told.err().unwrap_or_default().contains("hunter2"), "{url}");
        }
    }
}

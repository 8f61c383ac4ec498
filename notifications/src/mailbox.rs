//! The Maildir of a local mail server, which catches what would go to fans. Read only.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use catalog::contract::when::Moment;
use chrono::DateTime;
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, parsers::MessageStream};

/// Larger emails are shown up to here only.
const EMAIL_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Where a Maildir keeps emails: not looked at yet, and looked at.
const FOLDERS: [&str; 2] = ["new", "cur"];

/// An email in the list.
pub struct Listed {
    /// The name of its file.
    pub email: String,
    pub to: String,
    pub subject: String,
    /// Absent where the email does not say.
    pub at: Option<Moment>,
}

/// An email as it was caught.
pub struct Caught {
    pub subject: String,
    /// Name and value of each header, in words.
    pub headers: Vec<(String, String)>,
    pub text: String,
    /// With the pictures it names put in as `data:`, so that it needs nothing from anywhere.
    pub html: Option<String>,
    pub pictures: Vec<Picture>,
}

/// An attached picture.
pub struct Picture {
    pub file: String,
    /// `data:image/png;base64,…`
    pub url: String,
}

struct Entry {
    email: String,
    path: PathBuf,
    at: SystemTime,
}

/// The newest emails, newest first. A mailbox that is not there yet is empty.
pub fn newest(mailbox: &Path, max: usize) -> io::Result<Vec<Listed>> {
    let mut entries = entries(mailbox)?;
    entries.sort_by(|left, right| (right.at, &right.email).cmp(&(left.at, &left.email)));
    entries.truncate(max);
    let list = |entry: Entry| {
        let bytes = read(&entry.path).ok()?;
        let message = MessageParser::new().parse(&bytes)?;
        Some(Listed {
            email: entry.email,
            to: to(&message),
            subject: subject(&message),
            at: at(&message),
        })
    };
    // One that went away meanwhile is left out.
    Ok(entries.into_iter().filter_map(list).collect())
}

/// The email in the file of that name. Only names that the mailbox itself lists are opened, so no
/// name leads out of it.
pub fn email(mailbox: &Path, name: &str) -> io::Result<Option<Caught>> {
    let Some(entry) = entries(mailbox)?.into_iter().find(|entry| entry.email == name) else {
        return Ok(None);
    };
    let bytes = read(&entry.path)?;
    Ok(MessageParser::new().parse(&bytes).map(|message| caught(&message)))
}

fn entries(mailbox: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for folder in FOLDERS {
        let files = match fs::read_dir(mailbox.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            files => files?,
        };
        for file in files {
            let file = file?;
            let (Ok(email), Ok(about)) = (file.file_name().into_string(), file.metadata()) else {
                continue;
            };
            // Of a link, this tells about the link itself.
            if about.is_file() {
                entries.push(Entry {
                    email,
                    path: file.path(),
                    at: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                });
            }
        }
    }
    Ok(entries)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(EMAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn to(message: &Message<'_>) -> String {
    let addresses = message.to().into_iter().flat_map(|to| to.iter());
    addresses.filter_map(|to| to.address()).collect::<Vec<_>>().join(", ")
}

fn subject(message: &Message<'_>) -> String {
    message.subject().unwrap_or("(no subject)").to_owned()
}

/// An email belongs to no venue; browsers tell its time in the reader's zone.
fn at(message: &Message<'_>) -> Option<Moment> {
    let at = message.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0))?;
    Some(Moment::short(at, "UTC"))
}

/// A header's value in words: lines unfolded, encoded words (RFC 2047) decoded.
fn in_words(value: &str) -> String {
    let line = format!("{}\n", value.trim());
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => value.trim().to_owned(),
    }
}

fn caught(message: &Message<'_>) -> Caught {
    let pictures = message.attachments().filter_map(|part| {
        let kind = part.content_type()?;
        let mime = match (kind.ctype(), kind.subtype()?) {
            ("image", "png") => "image/png",
            ("image", "jpeg") => "image/jpeg",
            _ => return None,
        };
        let url = format!("data:{mime};base64,{}", STANDARD.encode(part.contents()));
        let file = part.attachment_name().unwrap_or("picture").to_owned();
        Some((part.content_id().map(str::to_owned), Picture { file, url }))
    });
    let pictures: Vec<(Option<String>, Picture)> = pictures.collect();
    let html = message
        .html_part(0)
        .filter(|part| part.is_text_html())
        .and(message.body_html(0))
        .map(|html| {
            pictures.iter().fold(html.into_owned(), |html, (id, picture)| match id {
                Some(id) => html.replace(&format!("\"cid:{id}\""), &format!("\"{}\"", picture.url)),
                None => html,
            })
        });
    Caught {
        subject: subject(message),
        headers: message
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), in_words(value)))
            .collect(),
        text: message.body_text(0).map(|text| text.into_owned()).unwrap_or_default(),
        html,
        pictures: pictures.into_iter().map(|(_, picture)| picture).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_read_wherever_they_stand() {
        let bytes = b"From: =?utf-8?b?RMO8bmU=?= <tickets@fairgate.example>\r\n\
            To: \"Ay\xc5\x9fe\" <a@b.example>\r\n\
            Subject: =?utf-8?b?SWhyZSAzIEthcnRlbiBmw7w=?=\r\n =?utf-8?q?r_M=C3=A4rchen?=\r\n\
            X-Note: plain and\r\n\tfolded\r\n\
            Message-ID: <1@fairgate.example>\r\n\r\nHello";
        let message = MessageParser::new().parse(bytes.as_slice()).expect("an email");
        let caught = caught(&message);
        let header = |wanted: &str| {
            caught
                .headers
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
                .expect(wanted)
        };
        assert_eq!(header("Subject"), "Ihre 3 Karten für Märchen");
        assert_eq!(caught.subject, header("Subject"));
        assert_eq!(header("From"), "Düne <tickets@fairgate.example>");
        assert_eq!(header("To"), "\"Ayşe\" <a@b.example>");
        assert_eq!(header("X-Note"), "plain and folded");
        assert_eq!(header("Message-ID"), "<1@fairgate.example>");
    }

    #[test]
    fn only_what_the_mailbox_lists_is_opened() {
        let place = std::env::temp_dir().join(format!("fairgate-mailbox-{}", uuid::Uuid::new_v4()));
        let mailbox = place.join("box");
        fs::create_dir_all(mailbox.join("new")).expect("a folder");
        fs::write(place.join("secret"), "Subject: secret\r\n\r\nx").expect("a file");
        fs::write(
            mailbox.join("new/1.eml"),
            "To: a@b.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello",
        )
        .expect("a file");
        std::os::unix::fs::symlink(place.join("secret"), mailbox.join("new/2.eml"))
            .expect("a link");
        let listed = newest(&mailbox, 50).expect("a list");
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].subject.as_str(), listed[0].to.as_str()), ("Grüße", "a@b.example"));
        assert_eq!(
            email(&mailbox, "1.eml").expect("read").map(|caught| caught.text),
            Some("Hello".to_owned())
        );
        for name in ["../../secret", "2.eml", "/etc/passwd", "..", "", ".", "new/1.eml", "1.eml\0"]
        {
            assert!(email(&mailbox, name).expect("read").is_none(), "{name:?}");
        }
        fs::remove_dir_all(&place).expect("removed");
        assert!(newest(&mailbox, 50).expect("a list").is_empty(), "one that is not there is empty");
    }
}

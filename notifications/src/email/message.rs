//! From an email to a message as it goes through SMTP. Pure.

use lettre::{
    Address, Message,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::{Email, email_context::EmailContext, pictures, retry::SendError};

/// Builds the message with a text part, an HTML part and its pictures. The same email has the same
/// Message-ID whenever it is sent, so that a mail program may recognise one that came twice.
///
/// # Errors
/// [`SendError::Never`] for an address that cannot be one, or an email that cannot be put together.
pub fn build(
    id: Uuid,
    from: &Mailbox,
    address: &str,
    context: &EmailContext,
) -> Result<Message, SendError> {
    let name = Some(one_line(&context.name)).filter(|name| !name.is_empty());
    let to = Mailbox::new(name, self::address(address)?);
    let email = Email::write(context);
    let cannot = |_| SendError::Never("the email could not be put together");
    let text =
        email.text().map_err(|_| SendError::Never("the email's text could not be rendered"))?;
    let html =
        email.html().map_err(|_| SendError::Never("the email's page could not be rendered"))?;
    let pictures = pictures(&context.matter)
        .map_err(|_| SendError::Never("a ticket's picture could not be drawn"))?;
    let png = ContentType::parse("image/png")
        .map_err(|_| SendError::Never("the email could not be put together"))?;
    let mut related = MultiPart::related().singlepart(SinglePart::html(html));
    for picture in pictures {
        let inline = Attachment::new_inline_with_name(picture.id, picture.file);
        related = related.singlepart(inline.body(picture.png, png.clone()));
    }
    let mut message = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(one_line(&email.subject))
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .multipart(MultiPart::alternative().singlepart(SinglePart::plain(text)).multipart(related))
        .map_err(cannot)?;
    let headers = message.headers_mut();
    // Holiday notices and the like are not for us (RFC 3834).
    headers.insert_raw(raw("Auto-Submitted", "auto-generated")?);
    headers.insert_raw(raw("Content-Language", email.language)?);
    Ok(message)
}

fn raw(name: &'static str, value: &str) -> Result<HeaderValue, SendError> {
    let name = HeaderName::new_from_ascii(name.to_owned())
        .map_err(|_| SendError::Never("the email could not be put together"))?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

/// A domain in other letters than ASCII travels in its ASCII form; servers need to know nothing of
/// it.
fn address(text: &str) -> Result<Address, SendError> {
    const NONE: SendError = SendError::Never("the address cannot be one");
    let (user, domain) = text.rsplit_once('@').ok_or(NONE)?;
    let domain = match domain {
        literal if literal.starts_with('[') => literal.to_owned(),
        domain => url::Host::parse(domain).map_err(|_| NONE)?.to_string(),
    };
    Address::new(user, domain).map_err(|_| NONE)
}

/// A line break in a name or title must not start another header.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() || "\u{2028}\u{2029}".contains(c) { ' ' } else { c })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;
    use crate::email::{
        email_context::Matter,
        tests::{context, tickets},
    };

    fn from() -> Mailbox {
        "Fairgate <tickets@fairgate.example>".parse().expect("an address")
    }

    fn built(context: &EmailContext, address: &str) -> Vec<u8> {
        build(Uuid::from_u128(7), &from(), address, context).expect("a message").formatted()
    }

    #[test]
    fn a_message_has_both_parts_and_a_picture_a_ticket() {
        let bytes = built(&context("en", tickets(3)), "a@b.example");
        let message = MessageParser::new().parse(&bytes).expect("parses");
        assert_eq!(
            message.message_id(),
            Some("00000000-0000-0000-0000-000000000007@fairgate.example")
        );
        assert_eq!(message.subject(), Some("Your 3 tickets for Harbour Lights"));
        assert!(message.body_text(0).expect("text").contains("7ZZZZ ABCDE"));
        assert!(message.body_html(0).expect("html").contains("cid:ticket-1@fairgate"));
        let pictures: Vec<_> = message.attachments().map(|part| part.contents().to_vec()).collect();
        assert_eq!(pictures.len(), 3);
        assert!(pictures.iter().all(|picture| picture.starts_with(b"\x89PNG")));
    }

    #[test]
    fn no_name_and_no_title_starts_a_header() {
        let mut context = context("en", Matter::Answer("Yes.".to_owned()));
        for evil in [
            "Eve\r\nBcc: all@evil.example",
            "Eve\nX-Evil: 1",
            "Eve\rX-Evil: 1",
            "Eve\u{2028}X-Evil: 1",
            "\"E\",v;e <x@y>",
        ] {
            context.name = evil.to_owned();
            context.show.title = evil.to_owned();
            let bytes = built(&context, "a@b.example");
            let message = MessageParser::new().parse(&bytes).expect("parses");
            assert!(message.bcc().is_none() && message.header_raw("X-Evil").is_none(), "{evil:?}");
            assert_eq!(message.to().map(|to| to.iter().count()), Some(1), "{evil:?}");
            assert_eq!(
                message.to().and_then(|to| to.first()).and_then(|to| to.address()),
                Some("a@b.example")
            );
            let head = bytes.split(|byte| *byte == b'\n').take_while(|line| line.len() > 1);
            for line in head {
                let line = String::from_utf8_lossy(line).to_lowercase();
                assert!(!line.starts_with("bcc") && !line.starts_with("x-evil"), "{line}");
            }
        }
    }

    #[test]
    fn addresses_that_cannot_be_are_refused_and_foreign_domains_spelled_out() {
        for wrong in [
            "",
            "a",
            "a@",
            "@b.example",
            "a b@c.example",
            "a@b.example\r\nRCPT TO:<c@d.example>",
            "a@b c",
        ] {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            address("li@例え.jp").map(|found| found.to_string()),
            Ok("li@xn--r8jz45g.jp".to_owned())
        );
    }
}

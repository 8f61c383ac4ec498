//! Writing, answering and closing support requests.

use catalog::contract::ShowId;
use chrono::Utc;
use kit::http::RequestId;
use serde_json::json;
use uuid::Uuid;

use crate::{
    App,
    audit::AuditEntry,
    error::Error,
    staff::Staff,
    store::{self, audit::record},
    support::{
        FAN_MESSAGES_MAX, SupportEvent, SupportMessage, SupportRequest, SupportRequestId,
        SupportStatus, TOPICS,
    },
};

const TEXT_CHARS_MAX: usize = 4000;

/// The text of a message as it is kept.
fn text_of(text: &str) -> Result<String, Error> {
    // Browsers send line ends as CR LF.
    let text = text.replace("\r\n", "\n").trim().to_owned();
    let unfit = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    match text.chars().count() {
        0 => Err(Error::field("text", "Write something.")),
        chars if chars > TEXT_CHARS_MAX => {
            Err(Error::field("text", "Write 4,000 characters at most."))
        }
        _ if text.contains(unfit) => Err(Error::field("text", "Leave out control characters.")),
        _ => Ok(text),
    }
}

/// Adds what a fan wrote about an order to its open support request, or opens one.
///
/// # Errors
/// [`Error::Field`] for `topic` and `text`; [`Error::SupportRequestFull`].
pub async fn write(
    app: &App,
    order: Uuid,
    show: &ShowId,
    (topic, text): (&str, &str),
) -> Result<SupportRequestId, Error> {
    let text = text_of(text)?;
    if !TOPICS.iter().any(|(id, _)| *id == topic) {
        return Err(Error::field("topic", "Choose what it is about."));
    }
    let mut tx = app.pool.begin().await?;
    let id = store::support::open(&mut tx, order, show, topic).await?;
    if store::support::fan_messages(&mut tx, id).await? >= FAN_MESSAGES_MAX {
        return Err(Error::SupportRequestFull);
    }
    store::support::add_message(&mut tx, id, Uuid::now_v7(), None, &text, Utc::now()).await?;
    store::support::set_state(&mut tx, id, SupportStatus::Open).await?;
    tx.commit().await?;
    Ok(id)
}

/// What somebody answers, and what tells it from their other answers when it is sent again.
pub struct NewAnswer<'a> {
    pub text: &'a str,
    /// `None` where every sending is another answer.
    pub key: Option<&'a str>,
}

impl NewAnswer<'_> {
    /// The message's id: the same for the same key of the same admin in the same request.
    fn message(&self, staff: &Staff, id: SupportRequestId) -> Uuid {
        let Some(key) = self.key else { return Uuid::now_v7() };
        Uuid::new_v5(&id.uuid(), format!("{}\n{key}", staff.id).as_bytes())
    }
}

/// Answers a support request; the fan is told by mail, once. The event goes out once this is
/// committed. Gives the message's id.
///
/// # Errors
/// [`Error::SupportRequestUnknown`], [`Error::Field`]; [`Error::AnswerChanged`] where another text
/// was sent with the same key.
pub async fn answer(
    app: &App,
    staff: &Staff,
    id: SupportRequestId,
    answer: &NewAnswer<'_>,
    request: &RequestId,
) -> Result<Uuid, Error> {
    let text = text_of(answer.text)?;
    let (message, at) = (answer.message(staff, id), Utc::now());
    let mut tx = app.pool.begin().await?;
    let known = store::support::locked(&mut tx, id).await?.ok_or(Error::SupportRequestUnknown)?;
    match store::support::text(&mut tx, message).await? {
        Some(sent) if sent == text => return Ok(message),
        Some(_) => return Err(Error::AnswerChanged),
        None => {}
    }
    store::support::add_message(&mut tx, id, message, Some(&staff.email), &text, at).await?;
    // A closed request stays closed: another may be open by now.
    let state = match known.state {
        SupportStatus::Closed => SupportStatus::Closed,
        SupportStatus::Open | SupportStatus::Answered => SupportStatus::Answered,
    };
    store::support::set_state(&mut tx, id, state).await?;
    let event = SupportEvent::Answered { request: id, message, order: known.order, at };
    store::outbox::add(&mut tx, &id.to_string(), &event, request).await?;
    let entry = AuditEntry::new("support.answer", format!("support {id}"))
        .before(json!({"state": known.state}))
        .after(json!({"state": state, "message": message}));
    record(&mut tx, staff, request, &entry).await?;
    tx.commit().await?;
    Ok(message)
}

/// Closes a support request; what the fan writes next opens another.
///
/// # Errors
/// [`Error::SupportRequestUnknown`].
pub async fn close(
    app: &App,
    staff: &Staff,
    id: SupportRequestId,
    request: &RequestId,
) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    let known = store::support::locked(&mut tx, id).await?.ok_or(Error::SupportRequestUnknown)?;
    if known.state != SupportStatus::Closed {
        store::support::set_state(&mut tx, id, SupportStatus::Closed).await?;
        let entry = AuditEntry::new("support.close", format!("support {id}"))
            .before(json!({"state": known.state}))
            .after(json!({"state": "closed"}));
        record(&mut tx, staff, request, &entry).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A support request with what was written in it.
///
/// # Errors
/// [`Error::SupportRequestUnknown`].
pub async fn thread(
    app: &App,
    id: SupportRequestId,
) -> Result<(SupportRequest, Vec<SupportMessage>), Error> {
    let known = store::support::one(&app.pool, id).await?.ok_or(Error::SupportRequestUnknown)?;
    let messages = store::support::messages(&app.pool, &[id.uuid()]).await?;
    Ok((known, messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_trimmed_and_bounded() {
        assert_eq!(text_of(" a\r\nb \n").expect("text"), "a\nb");
        for text in ["", " \r\n ", "a\u{0}b", &"x".repeat(4001)] {
            assert!(matches!(text_of(text), Err(Error::Field { field, .. }) if field == "text"));
        }
        assert!(text_of(&"ä".repeat(4000)).is_ok());
    }
}

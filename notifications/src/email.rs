//! What an email says: from what happened to words, in the buyer's language. Pure.

use askama::Template;
use catalog::contract::when;
use chrono::{DateTime, Utc};

use self::{
    email_context::{EmailContext, Matter, Ticket},
    translations::{Translations, args},
};

pub mod consumer;
pub mod email_context;
pub mod kind;
pub mod message;
pub mod near_turns;
pub mod qr;
pub mod queue;
pub mod retry;
pub mod sender;
pub mod translations;

/// An email in words, for the templates.
pub struct Email {
    pub language: &'static str,
    pub subject: String,
    heading: String,
    greeting: String,
    paragraphs: Vec<String>,
    /// Somebody's words, line by line.
    quote: Vec<String>,
    facts: Vec<(String, String)>,
    code_label: String,
    tickets: Vec<WrittenTicket>,
    link: (String, String),
    after: Option<String>,
    farewell: String,
    footer: String,
}

struct WrittenTicket {
    title: String,
    kind: String,
    code: String,
    picture: String,
    picture_id: String,
}

/// A picture that the HTML part shows, as `cid:<id>`.
pub struct Picture {
    pub id: String,
    pub file: String,
    pub png: Vec<u8>,
}

#[derive(Template)]
#[template(path = "email.txt", escape = "none")]
struct Plain<'a> {
    email: &'a Email,
}

#[derive(Template)]
#[template(path = "email.html")]
struct Html<'a> {
    email: &'a Email,
}

impl Email {
    /// Writes the email.
    pub fn write(context: &EmailContext) -> Self {
        let translations = translations::in_language(&context.language);
        let mut email = Self::blank(translations, context);
        match &context.matter {
            Matter::Tickets(tickets) => email.hand_over(translations, context, tickets),
            Matter::Refund { amount, void } => {
                let amount = amount.in_language(translations.tag);
                email.paragraphs.push(
                    translations.say("refund-intro", &args([("amount", amount.as_str().into())])),
                );
                if *void {
                    email.paragraphs.push(translations.plain("refund-void"));
                }
                email.facts.insert(0, (translations.plain("amount-label"), amount));
            }
            Matter::NewLink => {
                email.paragraphs.push(translations.plain("link-intro"));
                email.after = Some(translations.plain("link-keep"));
            }
            Matter::NearTurn { from, to } => {
                let zone = translations.zone(&context.show.venue.time_zone);
                let when = between(translations, context, (*from, *to));
                email.paragraphs.push(
                    translations
                        .say("near-intro", &args([("when", when.into()), ("zone", zone.into())])),
                );
                email.after = Some(translations.plain("near-keep"));
            }
            Matter::Answer(text) => {
                email.paragraphs.push(translations.plain("answer-intro"));
                email.quote = text.lines().map(str::to_owned).collect();
                email.after = Some(translations.plain("answer-reply"));
            }
        }
        email
    }

    /// All but what is special to the matter.
    fn blank(translations: &Translations, context: &EmailContext) -> Self {
        let show = &context.show;
        let (key, count) = match &context.matter {
            Matter::Tickets(tickets) => ("ticket", tickets.len()),
            Matter::Refund { .. } => ("refund", 0),
            Matter::Answer(_) => ("answer", 0),
            Matter::NewLink => ("link", 0),
            Matter::NearTurn { .. } => ("near", 0),
        };
        let when = match context.matter {
            Matter::NearTurn { from, to } => between(translations, context, (from, to)),
            _ => String::new(),
        };
        let say = |part: &str| {
            translations.say(
                &format!("{key}-{part}"),
                &args([
                    ("count", count.into()),
                    ("show", show.title.as_str().into()),
                    ("when", when.as_str().into()),
                ]),
            )
        };
        let (greeting, footer) = frame(translations, context);
        let place = format!("{}, {}", show.venue.name, show.venue.city);
        Self {
            language: translations.tag,
            subject: say("subject"),
            heading: say("heading"),
            greeting,
            paragraphs: Vec::new(),
            quote: Vec::new(),
            facts: vec![
                (show.performer.clone(), show.title.clone()),
                (
                    translations.plain("when-label"),
                    translations.moment(show.starts_at, &show.venue.time_zone),
                ),
                (translations.plain("where-label"), place),
            ]
            .into_iter()
            .chain(context.order.clone().map(|order| (translations.plain("order-label"), order)))
            .collect(),
            code_label: translations.plain("ticket-code"),
            tickets: Vec::new(),
            link: (say("link"), context.link.clone()),
            after: None,
            farewell: translations.plain("farewell"),
            footer,
        }
    }

    fn hand_over(
        &mut self,
        translations: &Translations,
        context: &EmailContext,
        tickets: &[Ticket],
    ) {
        let (show, count) = (&context.show, tickets.len());
        self.paragraphs.push(translations.say("ticket-intro", &args([("count", count.into())])));
        self.after = Some(translations.plain("ticket-keep"));
        let doors = when::time(show.doors_at, &show.venue.time_zone);
        self.facts.insert(
            2,
            (
                translations.plain("doors-label"),
                translations.say("doors", &args([("time", doors.into())])),
            ),
        );
        if let Some((_, place)) = self.facts.get_mut(3) {
            place.push_str(&format!(", {}", show.venue.address));
        }
        self.tickets = tickets
            .iter()
            .map(|ticket| WrittenTicket {
                title: translations.say(
                    "ticket-title",
                    &args([("number", ticket.number.into()), ("count", count.into())]),
                ),
                kind: ticket.kind.clone(),
                code: grouped(&ticket.code),
                picture: translations
                    .say("ticket-picture", &args([("number", ticket.number.into())])),
                picture_id: picture_id(ticket),
            })
            .collect();
    }

    /// The part for readers without HTML.
    ///
    /// # Errors
    /// The template's.
    pub fn text(&self) -> askama::Result<String> {
        Plain { email: self }.render()
    }

    /// # Errors
    /// The template's.
    pub fn html(&self) -> askama::Result<String> {
        Html { email: self }.render()
    }
}

/// How an email begins, and why its reader gets it.
fn frame(translations: &Translations, context: &EmailContext) -> (String, String) {
    let greeting = match context.name.as_str() {
        "" => translations.plain("greeting-plain"),
        name => translations.say("greeting", &args([("name", name.into())])),
    };
    let footer = match &context.order {
        Some(order) => translations.say("footer", &args([("order", order.as_str().into())])),
        None => {
            let show = context.show.title.as_str();
            translations.say("near-footer", &args([("show", show.into())]))
        }
    };
    (greeting, footer)
}

/// `between 20:10 and 20:25`, by the venue's clock.
fn between(
    translations: &Translations,
    context: &EmailContext,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> String {
    let time = |at| when::time(at, &context.show.venue.time_zone);
    match (time(from), time(to)) {
        (from, to) if from == to => translations.say("near-at", &args([("time", to.into())])),
        (from, to) => {
            translations.say("near-between", &args([("from", from.into()), ("to", to.into())]))
        }
    }
}

/// The pictures that go with an email.
///
/// # Errors
/// A ticket's code that does not fit a QR picture.
pub fn pictures(matter: &Matter) -> anyhow::Result<Vec<Picture>> {
    let Matter::Tickets(tickets) = matter else { return Ok(Vec::new()) };
    let draw = |ticket: &Ticket| {
        let file = format!("ticket-{}.png", ticket.number);
        Ok(Picture { id: picture_id(ticket), file, png: qr::png(&ticket.code)? })
    };
    tickets.iter().map(draw).collect()
}

fn picture_id(ticket: &Ticket) -> String {
    format!("ticket-{}@fairgate", ticket.number)
}

/// A code as people read it: groups of five, the last of six.
fn grouped(code: &str) -> String {
    let breaks = |index: usize| index > 0 && index.is_multiple_of(5) && index < 25;
    code.chars()
        .enumerate()
        .flat_map(|(index, character)| breaks(index).then_some(' ').into_iter().chain([character]))
        .collect()
}

#[cfg(test)]
pub mod tests {
    use catalog::contract::{Money, Show, Venue};

    use super::*;

    pub fn context(language: &str, matter: Matter) -> EmailContext {
        EmailContext {
            name: "Ayşe <b>Öztürk</b>".to_owned(),
            language: language.to_owned(),
            show: Show {
                show: "harbour-lights".parse().expect("an id"),
                title: "Harbour Lights".to_owned(),
                performer: "Mira Vale".to_owned(),
                genre: "Pop".to_owned(),
                description: String::new(),
                venue: Venue {
                    name: "Pier Hall".to_owned(),
                    city: "Hamburg".to_owned(),
                    country: "DE".to_owned(),
                    address: "Kai 3".to_owned(),
                    time_zone: "Europe/Berlin".to_owned(),
                },
                doors_at: "2026-11-21T18:00:00Z".parse().expect("a time"),
                starts_at: "2026-11-21T19:00:00Z".parse().expect("a time"),
                on_sale_at: "2026-10-21T19:00:00Z".parse().expect("a time"),
                high_traffic: true,
            },
            order: Some("0199".to_owned()),
            link: "https://tickets.example/orders/0199?key=k".to_owned(),
            matter,
        }
    }

    pub fn tickets(count: i32) -> Matter {
        let ticket = |number| Ticket {
            number,
            kind: "Floor".to_owned(),
            code: format!("7ZZZZABCDE12345FGHJKVWXYZ{number}"),
        };
        Matter::Tickets((1..=count).map(ticket).collect())
    }

    #[test]
    fn a_ticket_email_tells_all_that_matters() {
        let context = context("en", tickets(2));
        let email = Email::write(&context);
        assert_eq!(email.subject, "Your 2 tickets for Harbour Lights");
        let (text, html) = (email.text().expect("text"), email.html().expect("html"));
        for wanted in [
            "Harbour Lights",
            "Pier Hall, Hamburg, Kai 3",
            "Saturday 21 November 2026 at 20:00, Berlin time",
            "open at 19:00",
            "Ticket 2 of 2",
            "Floor",
            "7ZZZZ ABCDE 12345 FGHJK VWXYZ2",
            "https://tickets.example/orders/0199?key=k",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
            assert!(html.contains(wanted), "{wanted} in {html}");
        }
        assert!(html.contains("cid:ticket-2@fairgate"), "{html}");
        assert!(!html.contains("<b>Öztürk"), "a name is no markup: {html}");
        assert_eq!(pictures(&context.matter).expect("pictures").len(), 2);
    }

    #[test]
    fn emails_are_written_in_the_buyers_language() {
        let amount = Money::new(8_500, "EUR".parse().expect("a currency"));
        let refund = || Matter::Refund { amount, void: true };
        let german = Email::write(&context("de-CH", refund())).text().expect("text");
        assert!(german.contains("Wir haben 85,00\u{a0}€ auf Ihr Zahlungsmittel"), "{german}");
        assert!(german.contains("gelten nicht mehr"), "{german}");
        let other = Email::write(&context("tlh", refund())).text().expect("text");
        assert!(other.contains("We have given back €85.00"), "{other}");
    }

    #[test]
    fn a_mail_near_the_turn_says_when_in_the_venues_time_and_names_no_order() {
        let at = |text: &str| text.parse().expect("a time");
        let near = |from: &str, to: &str| Matter::NearTurn { from: at(from), to: at(to) };
        let written = |language: &str, matter| {
            let context = EmailContext {
                name: String::new(),
                order: None,
                link: "https://tickets.example/queue/harbour-lights".to_owned(),
                ..context(language, matter)
            };
            Email::write(&context)
        };
        let range = || near("2026-10-21T18:10:05Z", "2026-10-21T18:25:50Z");
        let english = written("en", range());
        assert_eq!(
            english.subject,
            "Your turn for Harbour Lights is near: between 20:10 and 20:25"
        );
        for part in [english.text().expect("text"), english.html().expect("html")] {
            for wanted in
                ["Hello,", "between 20:10 and 20:25, Berlin time", "/queue/harbour-lights"]
            {
                assert!(part.contains(wanted), "{wanted} in {part}");
            }
            assert!(!part.contains("Order"), "{part}");
        }
        let german = written("de", range());
        assert_eq!(
            german.subject,
            "Für Harbour Lights sind Sie bald an der Reihe: zwischen 20:10 und 20:25 Uhr"
        );
        assert!(german.text().expect("text").contains("(Ortszeit Berlin)"));
        let soon = written("en", near("2026-10-21T18:10:05Z", "2026-10-21T18:10:50Z"));
        assert!(soon.subject.ends_with("is near: at about 20:10"), "{}", soon.subject);
    }

    #[test]
    fn an_answer_is_quoted_line_by_line() {
        let email = Email::write(&context("en", Matter::Answer("One.\n<script>two".to_owned())));
        assert!(email.text().expect("text").contains("> One.\n> <script>two\n"));
        assert!(email.html().expect("html").contains("One.<br>&#60;script&#62;two"));
    }
}

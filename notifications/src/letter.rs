//! What a letter says: from what happened to words, in the buyer's language. Pure.

use askama::Template;
use catalog::contract::{Show, price, when};

use crate::{
    qr,
    words::{self, Words, args},
};

/// What a letter is written from.
pub struct Occasion {
    pub name: String,
    /// BCP 47.
    pub language: String,
    pub show: Show,
    /// The order as the buyer knows it.
    pub order: String,
    /// Where the order's page is, with its key.
    pub order_url: String,
    pub matter: Matter,
}

/// What happened.
pub enum Matter {
    Tickets(Vec<Ticket>),
    Refund {
        amount_minor: i64,
        currency: String,
        /// The order had tickets, which are no longer good.
        void: bool,
    },
    Answer(String),
    /// The links there were no longer open the order.
    NewLink,
}

/// A ticket to send.
pub struct Ticket {
    /// 1, 2, … within the order.
    pub number: i32,
    /// The name of its type.
    pub kind: String,
    pub code: String,
}

/// A letter in words, for the templates.
pub struct Letter {
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
#[template(path = "letter.txt", escape = "none")]
struct Plain<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
}

impl Letter {
    /// Writes the letter.
    pub fn write(occasion: &Occasion) -> Self {
        let words = words::of(&occasion.language);
        let mut letter = Self::blank(words, occasion);
        match &occasion.matter {
            Matter::Tickets(tickets) => letter.hand_over(words, occasion, tickets),
            Matter::Refund { amount_minor, currency, void } => {
                let amount = price::format_in(*amount_minor, currency, words.tag);
                letter
                    .paragraphs
                    .push(words.say("refund-intro", &args([("amount", amount.as_str().into())])));
                if *void {
                    letter.paragraphs.push(words.plain("refund-void"));
                }
                letter.facts.insert(0, (words.plain("amount-label"), amount));
            }
            Matter::NewLink => {
                letter.paragraphs.push(words.plain("link-intro"));
                letter.after = Some(words.plain("link-keep"));
            }
            Matter::Answer(text) => {
                letter.paragraphs.push(words.plain("answer-intro"));
                letter.quote = text.lines().map(str::to_owned).collect();
                letter.after = Some(words.plain("answer-reply"));
            }
        }
        letter
    }

    /// All but what is special to the matter.
    fn blank(words: &Words, occasion: &Occasion) -> Self {
        let show = &occasion.show;
        let (key, count) = match &occasion.matter {
            Matter::Tickets(tickets) => ("ticket", tickets.len()),
            Matter::Refund { .. } => ("refund", 0),
            Matter::Answer(_) => ("answer", 0),
            Matter::NewLink => ("link", 0),
        };
        let say = |part: &str| {
            words.say(
                &format!("{key}-{part}"),
                &args([("count", count.into()), ("show", show.title.as_str().into())]),
            )
        };
        let place = format!("{}, {}", show.venue.name, show.venue.city);
        Self {
            language: words.tag,
            subject: say("subject"),
            heading: say("heading"),
            greeting: words.say("greeting", &args([("name", occasion.name.as_str().into())])),
            paragraphs: Vec::new(),
            quote: Vec::new(),
            facts: vec![
                (show.performer.clone(), show.title.clone()),
                (words.plain("when-label"), words.moment(show.starts_at, &show.venue.time_zone)),
                (words.plain("where-label"), place),
                (words.plain("order-label"), occasion.order.clone()),
            ],
            code_label: words.plain("ticket-code"),
            tickets: Vec::new(),
            link: (say("link"), occasion.order_url.clone()),
            after: None,
            farewell: words.plain("farewell"),
            footer: words.say("footer", &args([("order", occasion.order.as_str().into())])),
        }
    }

    fn hand_over(&mut self, words: &Words, occasion: &Occasion, tickets: &[Ticket]) {
        let (show, count) = (&occasion.show, tickets.len());
        self.paragraphs.push(words.say("ticket-intro", &args([("count", count.into())])));
        self.after = Some(words.plain("ticket-keep"));
        let doors = when::time(show.doors_at, &show.venue.time_zone);
        self.facts.insert(
            2,
            (words.plain("doors-label"), words.say("doors", &args([("time", doors.into())]))),
        );
        if let Some((_, place)) = self.facts.get_mut(3) {
            place.push_str(&format!(", {}", show.venue.address));
        }
        self.tickets = tickets
            .iter()
            .map(|ticket| WrittenTicket {
                title: words.say(
                    "ticket-title",
                    &args([("number", ticket.number.into()), ("count", count.into())]),
                ),
                kind: ticket.kind.clone(),
                code: grouped(&ticket.code),
                picture: words.say("ticket-picture", &args([("number", ticket.number.into())])),
                picture_id: picture_id(ticket),
            })
            .collect();
    }

    /// The part for readers without HTML.
    ///
    /// # Errors
    /// The template's.
    pub fn text(&self) -> askama::Result<String> {
        Plain { letter: self }.render()
    }

    /// # Errors
    /// The template's.
    pub fn html(&self) -> askama::Result<String> {
        Html { letter: self }.render()
    }
}

/// The pictures that go with a letter.
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
    use catalog::contract::Venue;

    use super::*;

    pub fn occasion(language: &str, matter: Matter) -> Occasion {
        Occasion {
            name: "Ayşe <b>Öztürk</b>".to_owned(),
            language: language.to_owned(),
            show: Show {
                show: "harbour-lights".to_owned(),
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
            order: "0199".to_owned(),
            order_url: "https://tickets.example/orders/0199?key=k".to_owned(),
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
    fn a_ticket_letter_tells_all_that_matters() {
        let occasion = occasion("en", tickets(2));
        let letter = Letter::write(&occasion);
        assert_eq!(letter.subject, "Your 2 tickets for Harbour Lights");
        let (text, html) = (letter.text().expect("text"), letter.html().expect("html"));
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
        assert_eq!(pictures(&occasion.matter).expect("pictures").len(), 2);
    }

    #[test]
    fn letters_are_written_in_the_buyers_language() {
        let refund =
            || Matter::Refund { amount_minor: 8_500, currency: "EUR".to_owned(), void: true };
        let german = Letter::write(&occasion("de-CH", refund())).text().expect("text");
        assert!(german.contains("Wir haben 85,00\u{a0}€ auf Ihr Zahlungsmittel"), "{german}");
        assert!(german.contains("gelten nicht mehr"), "{german}");
        let other = Letter::write(&occasion("tlh", refund())).text().expect("text");
        assert!(other.contains("We have given back €85.00"), "{other}");
    }

    #[test]
    fn an_answer_is_quoted_line_by_line() {
        let letter = Letter::write(&occasion("en", Matter::Answer("One.\n<script>two".to_owned())));
        assert!(letter.text().expect("text").contains("> One.\n> <script>two\n"));
        assert!(letter.html().expect("html").contains("One.<br>&#60;script&#62;two"));
    }
}

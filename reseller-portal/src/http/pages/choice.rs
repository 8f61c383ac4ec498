//! What a form offers to choose from.

use catalog::contract::ResellerShow;

/// Shows in one list to choose from; whoever has more opens the others from their own pages.
const SHOWS_MAX: usize = 200;

/// One line of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub words: String,
    pub chosen: bool,
}

/// Shows to choose from: those that start last, and the one that is chosen.
pub struct Shows {
    pub choices: Vec<Choice>,
    /// How many there are beyond.
    pub more: usize,
}

/// `own` stands soonest first.
pub fn shows(own: &[ResellerShow], chosen: &str) -> Shows {
    let first = own.len().saturating_sub(SHOWS_MAX);
    let offered = own
        .iter()
        .enumerate()
        .filter(|(at, found)| *at >= first || found.show.show.as_str() == chosen);
    let choices: Vec<Choice> = offered
        .map(|(_, found)| Choice {
            value: found.show.show.to_string(),
            words: format!("{}: {}", found.show.performer, found.show.title),
            chosen: found.show.show.as_str() == chosen,
        })
        .collect();
    Shows { more: own.len() - choices.len(), choices }
}

#[cfg(test)]
mod tests {
    use catalog::contract::{Show, Venue};
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn show(number: usize) -> ResellerShow {
        let at = DateTime::UNIX_EPOCH;
        let text = |text: &str| text.to_owned();
        let venue = Venue {
            name: text("Hall"),
            city: text("Kiel"),
            country: text("DE"),
            address: text(""),
            time_zone: text("UTC"),
        };
        let show = Show {
            show: format!("night-{number}").parse().expect("an id"),
            title: format!("Night {number}"),
            performer: text("Mira Vale"),
            genre: text(""),
            description: text(""),
            venue,
            doors_at: at,
            starts_at: at,
            on_sale_at: at,
            high_traffic: false,
        };
        ResellerShow {
            show,
            venue_id: Uuid::nil(),
            published_at: None,
            withdrawn_at: None,
            ticket_types: Vec::new(),
        }
    }

    #[test]
    fn a_list_stays_short_and_has_what_is_chosen() {
        let few: Vec<_> = (0..3).map(show).collect();
        let all = shows(&few, "night-1");
        assert_eq!((all.choices.len(), all.more), (3, 0));
        assert_eq!(all.choices.iter().filter(|choice| choice.chosen).count(), 1);
        let many: Vec<_> = (0..SHOWS_MAX + 50).map(show).collect();
        let latest = shows(&many, "");
        assert_eq!(
            (latest.choices.len(), latest.more, &*latest.choices[0].value),
            (SHOWS_MAX, 50, "night-50")
        );
        let with_old = shows(&many, "night-7");
        assert_eq!((with_old.choices.len(), with_old.more), (SHOWS_MAX + 1, 49));
        assert!(with_old.choices[0].chosen && with_old.choices[0].words == "Mira Vale: Night 7");
    }
}

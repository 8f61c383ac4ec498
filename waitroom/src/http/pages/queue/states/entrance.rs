//! Before joining.

use admission::contract::EntropySource;

use crate::{
    http::pages::queue::{states::duration, told},
    place::{chance::Sale, wait::WaitRange},
    room::phase::Phase,
};

#[derive(Debug, Clone)]
pub struct Entrance {
    pub phase: Phase,
    /// Those who join now are drawn at the opening.
    pub draws: bool,
    /// What the draw waits for once entries are closed; `None` where it does not draw.
    pub entropy_source: Option<EntropySource>,
    /// There is no line to speak of: whoever comes is let in while checkout has room.
    pub passes: bool,
    pub people_waiting: i64,
    /// Whoever joins now goes in at once, so that there is no line to speak of.
    pub straight_in: bool,
    /// The likely wait of someone who joins now.
    pub wait: Option<WaitRange>,
    pub sale: Option<Sale>,
    pub claim_window_secs: i32,
    pub message: String,
}

impl Entrance {
    pub fn people(&self) -> String {
        told::waiting(self.people_waiting)
    }

    /// While the draw is to be made: what it waits for, which may be long in coming.
    pub const fn drawing(&self) -> &'static str {
        match self.entropy_source {
            Some(EntropySource::Operator) => {
                "Entries are closed. The draw waits for the number that is to be entered before \
                 witnesses."
            }
            Some(EntropySource::Drand) => {
                "Entries are closed. The draw waits for a public random number that nobody could \
                 know before."
            }
            Some(EntropySource::None) | None => "The draw is being made.",
        }
    }

    pub fn window(&self) -> String {
        duration(self.claim_window_secs)
    }

    /// What whoever is about to join should know of the tickets: that there may be none for them.
    pub fn sale_words(&self) -> Option<(&'static str, String)> {
        let sale = self.sale.as_ref()?;
        let waiting = self.people_waiting;
        let matters = told::is_gone(sale) || told::has_almost_none(sale, waiting);
        matters.then(|| (told::sale_title(sale, waiting), told::sale(sale, waiting)))
    }
}

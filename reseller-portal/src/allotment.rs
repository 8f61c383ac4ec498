//! Changing how many tickets are for sale, and hearing what checkout says to it.

use std::time::{Duration, Instant};

use catalog::contract::{self, Allotment, ResellerId, ShowId, TicketTypeId};
use kit::http::RequestId;

use crate::{
    App,
    error::{Error, Thing},
};

const LOOK_EVERY: Duration = Duration::from_millis(40);

/// A change and how the allotment stood when it was last looked at.
pub struct Changed {
    asked: i32,
    /// Of this change.
    revision: i64,
    pub now: Allotment,
}

/// What became of a change.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In effect.
    Applied,
    /// Checkout has not answered.
    Waiting,
    /// Why.
    Refused(String),
    /// Somebody else's change came after it, so that what became of this one is no longer told.
    Superseded,
}

impl Changed {
    pub fn outcome(&self) -> Outcome {
        let now = &self.now;
        match (now.wanted, &now.refusal) {
            (None, _) if now.allotted == self.asked => Outcome::Applied,
            _ if now.revision != self.revision => Outcome::Superseded,
            (Some(_), _) => Outcome::Waiting,
            (None, Some(reason)) => Outcome::Refused(reason.clone()),
            // A draft's, which has no revisions.
            (None, None) => Outcome::Superseded,
        }
    }
}

/// Changes an allotment. A published show's goes to checkout, whose answer is waited for for a
/// moment.
///
/// # Errors
/// Nothing of that name, a number that does not fit, or an earlier change that still waits.
pub async fn change(
    app: &App,
    reseller: ResellerId,
    show: &ShowId,
    ticket_type: TicketTypeId,
    allotted: i32,
    request: &RequestId,
) -> Result<Changed, Error> {
    let until = Instant::now() + app.config.answer_wait;
    let now = contract::change_allotment(&app.pool, reseller, show, ticket_type, allotted, request)
        .await
        .map_err(|fault| Error::of_catalog(fault, Thing::TicketType))?;
    let mut changed = Changed { asked: allotted, revision: now.revision, now };
    while changed.outcome() == Outcome::Waiting && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = contract::allotments(&app.pool, show).await?;
        match now.into_iter().find(|now| now.ticket_type == ticket_type) {
            Some(now) => changed.now = now,
            None => break,
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_that_of_the_change_itself() {
        let outcome = |allotted, wanted, revision, refusal: Option<&str>| {
            let now = Allotment {
                ticket_type: uuid::Uuid::nil().into(),
                show: "s".parse().expect("an id"),
                allotted,
                wanted,
                revision,
                refusal: refusal.map(str::to_owned),
                changed_at: chrono::DateTime::UNIX_EPOCH,
            };
            Changed { asked: 5, revision: 2, now }.outcome()
        };
        assert_eq!(outcome(4, Some(5), 2, None), Outcome::Waiting);
        assert_eq!(outcome(5, None, 2, None), Outcome::Applied);
        assert_eq!(
            outcome(9, None, 2, Some("9 are sold")),
            Outcome::Refused("9 are sold".to_owned())
        );
        assert_eq!(outcome(5, Some(7), 3, None), Outcome::Superseded);
        assert_eq!(
            outcome(9, None, 3, Some("9 are sold")),
            Outcome::Superseded,
            "that was another's"
        );
    }
}

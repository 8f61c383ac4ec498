//! Changing how many tickets of a type are for sale. Checkout's stock follows through
//! `catalog.events` and answers with [`settle_allotment`].

use kit::http::RequestId;
use sqlx::{PgConnection, PgPool};

use crate::{
    allotment::{Allotment, Settled},
    draft::check,
    error::CatalogError,
    event::CatalogEvent,
    seller::ResellerId,
    show::ShowId,
    store::{allotment as stored, draft as owned, outbox},
    ticket_type::TicketTypeId,
};

/// What a change amounts to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// What is so is asked for after something else was refused: the refusal is done with.
    Forget,
    /// A draft's: nobody else knows of it.
    AtOnce,
    /// Checkout is asked.
    Ask,
}

/// What asking for `asked` amounts to, where `now` is what there is. Pure.
fn step(is_published: bool, now: Option<&Allotment>, asked: i32) -> Result<Step, CatalogError> {
    match now {
        Some(now) if now.wanted == Some(asked) => Ok(Step::Nothing),
        Some(now) if now.wanted.is_some() => Err(CatalogError::AllotmentWaiting),
        // A published type's that checkout never heard of goes out even where the number is the
        // same.
        Some(now) if now.allotted == asked && (!is_published || now.revision > 0) => {
            Ok(if now.refusal.is_some() { Step::Forget } else { Step::Nothing })
        }
        _ if is_published => Ok(Step::Ask),
        _ => Ok(Step::AtOnce),
    }
}

async fn of_type(
    tx: &mut PgConnection,
    show: &ShowId,
    ticket_type: TicketTypeId,
) -> sqlx::Result<Option<Allotment>> {
    Ok(stored::allotments(tx, show).await?.into_iter().find(|one| one.ticket_type == ticket_type))
}

async fn ask(
    tx: &mut PgConnection,
    show: &ShowId,
    ticket_type: TicketTypeId,
    wanted: i32,
    request: &RequestId,
) -> sqlx::Result<()> {
    stored::want(tx, ticket_type, wanted).await?;
    let asked = of_type(tx, show, ticket_type).await?.ok_or(sqlx::Error::RowNotFound)?;
    outbox::add(tx, &[asked.event()], request).await
}

/// Changes how many tickets of a reseller's ticket type are for sale, 0 to 1,000,000. A draft's
/// changes at once. A published show's waits in `wanted` for checkout's answer. Asking for what is
/// so, or under way, changes nothing, but that an earlier refusal is no longer told.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::Withdrawn`], [`CatalogError::Field`] `allotted`, or
/// [`CatalogError::AllotmentWaiting`] while another change is under way.
pub async fn change_allotment(
    pool: &PgPool,
    reseller: ResellerId,
    show: &ShowId,
    ticket_type: TicketTypeId,
    allotted: i32,
    request: &RequestId,
) -> Result<Allotment, CatalogError> {
    let allotted = check::allotted(allotted)?;
    let mut tx = pool.begin().await?;
    let Some(locked) = owned::lock_show(&mut tx, Some(reseller), show).await? else {
        return Err(CatalogError::NotFound);
    };
    if locked.withdrawn_at.is_some() {
        return Err(CatalogError::Withdrawn);
    }
    if !owned::types_of(&mut tx, show).await?.iter().any(|one| one.ticket_type == ticket_type) {
        return Err(CatalogError::NotFound);
    }
    let now = of_type(&mut tx, show, ticket_type).await?;
    match step(locked.published_at.is_some(), now.as_ref(), allotted)? {
        Step::Nothing => {}
        Step::Forget => stored::forget_refusal(&mut tx, ticket_type).await?,
        Step::AtOnce => stored::set(&mut tx, ticket_type, allotted).await?,
        Step::Ask => ask(&mut tx, show, ticket_type, allotted, request).await?,
    }
    let changed = of_type(&mut tx, show, ticket_type).await?.ok_or(CatalogError::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}

/// Puts how many tickets of a type of the house's are for sale; the same number again does nothing.
/// It does not wait for the answer to the number before: the last one counts. Should that one be
/// refused while the answer to the one before was not taken in, `allotted` tells the number before
/// both until the next is put.
///
/// # Errors
/// `RowNotFound` where the house has no such ticket type, a number beyond 0 to 10,000,000, or no
/// database.
pub async fn put_allotment(
    pool: &PgPool,
    show: &ShowId,
    ticket_type: TicketTypeId,
    allotted: i32,
) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    owned::lock_show(&mut tx, None, show).await?.ok_or(sqlx::Error::RowNotFound)?;
    if !owned::types_of(&mut tx, show).await?.iter().any(|one| one.ticket_type == ticket_type) {
        return Err(sqlx::Error::RowNotFound);
    }
    let now = of_type(&mut tx, show, ticket_type).await?;
    let is_so =
        now.is_some_and(|now| now.revision > 0 && now.wanted.unwrap_or(now.allotted) == allotted);
    if !is_so {
        ask(&mut tx, show, ticket_type, allotted, &RequestId::fresh()).await?;
    }
    tx.commit().await
}

/// Takes in what became of the change `revision`. Answers to earlier ones, and answers given twice,
/// change nothing.
pub async fn settle_allotment(
    pool: &PgPool,
    ticket_type: TicketTypeId,
    revision: i64,
    settled: Settled,
) -> sqlx::Result<()> {
    let refusal = match &settled {
        Settled::Applied => None,
        Settled::Refused(reason) => Some(reason.as_str()),
    };
    stored::settle(pool, ticket_type, revision, refusal).await
}

/// Checkout answers within a second; a question without an answer for so long was lost, or checkout
/// is away.
const UNANSWERED_SECS: f64 = 60.0;

const SHOWS_AT_ONCE: i64 = 100;

/// Puts the events of allotments that nobody answered into the outbox again, each once a minute at
/// most. Checkout answers a question that comes twice as it did before.
pub(crate) async fn ask_again(pool: &PgPool) -> sqlx::Result<()> {
    for show in stored::unanswered(pool, UNANSWERED_SECS, SHOWS_AT_ONCE).await? {
        let mut tx = pool.begin().await?;
        if owned::lock_anybodys(&mut tx, &show).await?.is_none() {
            continue;
        }
        let again = stored::asked_again(&mut tx, &show, UNANSWERED_SECS).await?;
        let of_show = stored::allotments(&mut *tx, &show).await?;
        let events: Vec<CatalogEvent> = of_show
            .iter()
            .filter(|one| again.contains(&one.ticket_type))
            .map(Allotment::event)
            .collect();
        outbox::add(&mut tx, &events, &RequestId::fresh()).await?;
        tx.commit().await?;
        tracing::warn!(
            %show,
            allotments = events.len(),
            "allotments that nobody answered are asked for again"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn allotment(allotted: i32, wanted: Option<i32>, revision: i64) -> Allotment {
        Allotment {
            ticket_type: TicketTypeId::from(uuid::Uuid::nil()),
            show: "s".parse().expect("an id"),
            allotted,
            wanted,
            revision,
            refusal: None,
            changed_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_draft_changes_at_once_and_a_published_show_asks() {
        assert_eq!(step(false, None, 5).expect("a step"), Step::AtOnce);
        assert_eq!(step(false, Some(&allotment(4, None, 0)), 5).expect("a step"), Step::AtOnce);
        assert_eq!(step(true, None, 0).expect("a step"), Step::Ask);
        assert_eq!(step(true, Some(&allotment(4, None, 1)), 5).expect("a step"), Step::Ask);
        assert_eq!(step(true, Some(&allotment(5, None, 0)), 5).expect("a step"), Step::Ask);
    }

    #[test]
    fn what_is_so_or_under_way_is_not_asked_again() {
        assert_eq!(step(false, Some(&allotment(5, None, 0)), 5).expect("a step"), Step::Nothing);
        assert_eq!(step(true, Some(&allotment(5, None, 1)), 5).expect("a step"), Step::Nothing);
        assert_eq!(step(true, Some(&allotment(4, Some(5), 2)), 5).expect("a step"), Step::Nothing);
        let refused = Allotment { refusal: Some("too low".to_owned()), ..allotment(5, None, 2) };
        assert_eq!(step(true, Some(&refused), 5).expect("a step"), Step::Forget);
        assert_eq!(step(true, Some(&refused), 4).expect("a step"), Step::Ask);
        for other in [4, 6] {
            let refused = step(true, Some(&allotment(4, Some(5), 2)), other);
            assert!(matches!(refused, Err(CatalogError::AllotmentWaiting)), "{other}");
        }
    }
}

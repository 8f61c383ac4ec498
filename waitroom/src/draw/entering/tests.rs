use admission::contract::{Cohort, Seed};

use super::*;
use crate::draw::Frozen;

/// Quicknet's round 1000, as it was published.
const SIGNATURE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125\
                         e342b73a8dd2bacbe47e4b6b63ed5e39";

fn now() -> DateTime<Utc> {
    QUICKNET.time(1001).expect("a time")
}

/// Frozen so that round 1000 is the first after it.
fn draw(entropy_source: EntropySource) -> RoomDraw {
    let at = QUICKNET.time(999).expect("a time");
    let cohort = Cohort::new(vec![3, 2]).expect("a cohort");
    RoomDraw {
        seed: Seed::new([7; 32]),
        entropy_source,
        committed_at: at,
        frozen: Some(Frozen { cohort, at, roots: None }),
        made: None,
    }
}

fn standing(draw: &RoomDraw) -> Standing<'_> {
    Standing { phase: Phase::Drawing, draw: Some(draw), fixed: None, now: now() }
}

fn text(text: &str) -> EntropyEntry {
    EntropyEntry::Text(text.to_owned())
}

fn round(round: u64, signature: &str) -> EntropyEntry {
    EntropyEntry::Drand(DrandEntry { round, signature: signature.parse().expect("48 bytes") })
}

fn field(outcome: Result<Entered, EnteringError>) -> &'static str {
    match outcome {
        Err(EnteringError::Value { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_taken_as_it_is_with_the_time_it_was_entered() {
    let draw = draw(EntropySource::Operator);
    let expected = Entropy::Operator { text: " 4 2\n".to_owned(), entered_at: now() };
    let taken = entered(standing(&draw), &text(" 4 2\n")).expect("taken");
    assert_eq!(taken, Entered::New(expected));
    for unfit in ["", "4\0", &"x".repeat(1025), &"ü".repeat(513)] {
        assert_eq!(field(entered(standing(&draw), &text(unfit))), "text");
    }
    assert!(entered(standing(&draw), &text(&"ü".repeat(512))).is_ok());
}

#[test]
fn only_the_first_round_after_the_freeze_is_taken_and_only_with_its_signature() {
    let draw = draw(EntropySource::Drand);
    let taken = entered(standing(&draw), &round(1000, SIGNATURE)).expect("taken");
    assert!(matches!(taken, Entered::New(Entropy::Drand(_))), "{taken:?}");
    for other in [0, 123, 999, 1001] {
        assert_eq!(field(entered(standing(&draw), &round(other, SIGNATURE))), "drand.round");
    }
    let other = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
                 e26cd02df835d3546d23c4b13e0dfc92";
    assert_eq!(field(entered(standing(&draw), &round(1000, other))), "drand.signature");
}

#[test]
fn what_was_fixed_stays_and_the_same_once_more_is_no_fault() {
    let draw = draw(EntropySource::Operator);
    let fixed = Entropy::Operator { text: "4 2".to_owned(), entered_at: draw.committed_at };
    let standing = Standing { fixed: Some(&fixed), ..standing(&draw) };
    let again = entered(standing, &text("4 2")).expect("the same");
    assert_eq!(again, Entered::Same(fixed.clone()));
    match entered(standing, &text("4 3")) {
        Err(EnteringError::Fixed(told)) => assert_eq!(*told, fixed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_taken_at_another_time_or_from_another_source() {
    let operator = draw(EntropySource::Operator);
    let none = Standing { draw: None, ..standing(&operator) };
    assert!(matches!(entered(none, &text("4")), Err(EnteringError::NoDraw)));
    let open = RoomDraw { frozen: None, ..operator.clone() };
    for (phase, is_over) in
        [(Phase::PreQueue, false), (Phase::Drawing, false), (Phase::Closed, true)]
    {
        let early = entered(Standing { phase, ..standing(&open) }, &text("4"));
        let expected = matches!(early, Err(EnteringError::Closed));
        assert!(expected == is_over, "{phase}: {early:?}");
        assert!(is_over || matches!(early, Err(EnteringError::EntriesOpen)), "{early:?}");
    }
    let closed = Standing { phase: Phase::Closed, ..standing(&operator) };
    assert!(matches!(entered(closed, &text("4")), Err(EnteringError::Closed)));
    for (source, entry) in [
        (EntropySource::None, text("4")),
        (EntropySource::None, round(1000, SIGNATURE)),
        (EntropySource::Drand, text("4")),
        (EntropySource::Operator, round(1000, SIGNATURE)),
    ] {
        let outcome = entered(standing(&draw(source)), &entry);
        assert!(matches!(outcome, Err(EnteringError::NotAnnounced { .. })), "{source:?}");
    }
}

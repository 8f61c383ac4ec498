//! Which refusals the rules explain: a closed list, by kind and circumstance. Pure.

use std::fmt;

use super::args::Struck;

/// What a fan was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Join,
    Look,
    Claim,
    Redeem,
    Hold,
    Order,
    /// Looking at an order, paying it, waiting for its tickets.
    Pay,
    Leave,
}

impl Step {
    pub const COUNT: usize = 8;
}

/// An answer that was not what the fan hoped for, and what the rules ask about it.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The problem's id, or what happened to the connection.
    pub kind: &'a str,
    pub step: Step,
    /// Whether asking again got the fan what they wanted.
    pub mended: bool,
    /// Which server was taken away meanwhile, if one was.
    pub struck: Option<Struck>,
    /// Whether the time of the fan's own hold, order or session was over because the fan took it.
    pub own_time_over: bool,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind, self.step)?;
        if self.mended { Ok(()) } else { write!(f, ", for good") }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Join => "join",
            Self::Look => "place",
            Self::Claim => "claim",
            Self::Redeem => "the door",
            Self::Hold => "hold",
            Self::Order => "order",
            Self::Pay => "payment",
            Self::Leave => "leaving",
        })
    }
}

impl Refusal<'_> {
    /// Why the rules allow it; `None` where they do not.
    ///
    /// Whether `sold-out` and `not-enough-left` are true is judged afterwards, by the
    /// [books](super::books).
    pub fn explanation(&self) -> Option<&'static str> {
        match (self.kind, self.step) {
            (
                "too-many-requests"
                | "try-again-soon"
                | "room-busy"
                | "join-not-acknowledged"
                | "payment-provider-away"
                | "request-in-progress",
                _,
            ) if self.mended => Some("asked to come again, and was served then"),
            // On a page, which has no id.
            ("http-429" | "http-503", Step::Join | Step::Claim) if self.mended => {
                Some("asked to come again, and was served then")
            }
            ("checkout-full", Step::Redeem) if self.mended => {
                Some("more came than were expected, and waited at the door")
            }
            ("not-your-turn", Step::Claim) if self.mended => {
                Some("this instance heard of the turn a moment later")
            }
            // A kept connection may be closed by its other end just as it is used again.
            ("broken-connection", _) if self.mended => Some("the connection was closed"),
            ("sold-out" | "not-enough-left", Step::Hold) => Some("judged by the books"),
            ("hold-expired", Step::Hold | Step::Order)
            | ("session-expired" | "order-expired-before-payment", _)
                if self.own_time_over =>
            {
                Some("the fan took too long")
            }
            ("hold-expired", Step::Hold | Step::Order)
            | ("session-expired" | "order-expired-before-payment", _)
                if self.struck.is_some() =>
            {
                Some("a server was away for as long")
            }
            ("order-pending", Step::Order) => Some("accepted, and written a moment later"),
            // What was held in a Redis that is lost is lost with it, and told so.
            ("hold-lost", Step::Order) if self.struck == Some(Struck::Redis) => {
                Some("Redis was taken away")
            }
            ("timeout" | "no-connection" | "broken-connection" | "internal", _)
            | ("http-500" | "http-502" | "http-503" | "http-504", _)
                if self.struck.is_some() && self.mended =>
            {
                Some("a server was taken away")
            }
            // A call whose answer was lost with its server may have released the session.
            ("session-ended", Step::Leave) if self.struck.is_some() => Some("the answer was lost"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNED_AWAY: Refusal = Refusal {
        kind: "checkout-full",
        step: Step::Redeem,
        mended: true,
        struck: None,
        own_time_over: false,
    };

    #[test]
    fn what_asking_again_mended_is_explained_and_what_it_did_not_is_none() {
        assert!(TURNED_AWAY.explanation().is_some());
        assert!(Refusal { mended: false, ..TURNED_AWAY }.explanation().is_none());
        assert!(Refusal { step: Step::Look, ..TURNED_AWAY }.explanation().is_none());
    }

    #[test]
    fn an_unknown_room_and_a_pass_that_ran_out_are_never_explained() {
        for kind in ["room-unknown", "pass-expired", "claim-window-missed", "pass-used", "x"] {
            for step in [Step::Join, Step::Look, Step::Claim, Step::Redeem] {
                for struck in [None, Some(Struck::Redis), Some(Struck::Other)] {
                    let refusal = Refusal { kind, step, struck, ..TURNED_AWAY };
                    assert_eq!(refusal.explanation(), None, "{refusal:?}");
                }
            }
        }
    }

    #[test]
    fn a_hold_runs_out_only_by_its_own_time() {
        let expired = Refusal { kind: "hold-expired", step: Step::Order, ..TURNED_AWAY };
        assert!(expired.explanation().is_none());
        assert!(Refusal { own_time_over: true, ..expired }.explanation().is_some());
    }

    #[test]
    fn lost_connections_and_holds_need_a_server_that_was_taken_away() {
        for (kind, step, other) in [
            ("timeout", Step::Join, true),
            ("hold-expired", Step::Order, true),
            ("hold-lost", Step::Order, false),
        ] {
            let refusal = Refusal { kind, step, ..TURNED_AWAY };
            assert!(refusal.explanation().is_none());
            let struck = |struck| Refusal { struck: Some(struck), ..refusal }.explanation();
            assert!(struck(Struck::Redis).is_some());
            assert_eq!(struck(Struck::Other).is_some(), other, "{kind}");
        }
    }
}

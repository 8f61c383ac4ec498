//! A draw as the console tells it: how far it is, and what it waits for. Pure.

use admission::contract::{EntropySource, QUICKNET};
use chrono::{DateTime, TimeDelta, Utc};
use waitroom::contract::{DrawBody, Phase, RoomState};

use crate::room::words::clock;

/// How far a draw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawStep {
    /// Nobody can join yet.
    Announced,
    /// Fans join.
    Gathering,
    /// Where the lanes end is being written.
    Closing,
    /// Entries are closed; what is mixed in is waited for.
    Awaiting {
        source: EntropySource,
        frozen_at: DateTime<Utc>,
    },
    Made,
    /// The room was closed before the draw was made.
    Never,
}

/// The round that a draw waits for whose entries closed then, and when it is published.
pub fn awaited_round(frozen_at: DateTime<Utc>) -> (u64, DateTime<Utc>) {
    let round = QUICKNET.first_round_after(frozen_at);
    (round, QUICKNET.time(round).unwrap_or(frozen_at))
}

/// How far a room's draw is; `None` where it does not draw.
pub fn step(room: &RoomState) -> Option<DrawStep> {
    let draw = room.draw.as_ref()?;
    let DrawBody { entropy_source: source, frozen_at, drawn_at, .. } = draw;
    Some(match (room.phase, frozen_at) {
        _ if drawn_at.is_some() => DrawStep::Made,
        (Phase::Closed, _) => DrawStep::Never,
        (Phase::Drawing, Some(frozen_at)) => {
            DrawStep::Awaiting { source: *source, frozen_at: *frozen_at }
        }
        (Phase::Drawing, None) => DrawStep::Closing,
        (Phase::Draft | Phase::Scheduled, _) => DrawStep::Announced,
        (Phase::PreQueue | Phase::Open | Phase::Paused, _) => DrawStep::Gathering,
    })
}

impl DrawStep {
    /// As the page's script tells one from another.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Gathering => "gathering",
            Self::Closing => "closing",
            Self::Awaiting { .. } => "awaiting",
            Self::Made => "made",
            Self::Never => "never",
        }
    }

    /// Whether somebody may have to enter what it waits for.
    pub fn takes_entry(self) -> bool {
        matches!(
            self,
            Self::Awaiting { source: EntropySource::Operator | EntropySource::Drand, .. }
        )
    }

    /// How it stands at a moment, in a sentence or two.
    pub fn words(self, now: DateTime<Utc>) -> String {
        match self {
            Self::Announced => {
                "Nobody can join yet. Whoever comes before the opening is drawn: it \
                makes no difference who came first."
                    .to_owned()
            }
            Self::Gathering => "Fans join, and nobody has a place yet. Places are drawn at the \
                opening."
                .to_owned(),
            Self::Closing => "Entries are being closed.".to_owned(),
            Self::Awaiting { source, frozen_at } => {
                let since = span(now - frozen_at);
                let waits = waits_for(source, frozen_at, now);
                format!("Entries closed {since} ago; {waits}")
            }
            Self::Made => "The draw was made. Whoever came later stands behind those who were \
                drawn."
                .to_owned(),
            Self::Never => "The room was closed before its draw was made.".to_owned(),
        }
    }
}

fn waits_for(source: EntropySource, frozen_at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match source {
        EntropySource::None => "the draw is being made.".to_owned(),
        EntropySource::Operator => {
            "the draw waits for the text that is entered before witnesses.".to_owned()
        }
        EntropySource::Drand => {
            let (round, at) = awaited_round(frozen_at);
            if at > now {
                let left = span(at - now);
                return format!("the draw waits for drand round {round}, out in {left}.");
            }
            let since = span(now - at);
            format!(
                "the draw waits for drand round {round}, which came out {since} ago, at {}.",
                clock(&at)
            )
        }
    }
}

/// `40 s`, `3 min 5 s`, `2 h 5 min`
fn span(of: TimeDelta) -> String {
    match of.num_seconds().max(0) {
        secs @ ..120 => format!("{secs} s"),
        secs @ ..7200 => format!("{} min {} s", secs / 60, secs % 60),
        secs => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use admission::contract::{LineMethod, Seed};

    use super::*;
    use crate::room::fixtures;

    fn draw(source: EntropySource, frozen_at: Option<DateTime<Utc>>) -> DrawBody {
        DrawBody {
            commitment: Seed::new([7; 32]).commitment(),
            entropy_source: source,
            committed_at: DateTime::UNIX_EPOCH,
            frozen_at,
            ends: frozen_at.map(|_| vec![2, 1]),
            roots: None,
            drawn_at: None,
            entropy: None,
            seed: None,
        }
    }

    fn room(phase: Phase, draw: Option<DrawBody>) -> RoomState {
        RoomState { phase, method: LineMethod::Draw, draw, ..fixtures::room() }
    }

    #[test]
    fn each_step_has_its_name() {
        let at = DateTime::from_timestamp(1_700_000_000, 0);
        let named = |phase, frozen_at| {
            let draw = draw(EntropySource::Operator, frozen_at);
            step(&room(phase, Some(draw))).map(DrawStep::name)
        };
        assert_eq!(named(Phase::Scheduled, None), Some("announced"));
        assert_eq!(named(Phase::PreQueue, None), Some("gathering"));
        assert_eq!(named(Phase::Drawing, None), Some("closing"));
        assert_eq!(named(Phase::Drawing, at), Some("awaiting"));
        assert_eq!(named(Phase::Closed, at), Some("never"));
        let made = DrawBody { drawn_at: at, ..draw(EntropySource::None, at) };
        assert_eq!(step(&room(Phase::Open, Some(made))), Some(DrawStep::Made));
        assert_eq!(step(&room(Phase::Open, None)), None);
    }

    #[test]
    fn what_is_waited_for_is_said_with_its_times() {
        let frozen_at = QUICKNET.time(999).expect("a time");
        let after = |source, secs| {
            let step = DrawStep::Awaiting { source, frozen_at };
            (step.takes_entry(), step.words(frozen_at + TimeDelta::seconds(secs)))
        };
        assert_eq!(
            after(EntropySource::Operator, 40),
            (
                true,
                "Entries closed 40 s ago; the draw waits for the text that is entered \
                    before witnesses."
                    .to_owned()
            )
        );
        let (_, early) = after(EntropySource::Drand, 1);
        assert!(early.ends_with("the draw waits for drand round 1000, out in 2 s."), "{early}");
        let (takes, late) = after(EntropySource::Drand, 200);
        assert!(takes && late.starts_with("Entries closed 3 min 20 s ago;"), "{late}");
        assert!(late.contains("round 1000, which came out 3 min 17 s ago, at "), "{late}");
        assert!(!after(EntropySource::None, 1).0, "nobody enters nothing");
    }
}

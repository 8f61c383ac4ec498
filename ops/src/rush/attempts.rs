//! The attempts at one call, from the first send to the answer that settles it. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::api::Fault;

/// A try that was not answered for good.
#[derive(Debug)]
struct Passed {
    fault: Fault,
    at: Instant,
}

#[derive(Debug, Default)]
pub struct Attempts {
    first_sent: Option<Instant>,
    ended: Option<Instant>,
    /// How long the bots themselves kept later attempts waiting.
    queued: Duration,
    passed: Vec<Passed>,
}

impl Attempts {
    /// Takes note that the next attempt is sent, after the bots kept it waiting.
    pub fn sent(&mut self, at: Instant, queued: Duration) {
        match self.first_sent {
            Some(_) => self.queued += queued,
            None => self.first_sent = Some(at),
        }
    }

    pub fn passed(&mut self, at: Instant, fault: Fault) {
        self.passed.push(Passed { fault, at });
    }

    /// Takes note that the call is settled.
    pub fn answered(&mut self, at: Instant) {
        self.ended = Some(at);
    }

    /// From the first send to the end, with all that was waited for between attempts, and without
    /// what the bots themselves kept waiting.
    pub fn lasted(&self) -> Duration {
        let lasted = self.first_sent.zip(self.ended).map(|(sent, ended)| ended - sent);
        lasted.unwrap_or_default().saturating_sub(self.queued)
    }

    /// How long the caller waited after attempts that were refused so, until the next answer; zero
    /// where none was.
    pub fn after(&self, kind: &str) -> Duration {
        let answers = self.passed.iter().skip(1).map(|next| next.at).chain(self.ended);
        let waits = self.passed.iter().zip(answers);
        waits
            .filter(|(passed, _)| passed.fault.kind == kind)
            .map(|(passed, at)| at - passed.at)
            .sum()
    }

    /// Attempts whose answers were lost.
    pub fn answers_lost(&self) -> u64 {
        self.passed.iter().filter(|passed| passed.fault.is_lost_answer()).count() as u64
    }

    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.passed.iter().map(|passed| passed.fault.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_count_and_what_the_bots_kept_waiting_does_not() {
        let (began, secs) = (Instant::now(), Duration::from_secs);
        let mut attempts = Attempts::default();
        attempts.sent(began, secs(9));
        attempts.passed(began + secs(2), Fault::of("checkout-full", true));
        attempts.sent(began + secs(3), Duration::ZERO);
        attempts.passed(began + secs(6), Fault::of("timeout", true));
        attempts.sent(began + secs(10), secs(4));
        attempts.answered(began + secs(11));
        assert_eq!(attempts.lasted(), secs(11 - 4));
        assert_eq!(attempts.after("checkout-full"), secs(4));
        assert_eq!(attempts.after("room-busy"), Duration::ZERO);
        assert_eq!(attempts.answers_lost(), 1);
    }
}

//! When an email that could not be sent is tried again, and when never. Pure.

use std::time::Duration;

const FIRST_SECS: u64 = 5;
const LONGEST: Duration = Duration::from_secs(3_600);
/// A server that is away keeps everybody waiting; when it is back, nobody waits long.
const LONGEST_AWAY: Duration = Duration::from_secs(60);
/// As long as mail servers themselves try.
const PATIENCE: Duration = Duration::from_secs(5 * 86_400);
/// Refusals that are about this email or whom it is for. Others (530, 535, 554, …) may be about
/// us, and end when that is mended.
const FOR_GOOD: [u16; 6] = [550, 551, 552, 553, 555, 556];

/// Why an email was not sent, as its row and the log say it. It holds no word of the mail server's,
/// which likes to repeat addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The mail server, or what the email is made of, cannot be reached.
    #[error("{0}")]
    Away(&'static str),
    #[error("the mail server answered {0}")]
    Refused(u16),
    /// It cannot become an email at this moment.
    #[error("{0}")]
    Later(&'static str),
    /// It never will.
    #[error("{0}")]
    Never(&'static str),
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    After(Duration),
    GiveUp,
}

/// Decides after the `attempts`th attempt on an email that is `age` old.
pub fn next(error: &SendError, attempts: u32, age: Duration) -> Next {
    let longest = match error {
        SendError::Never(_) => return Next::GiveUp,
        SendError::Refused(code) if FOR_GOOD.contains(code) => return Next::GiveUp,
        // The outage is not the email's fault, however long it lasts.
        SendError::Away(_) => LONGEST_AWAY,
        SendError::Refused(_) | SendError::Later(_) if age > PATIENCE => return Next::GiveUp,
        SendError::Refused(_) | SendError::Later(_) => LONGEST,
    };
    let doubled = FIRST_SECS << attempts.saturating_sub(1).min(16);
    Next::After(Duration::from_secs(doubled).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YOUNG: Duration = Duration::from_secs(60);

    fn secs(error: &SendError, attempts: u32) -> u64 {
        match next(error, attempts, YOUNG) {
            Next::After(pause) => pause.as_secs(),
            Next::GiveUp => panic!("given up"),
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let busy = SendError::Refused(451);
        assert_eq!([1, 2, 3, 4].map(|attempts| secs(&busy, attempts)), [5, 10, 20, 40]);
        assert_eq!(
            [10, 11, 1_000, u32::MAX].map(|attempts| secs(&busy, attempts)),
            [2_560, 3_600, 3_600, 3_600]
        );
    }

    #[test]
    fn a_server_that_is_away_is_asked_every_minute_at_least() {
        assert_eq!(
            [1, 4, 5, 99].map(|attempts| secs(&SendError::Away("away"), attempts)),
            [5, 40, 60, 60]
        );
        assert_ne!(next(&SendError::Away("away"), 99, PATIENCE * 2), Next::GiveUp);
    }

    #[test]
    fn what_is_refused_for_good_is_given_up_and_a_wrong_password_is_not() {
        assert_eq!(next(&SendError::Refused(550), 1, YOUNG), Next::GiveUp);
        assert_eq!(next(&SendError::Never("gone"), 1, YOUNG), Next::GiveUp);
        assert_eq!(secs(&SendError::Refused(535), 1), 5);
        assert_eq!(next(&SendError::Refused(451), 9, PATIENCE * 2), Next::GiveUp);
    }
}

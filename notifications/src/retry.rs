//! When a letter that could not be sent is tried again, and when never. Pure.

use std::time::Duration;

const FIRST_SECS: u64 = 5;
const LONGEST: Duration = Duration::from_secs(3_600);
/// A server that is away keeps everybody waiting; when it is back, nobody waits long.
const LONGEST_AWAY: Duration = Duration::from_secs(60);
/// As long as mail servers themselves try.
const PATIENCE: Duration = Duration::from_secs(5 * 86_400);
/// Refusals that are about this letter or whom it is for. Others (530, 535, 554, …) may be about
/// us, and end when that is mended.
const FOR_GOOD: [u16; 6] = [550, 551, 552, 553, 555, 556];

/// Why a letter was not sent. It holds no word of the mail server's, which likes to repeat
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The mail server, or what the letter is made of, cannot be reached.
    Away(&'static str),
    /// The mail server answered with this code.
    Refused(u16),
    /// It cannot become a letter at this moment.
    Later(&'static str),
    /// It never will.
    Never(&'static str),
}

impl Fault {
    /// A short sentence for the letter's row and the log.
    pub fn words(&self) -> String {
        match self {
            Self::Away(words) | Self::Later(words) | Self::Never(words) => (*words).to_owned(),
            Self::Refused(code) => format!("the mail server answered {code}"),
        }
    }
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    After(Duration),
    GiveUp,
}

/// Decides after the `attempts`th attempt on a letter that is `age` old.
pub fn next(fault: &Fault, attempts: u32, age: Duration) -> Next {
    let longest = match fault {
        Fault::Never(_) => return Next::GiveUp,
        Fault::Refused(code) if FOR_GOOD.contains(code) => return Next::GiveUp,
        // The outage is not the letter's fault, however long it lasts.
        Fault::Away(_) => LONGEST_AWAY,
        Fault::Refused(_) | Fault::Later(_) if age > PATIENCE => return Next::GiveUp,
        Fault::Refused(_) | Fault::Later(_) => LONGEST,
    };
    let doubled = FIRST_SECS << attempts.saturating_sub(1).min(16);
    Next::After(Duration::from_secs(doubled).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YOUNG: Duration = Duration::from_secs(60);

    fn secs(fault: &Fault, attempts: u32) -> u64 {
        match next(fault, attempts, YOUNG) {
            Next::After(pause) => pause.as_secs(),
            Next::GiveUp => panic!("given up"),
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let busy = Fault::Refused(451);
        assert_eq!([1, 2, 3, 4].map(|attempts| secs(&busy, attempts)), [5, 10, 20, 40]);
        assert_eq!(
            [10, 11, 1_000, u32::MAX].map(|attempts| secs(&busy, attempts)),
            [2_560, 3_600, 3_600, 3_600]
        );
    }

    #[test]
    fn a_server_that_is_away_is_asked_every_minute_at_least() {
        assert_eq!(
            [1, 4, 5, 99].map(|attempts| secs(&Fault::Away("away"), attempts)),
            [5, 40, 60, 60]
        );
        assert_ne!(next(&Fault::Away("away"), 99, PATIENCE * 2), Next::GiveUp);
    }

    #[test]
    fn what_is_refused_for_good_is_given_up_and_a_wrong_password_is_not() {
        assert_eq!(next(&Fault::Refused(550), 1, YOUNG), Next::GiveUp);
        assert_eq!(next(&Fault::Never("gone"), 1, YOUNG), Next::GiveUp);
        assert_eq!(secs(&Fault::Refused(535), 1), 5);
        assert_eq!(next(&Fault::Refused(451), 9, PATIENCE * 2), Next::GiveUp);
    }
}

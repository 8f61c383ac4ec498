//! What all fans of a rush share.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    api::{Api, Call, Fault},
    sale::Sale,
    tally::{Tally, Timed},
};

/// Fans who stay in checkout after they were told that nothing is left, for what may come back.
/// Few: everybody who stays takes a slot.
const PATIENT_MAX: usize = 20;
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What all fans share.
pub struct Shop {
    pub api: Api,
    pub sale: Sale,
    pub tally: Tally,
    pub deadline: Instant,
    pub patience: Semaphore,
}

impl Shop {
    pub fn new(api: Api, sale: Sale, deadline: Instant) -> Self {
        let patience = Semaphore::new(PATIENT_MAX);
        Self { api, sale, tally: Tally::new(), deadline, patience }
    }

    /// Tickets that no fan has on a paid order yet.
    pub fn left(&self) -> i32 {
        let sold = i32::try_from(self.tally.counts().tickets).unwrap_or(i32::MAX);
        self.sale.tickets.saturating_sub(sold)
    }

    pub fn is_over(&self) -> bool {
        self.left() <= 0 || Instant::now() >= self.deadline
    }

    /// Makes a call until it is answered for good. What passes by itself is waited out, as the
    /// server asks or longer from time to time, and counted by kind.
    ///
    /// # Errors
    /// An answer that asking again would not change, or the end of the rush.
    pub async fn insist<T: DeserializeOwned>(
        &self,
        timed: Option<Timed>,
        call: &Call<'_>,
    ) -> Result<T, Fault> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.api.call(call).await {
                Ok(answer) => {
                    if let Some(timed) = timed {
                        self.tally.took(timed, answer.time);
                    }
                    return Ok(answer.body);
                }
                Err(fault) if fault.passes && Instant::now() < self.deadline => {
                    self.tally.fault(&fault.kind);
                    sleep(fault.retry_after.unwrap_or(pause).mul_f64(rand::random_range(1.0..1.5)))
                        .await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

//! Passwords: argon2id, computed where it does not hold requests up, and in a queue that does not
//! grow without end.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use anyhow::Context;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::network::Network;

/// Each takes 19 MiB and some ten milliseconds of a core; more at once would starve the rest of the
/// process.
const AT_ONCE_MAX: usize = 2;
/// Whoever stands in line longer is told to come back: a crowd at the door must not grow a line of
/// minutes.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Of one network in a queue, with the one whose turn it is: a flood from one network is told to
/// come back and leaves room for others.
const OF_NETWORK_MAX: usize = 8;
/// Of all networks: about what is looked at within [`WAIT_MAX`].
const QUEUE_MAX: usize = 256;
/// Of all networks that one may have bought whole for little: an IPv6 /48 has 65 536 networks, and
/// would fill the queue.
const OF_AROUND_MAX: usize = QUEUE_MAX / 4;
const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 200;
/// Without letters and digits that look alike.
const EASY: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// For those who are let in already.
static COMMON: LazyLock<Queue> = LazyLock::new(Queue::default);
/// What an unknown account's password is compared with, so that it takes as long as a known one's.
static NOBODY: LazyLock<String> = LazyLock::new(|| compute(&generate()).unwrap_or_default());

fn compute(password: &str) -> anyhow::Result<String> {
    let hash: PasswordHash =
        Argon2::default().hash_password(password.as_bytes()).context("hashing a password")?;
    Ok(hash.to_string())
}

fn matches(password: &str, hash: Option<&str>) -> bool {
    // Made by whoever comes first, known or not, so that its making tells nothing.
    LazyLock::force(&NOBODY);
    let text = hash.unwrap_or(&NOBODY);
    PasswordHash::new(text).is_ok_and(|of| {
        let is_right = Argon2::default().verify_password(password.as_bytes(), &of).is_ok();
        is_right && hash.is_some()
    })
}

/// Too many passwords are being looked at; nothing was done. A 503 that says to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being looked at")]
pub struct Busy;

/// Those who wait to have a password looked at: two at once, the others 3 s at most. Networks take
/// turns: of each, one stands in the line that all share, and the rest wait behind it. Each door
/// has a queue of its own, so that a crowd at one keeps nobody out at another.
#[derive(Clone)]
pub struct Queue {
    turns: Arc<Semaphore>,
    networks: Arc<Mutex<HashMap<Network, Standing>>>,
    wait_max: Duration,
}

/// One network in a queue.
struct Standing {
    seats: usize,
    /// What [`Network::around`] gives.
    around: Network,
    /// Who has it may stand in the line that all networks share.
    first: Arc<Semaphore>,
}

impl Default for Queue {
    fn default() -> Self {
        Self::of(WAIT_MAX)
    }
}

/// Counts one of a network in, until it is dropped.
struct Seat {
    queue: Queue,
    network: Network,
    first: Arc<Semaphore>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut networks = self.queue.networks.lock();
        if let Some(standing) = networks.get_mut(&self.network) {
            standing.seats -= 1;
            if standing.seats == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

/// The right to look at one password. It belongs to the work and not to the request: whoever hangs
/// up leaves the work behind, and it has to count until it ends.
struct Turn {
    // Given back in this order: whoever gets the turn next finds the seat free.
    _seat: Seat,
    _first: OwnedSemaphorePermit,
    _at_once: OwnedSemaphorePermit,
}

impl Queue {
    fn of(wait_max: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), networks: Arc::default(), wait_max }
    }

    /// Takes every turn, once they are free: until it is dropped, whoever comes waits, and is told
    /// to come back.
    ///
    /// # Errors
    /// Never: a queue is not closed.
    pub async fn all_turns(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.turns.clone().acquire_many_owned(AT_ONCE_MAX as u32).await
    }

    fn seat(&self, network: &Network) -> Result<Seat, Busy> {
        let mut networks = self.networks.lock();
        let taken: usize = networks.values().map(|standing| standing.seats).sum();
        let around = network.around();
        let of_around: usize = networks
            .values()
            .filter(|standing| standing.around == around)
            .map(|standing| standing.seats)
            .sum();
        let of_network = networks.get(network).map_or(0, |standing| standing.seats);
        if taken >= QUEUE_MAX || of_around >= OF_AROUND_MAX || of_network >= OF_NETWORK_MAX {
            return Err(Busy);
        }
        let standing = networks.entry(network.clone()).or_insert_with(|| Standing {
            seats: 0,
            around,
            first: Arc::new(Semaphore::new(1)),
        });
        standing.seats += 1;
        Ok(Seat { queue: self.clone(), network: network.clone(), first: standing.first.clone() })
    }

    async fn turn(&self, network: &Network) -> Result<Turn, Busy> {
        let seat = self.seat(network)?;
        let first = seat.first.clone().acquire_owned().await.map_err(|_| Busy)?;
        let at_once = self.turns.clone().acquire_owned().await.map_err(|_| Busy)?;
        Ok(Turn { _seat: seat, _first: first, _at_once: at_once })
    }

    async fn apart<T: Send + 'static>(
        &self,
        network: &Network,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let turn =
            tokio::time::timeout(self.wait_max, self.turn(network)).await.map_err(|_| Busy)??;
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        // Fails only where the process is ending.
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }

    /// The password as a PHC string: argon2id with 19 MiB, two passes, a salt of its own.
    ///
    /// # Errors
    /// [`Busy`] within; or no randomness.
    pub async fn hash(&self, network: &Network, password: String) -> anyhow::Result<String> {
        self.apart(network, move || compute(&password)).await?
    }

    /// Whether the password is the one that was hashed. `None` stands for an account that does not
    /// exist: it costs the same time and is false.
    ///
    /// # Errors
    /// [`Busy`]: nobody looked.
    pub async fn verify(
        &self,
        network: &Network,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Busy> {
        self.apart(network, move || matches(&password, hash.as_deref())).await
    }
}

/// Like [`Queue::hash`], for somebody who is let in already: it waits in a queue that strangers do
/// not reach.
///
/// # Errors
/// [`Busy`] within; or no randomness.
pub async fn hash(password: String) -> anyhow::Result<String> {
    COMMON.hash(&Network::default(), password).await
}

/// A password to hand to somebody once: 20 easily typed characters in groups of five, 99 bits.
pub fn generate() -> String {
    let mut rng = rand::rng();
    let group = |rng: &mut rand::rngs::ThreadRng| -> String {
        (0..5).map(|_| char::from(EASY[rng.random_range(0..EASY.len())])).collect()
    };
    (0..4).map(|_| group(&mut rng)).collect::<Vec<_>>().join("-")
}

/// Why a password that somebody chose is refused, or `None`. Length is what counts (NIST SP
/// 800-63B).
pub fn objection(password: &str) -> Option<&'static str> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Some("must have at least 12 characters; a few words in a row are easy to remember");
    }
    if chars > CHARS_MAX {
        return Some("must have at most 200 characters");
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Some("must not be one character again and again");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const GOOD: &str = "a good long password";

    /// Networks that lie in no common one.
    fn network(number: usize) -> Network {
        Network::containing(std::net::Ipv4Addr::from(0xC633_0001 + ((number as u32) << 8)).into())
    }

    /// Networks of one /48.
    fn neighbour(number: usize) -> Network {
        Network(format!("2001:db8:1:{number:x}::/64"))
    }

    /// Counts the work that goes on at once.
    #[derive(Clone, Default)]
    struct Gauge {
        running: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
        begun: Arc<AtomicUsize>,
    }

    impl Gauge {
        fn work(&self, takes: Duration) -> impl FnOnce() + Send + use<> {
            let Self { running, most, begun } = self.clone();
            move || {
                begun.fetch_add(1, Ordering::SeqCst);
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(takes);
                running.fetch_sub(1, Ordering::SeqCst);
            }
        }

        fn most(&self) -> usize {
            self.most.load(Ordering::SeqCst)
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let password = generate();
        let hashed = hash(password.clone()).await.expect("a hash");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        let (queue, here) = (Queue::default(), network(1));
        let verify = |password: String, hash| queue.verify(&here, password, hash);
        assert_eq!(verify(password.clone(), Some(hashed.clone())).await, Ok(true));
        for (given, hash) in [
            (format!("{password}x"), Some(hashed)),
            (password.clone(), None),
            (password, Some("no hash".to_owned())),
        ] {
            assert_eq!(verify(given, hash).await, Ok(false));
        }
    }

    #[tokio::test]
    async fn a_full_queue_sends_away_and_the_next_door_does_not_notice() {
        let (crowded, other, here) =
            (Queue::of(Duration::from_millis(20)), Queue::default(), network(1));
        let hashed = other.hash(&here, GOOD.to_owned()).await.expect("a hash");
        let turns = crowded.all_turns().await.expect("open");
        assert_eq!(crowded.verify(&here, String::new(), None).await, Err(Busy));
        let refused = crowded.hash(&here, String::new()).await.expect_err("busy");
        assert_eq!(refused.downcast_ref::<Busy>(), Some(&Busy));
        assert_eq!(other.verify(&here, GOOD.to_owned(), Some(hashed.clone())).await, Ok(true));
        drop(turns);
        let patient = Queue::default();
        let all = (0..OF_NETWORK_MAX)
            .map(|_| patient.verify(&here, GOOD.to_owned(), Some(hashed.clone())));
        assert_eq!(
            futures::future::join_all(all).await,
            [Ok(true); OF_NETWORK_MAX],
            "a short line is waited out"
        );
    }

    /// Asks from `networks` networks at once and hangs up as soon as the work of some has begun.
    async fn hang_up_on(queue: &Queue, gauge: &Gauge, networks: usize) {
        for number in 0..networks {
            let network = network(number);
            let asking = queue.apart(&network, gauge.work(Duration::from_millis(100)));
            assert!(
                tokio::time::timeout(Duration::from_millis(2), asking).await.is_err(),
                "nobody waited"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_hangs_up_leaves_no_room_for_more_work_than_there_is() {
        let (queue, gauge) = (Queue::default(), Gauge::default());
        hang_up_on(&queue, &gauge, 40).await;
        assert!((1..=AT_ONCE_MAX).contains(&gauge.most()), "{} at once", gauge.most());
        // Those who left before their turn cost nothing, and keep no seat.
        queue.apart(&network(99), gauge.work(Duration::ZERO)).await.expect("a turn");
        assert!(gauge.begun() <= 20, "{} were begun", gauge.begun());
        let all = queue.all_turns().await.expect("open");
        assert!(queue.networks.lock().is_empty());
        drop(all);
    }

    /// The negative control: a turn that falls with the request is no bound.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_turn_that_the_request_keeps_bounds_nothing() {
        let (queue, gauge) = (Queue::default(), Gauge::default());
        for number in 0..40 {
            let asking = async {
                let _turn = queue.turn(&network(number)).await.expect("a turn");
                tokio::task::spawn_blocking(gauge.work(Duration::from_millis(100)))
                    .await
                    .expect("done");
            };
            let _ = tokio::time::timeout(Duration::from_millis(2), asking).await;
        }
        assert!(gauge.most() > AT_ONCE_MAX, "{} at once", gauge.most());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_from_one_network_keeps_no_other_waiting() {
        let (queue, gauge) = (Queue::default(), Gauge::default());
        let takes = Duration::from_millis(50);
        let flood: Vec<_> = (0..100)
            .map(|_| {
                let (queue, work) = (queue.clone(), gauge.work(takes));
                tokio::spawn(async move { queue.apart(&network(1), work).await })
            })
            .collect();
        tokio::time::sleep(takes / 2).await;
        queue.apart(&network(2), || ()).await.expect("a turn");
        assert!(gauge.begun() < OF_NETWORK_MAX, "it came before the rest of the flood");
        let outcomes = futures::future::join_all(flood).await;
        let served = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(Ok(())))).count();
        assert_eq!((served, gauge.most()), (OF_NETWORK_MAX, 1), "a network has one turn at a time");
    }

    #[tokio::test]
    async fn a_queue_has_an_end_and_who_leaves_it_makes_room() {
        let queue = Queue::default();
        let turns = queue.all_turns().await.expect("open");
        let seats: Vec<_> = (0..QUEUE_MAX)
            .map(|number| queue.seat(&network(number)).unwrap_or_else(|_| panic!("a seat")))
            .collect();
        assert_eq!(queue.verify(&network(QUEUE_MAX), String::new(), None).await, Err(Busy));
        drop((seats, turns));
        assert_eq!(queue.verify(&network(QUEUE_MAX), String::new(), None).await, Ok(false));
    }

    #[tokio::test]
    async fn networks_bought_together_do_not_fill_a_queue() {
        let queue = Queue::of(Duration::from_millis(20));
        let turns = queue.all_turns().await.expect("open");
        let seats: Vec<_> =
            (0..QUEUE_MAX).filter_map(|number| queue.seat(&neighbour(number)).ok()).collect();
        assert_eq!(seats.len(), QUEUE_MAX / 4);
        assert!(queue.seat(&neighbour(QUEUE_MAX)).is_err());
        let others = ["2001:db8:2:1::/64", "198.51.100.1"]
            .map(|text| queue.seat(&Network(text.to_owned())).ok());
        assert!(others.iter().all(Option::is_some), "there is room for others");
        drop(seats);
        assert!(queue.seat(&neighbour(0)).is_ok(), "whoever leaves makes room");
        drop(turns);
    }

    #[test]
    fn what_is_refused() {
        assert!(objection("short").is_some() && objection(&"a".repeat(30)).is_some());
        assert!(objection(&"ab".repeat(101)).is_some());
        assert_eq!(objection(&generate()), None);
    }
}

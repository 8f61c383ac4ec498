//! Answers that are kept for a moment, so that a crowd that asks the same thing costs one look.
//!
//! One copy of the machinery serves all caches, whatever they keep: each use of a generic one
//! would be compiled anew.

use std::{
    any::Any,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::Expiry;

/// How often a caller waits for the looks of others that fail before it looks by itself.
const OTHERS_FAILURES_MAX: usize = 2;

/// What was found by a look that began then.
#[derive(Clone)]
struct Found {
    began: Instant,
    value: Arc<dyn Any + Send + Sync>,
}

/// Counts the age of an answer from when the look for it began: an answer that took long is old.
struct SinceItBegan(Duration);

impl Expiry<Vec<u8>, Found> for SinceItBegan {
    fn expire_after_create(&self, _: &Vec<u8>, found: &Found, now: Instant) -> Option<Duration> {
        Some(self.0.saturating_sub(now.saturating_duration_since(found.began)))
    }

    fn expire_after_update(
        &self,
        key: &Vec<u8>,
        found: &Found,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, found, now)
    }
}

/// Values of one type by their key's bytes, each kept for the same time.
pub struct Cache<V> {
    found: moka::future::Cache<Vec<u8>, Found>,
    values: PhantomData<fn() -> V>,
}

impl<V: Send + Sync + 'static> Cache<V> {
    /// Keeps a value for `fresh`, counted from when the look for it began, and `entries_max` values
    /// at once.
    pub fn new(fresh: Duration, entries_max: u64) -> Self {
        Self { found: made(fresh, entries_max), values: PhantomData }
    }

    /// The value of `key`, if it is kept.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Option<Arc<V>> {
        self.found.get(key.as_ref()).await.and_then(|found| found.value.downcast().ok())
    }

    /// The value of `key`: the one that is kept, or what `look` finds. Callers who come while it is
    /// looked for wait for that look; where it fails, one of them looks again.
    ///
    /// # Errors
    /// Those of this caller's own look. Nothing is kept then.
    pub async fn get_or_look<E, F>(
        &self,
        key: impl AsRef<[u8]>,
        look: impl Fn() -> F + Send + Sync,
    ) -> Result<Arc<V>, E>
    where
        E: Send,
        F: Future<Output = Result<V, E>> + Send,
    {
        let key = key.as_ref();
        for _ in 0..OTHERS_FAILURES_MAX {
            if let Some(value) = self.get(key).await {
                return Ok(value);
            }
            let mut failed = None;
            let looking = async {
                let began = Instant::now();
                match look().await {
                    Ok(value) => Some(Found { began, value: Arc::new(value) }),
                    Err(error) => {
                        failed = Some(error);
                        None
                    }
                }
            };
            let found = one_look(&self.found, key, Box::pin(looking)).await;
            if let Some(error) = failed {
                return Err(error);
            }
            if let Some(value) = found.and_then(|found| found.value.downcast().ok()) {
                return Ok(value);
            }
        }
        let began = Instant::now();
        let value = Arc::new(look().await?);
        self.found.insert(key.to_owned(), Found { began, value: value.clone() }).await;
        Ok(value)
    }

    /// Keeps a value that is known to be right now.
    pub async fn insert(&self, key: impl AsRef<[u8]>, value: V) {
        let found = Found { began: Instant::now(), value: Arc::new(value) };
        self.found.insert(key.as_ref().to_owned(), found).await;
    }

    pub async fn forget(&self, key: impl AsRef<[u8]>) {
        self.found.invalidate(key.as_ref()).await;
    }
}

fn made(fresh: Duration, entries_max: u64) -> moka::future::Cache<Vec<u8>, Found> {
    moka::future::Cache::builder()
        .max_capacity(entries_max)
        .expire_after(SinceItBegan(fresh))
        .build()
}

/// The look of one among all who ask at once; `None` where it failed.
async fn one_look(
    found: &moka::future::Cache<Vec<u8>, Found>,
    key: &[u8],
    look: Pin<Box<dyn Future<Output = Option<Found>> + Send + '_>>,
) -> Option<Found> {
    found.optionally_get_with_by_ref(key, look).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Looks that take a moment and number themselves; the first `failing` fail.
    #[derive(Default)]
    struct Looks {
        begun: AtomicU32,
        failing: u32,
    }

    impl Looks {
        async fn look(&self) -> Result<u32, u32> {
            let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(Duration::from_millis(30)).await;
            if number <= self.failing { Err(number) } else { Ok(number) }
        }
    }

    #[tokio::test]
    async fn a_crowd_costs_one_look() {
        let (cache, looks) = (Cache::<u32>::new(LONG, 10), Looks::default());
        let asking = (0..100).map(|_| cache.get_or_look("a", || looks.look()));
        let found = join_all(asking).await;
        assert!(found.into_iter().all(|found| *found.expect("found") == 1));
        assert_eq!(*cache.get_or_look("b", || looks.look()).await.expect("found"), 2);
        cache.forget("a").await;
        assert!(cache.get("a").await.is_none() && cache.get("b").await.is_some());
    }

    #[tokio::test]
    async fn the_age_of_an_answer_counts_from_the_question() {
        let cache = Cache::<u32>::new(Duration::from_millis(150), 10);
        let slow = || async {
            sleep(Duration::from_millis(100)).await;
            Ok::<_, ()>(1)
        };
        assert_eq!(*cache.get_or_look("a", slow).await.expect("found"), 1);
        sleep(Duration::from_millis(70)).await;
        assert!(cache.get("a").await.is_none());
        let late = Cache::<u32>::new(Duration::from_millis(50), 10);
        assert_eq!(*late.get_or_look("a", slow).await.expect("told to who asked"), 1);
        assert!(late.get("a").await.is_none(), "too old to be kept");
    }

    #[tokio::test]
    async fn a_failure_is_told_to_who_looked_and_the_next_looks_again() {
        let cache = Cache::<u32>::new(LONG, 10);
        let looks = Looks { failing: 1, ..Looks::default() };
        let asking = (0..5).map(|_| cache.get_or_look("a", || looks.look()));
        let mut found: Vec<_> =
            join_all(asking).await.into_iter().map(|found| found.ok()).collect();
        found.sort();
        assert_eq!(found, [None, Some(2.into()), Some(2.into()), Some(2.into()), Some(2.into())]);
        let always = Looks { failing: u32::MAX, ..Looks::default() };
        let asking = (0..9).map(|_| cache.get_or_look("b", || always.look()));
        assert!(join_all(asking).await.into_iter().all(|found| found.is_err()));
        assert!(cache.get("b").await.is_none());
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_who_looked_hangs_up() {
        let (cache, looks) = (Cache::<u32>::new(LONG, 10), Looks::default());
        let (gone, waiting) = tokio::join!(
            tokio::time::timeout(
                Duration::from_millis(10),
                cache.get_or_look("a", || looks.look())
            ),
            async {
                sleep(Duration::from_millis(5)).await;
                cache.get_or_look("a", || looks.look()).await
            }
        );
        assert!(gone.is_err());
        assert_eq!(*waiting.expect("found"), 2);
    }

    #[tokio::test]
    async fn there_is_an_end_to_what_is_kept() {
        let cache = Cache::<u32>::new(LONG, 10);
        for number in 0..100u32 {
            cache.insert(number.to_string(), number).await;
        }
        cache.found.run_pending_tasks().await;
        assert!(cache.found.entry_count() <= 10);
    }
}

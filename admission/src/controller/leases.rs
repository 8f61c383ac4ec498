//! This process as a member of the group that shares the leases: which it has, and committing heads
//! with them, for all rooms at once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, anyhow};
use kit::kafka::Kafka;
use parking_lot::{Mutex, RwLock};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use crate::lane::lease::{ADMISSION_GROUP, LEASES};

const CALL: Duration = Duration::from_secs(5);
/// How often the member looks up from waiting for news of the group.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Commits of many rooms wait so long for each other, to go in one.
const GATHER: Duration = Duration::from_millis(3);

/// A lease as it was given this time: one that was taken away and given again is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub lease: i32,
    number: u64,
}

/// A head to be committed, under the term in which its lane was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneCommit {
    pub lane: i32,
    pub head: i64,
    pub term: Term,
    /// What is written beside it.
    pub mark: String,
}

/// A room's heads that wait to be committed.
struct Waiting {
    topic: Arc<str>,
    lanes: Vec<LaneCommit>,
    /// Whether Kafka is not known yet to take commits of this topic.
    is_first: bool,
    done: oneshot::Sender<Result<(), String>>,
}

#[derive(Default)]
struct Terms {
    held: BTreeMap<i32, u64>,
    last: u64,
}

/// What the group's callbacks and those who commit share.
struct Holding {
    terms: RwLock<Terms>,
    /// Held while a commit is on its way: a lease is not let go before it arrived.
    committing: Mutex<()>,
    changed: watch::Sender<()>,
}

impl Holding {
    fn gain(&self, list: &TopicPartitionList) {
        {
            let mut terms = self.terms.write();
            terms.last += 1;
            let number = terms.last;
            terms.held.extend(list.elements().iter().map(|lease| (lease.partition(), number)));
        }
        self.changed.send_replace(());
    }

    /// Nothing is committed under these leases any more once it returns.
    fn lose(&self, list: &TopicPartitionList) {
        {
            let mut terms = self.terms.write();
            for lease in list.elements() {
                terms.held.remove(&lease.partition());
            }
        }
        drop(self.committing.lock());
        self.changed.send_replace(());
    }

    fn holds(&self, term: Term) -> bool {
        self.terms.read().held.get(&term.lease) == Some(&term.number)
    }
}

struct Member(Arc<Holding>);

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.0.lose(list),
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "sharing the leases failed"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            // There is nothing to be fetched in them.
            let _ = consumer.pause(list);
            self.0.gain(list);
        }
    }
}

/// The leases of this process.
pub struct Leases {
    consumer: Arc<BaseConsumer<Member>>,
    topic: String,
    holding: Arc<Holding>,
    commits: mpsc::UnboundedSender<Waiting>,
    ended: Arc<AtomicBool>,
}

impl Leases {
    /// Joins the group. The topic must be there.
    ///
    /// # Errors
    /// When the Kafka client or its thread cannot be made.
    pub fn join(kafka: &Kafka) -> anyhow::Result<Self> {
        let holding = Arc::new(Holding {
            terms: RwLock::default(),
            committing: Mutex::default(),
            changed: watch::Sender::new(()),
        });
        let consumer: BaseConsumer<Member> =
            kafka.consumer(ADMISSION_GROUP, Member(holding.clone()))?;
        let (consumer, topic) = (Arc::new(consumer), kafka.name(LEASES.name));
        let ended = Arc::new(AtomicBool::new(false));
        consumer.subscribe(&[&topic]).context("subscribing to the leases")?;
        let (polled, is_over) = (consumer.clone(), ended.clone());
        thread::Builder::new().name("leases".to_owned()).spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                if let Some(Err(error)) = polled.poll(LOOK_UP) {
                    tracing::debug!(%error, "following the leases");
                    thread::sleep(LOOK_UP / 4);
                }
            }
        })?;
        let (commits, waiting) = mpsc::unbounded_channel();
        tokio::spawn(commit_all(consumer.clone(), holding.clone(), waiting));
        Ok(Self { consumer, topic, holding, commits, ended })
    }

    /// The term of a lease, where this process has it.
    pub fn term(&self, lease: i32) -> Option<Term> {
        let number = self.holding.terms.read().held.get(&lease).copied()?;
        Some(Term { lease, number })
    }

    /// Hears of each change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.holding.changed.subscribe()
    }

    /// Whether other processes have some of the leases, or nobody has them yet.
    pub fn are_shared(&self) -> bool {
        self.holding.terms.read().held.len() < LEASES.partitions.unsigned_abs() as usize
    }

    /// Commits a room's heads and waits for the acknowledgement.
    ///
    /// # Errors
    /// A lease was lost meanwhile, or Kafka does not acknowledge: then no head may be published.
    pub async fn commit(
        &self,
        topic: &Arc<str>,
        lanes: Vec<LaneCommit>,
        is_first: bool,
    ) -> anyhow::Result<()> {
        let (done, acknowledged) = oneshot::channel();
        let waiting = Waiting { topic: topic.clone(), lanes, is_first, done };
        self.commits.send(waiting).map_err(|_| anyhow!("nobody commits any more"))?;
        let answer = acknowledged.await.context("nobody commits any more")?;
        answer.map_err(anyhow::Error::msg).context("committing heads")
    }

    /// What the group committed of these lanes, and what is written beside it; lanes without a
    /// commit are left out.
    ///
    /// # Errors
    /// Kafka away.
    pub async fn committed(
        &self,
        topic: &Arc<str>,
        lanes: &[i32],
    ) -> anyhow::Result<BTreeMap<i32, (i64, String)>> {
        let (consumer, topic) = (self.consumer.clone(), topic.clone());
        let mut list = TopicPartitionList::new();
        for lane in lanes {
            list.add_partition(&topic, *lane);
        }
        tokio::task::spawn_blocking(move || {
            let found = consumer.committed_offsets(list, CALL)?;
            let mut committed = BTreeMap::new();
            for element in found.elements() {
                element.error()?;
                if let Offset::Offset(offset) = element.offset() {
                    let mark = element.metadata().to_owned();
                    committed.insert(element.partition(), (offset, mark));
                }
            }
            Ok(committed)
        })
        .await?
    }

    /// Hands all leases over to other processes. [`Leases::rejoin`] asks for some again.
    pub fn hand_over(&self) {
        self.consumer.unsubscribe();
    }

    /// Asks for leases again after they were handed over.
    ///
    /// # Errors
    /// When the client refuses the topic's name.
    pub fn rejoin(&self) -> anyhow::Result<()> {
        self.consumer.subscribe(&[&self.topic]).context("subscribing to the leases again")
    }

    /// Leaves the group in good order, which hands the leases over at once.
    pub async fn leave(self) {
        self.consumer.unsubscribe();
        let let_go = async {
            while !self.holding.terms.read().held.is_empty() {
                sleep(LOOK_UP / 10).await;
            }
        };
        let _ = tokio::time::timeout(CALL, let_go).await;
        self.ended.store(true, Ordering::Relaxed);
        let (consumer, commits) = (self.consumer.clone(), self.commits.clone());
        drop(self);
        drop(commits);
        // Closing may block, so it has a thread of its own.
        let left = tokio::task::spawn_blocking(move || {
            thread::sleep(2 * LOOK_UP);
            drop(consumer);
        });
        let _ = tokio::time::timeout(CALL, left).await;
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Commits what waits, until nobody can ask for it any more: one commit at a time, in which goes
/// all that came while the last one was on its way.
async fn commit_all(
    consumer: Arc<BaseConsumer<Member>>,
    holding: Arc<Holding>,
    mut waiting: mpsc::UnboundedReceiver<Waiting>,
) {
    while let Some(first) = waiting.recv().await {
        sleep(GATHER).await;
        let mut batch = vec![first];
        while let Ok(next) = waiting.try_recv() {
            batch.push(next);
        }
        let (consumer, holding) = (consumer.clone(), holding.clone());
        let committed = tokio::task::spawn_blocking(move || commit(&consumer, &holding, batch));
        if let Err(error) = committed.await {
            tracing::error!(%error, "committing heads");
        }
    }
}

/// Of a commit of many topics Kafka may refuse a part, of which librdkafka says nothing where the
/// rest was taken. So a topic's first commit goes alone; after it, only a topic that is gone is
/// refused.
fn commit(consumer: &BaseConsumer<Member>, holding: &Holding, batch: Vec<Waiting>) {
    let _on_its_way = holding.committing.lock();
    let (held, lost): (Vec<Waiting>, Vec<Waiting>) = batch
        .into_iter()
        .partition(|waiting| waiting.lanes.iter().all(|lane| holding.holds(lane.term)));
    let (firsts, others): (Vec<Waiting>, Vec<Waiting>) =
        held.into_iter().partition(|waiting| waiting.is_first);
    let groups = firsts.into_iter().map(|first| vec![first]).chain([others]);
    for group in groups.filter(|group| !group.is_empty()) {
        let answer = list_of(&group)
            .and_then(|list| consumer.commit(&list, CommitMode::Sync))
            .map_err(|error| error.to_string());
        for waiting in group {
            let _ = waiting.done.send(answer.clone());
        }
    }
    for waiting in lost {
        let _ = waiting.done.send(Err("another process has the lanes by now".to_owned()));
    }
}

fn list_of(group: &[Waiting]) -> rdkafka::error::KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for waiting in group {
        for lane in &waiting.lanes {
            let mut element = list.add_partition(&waiting.topic, lane.lane);
            element.set_offset(Offset::Offset(lane.head))?;
            element.set_metadata(lane.mark.clone());
        }
    }
    Ok(list)
}

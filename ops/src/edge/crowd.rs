//! Pages that wait, many of them in one process: each looks when the queue page's script would,
//! works its place out from what it reads, and asks for the place itself when the script would.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use admission::contract::{PlaceId, RoomName};
use anyhow::Context;
use chrono::Utc;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use rand::Rng;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use waitroom::contract::{HeadDocument, ahead, asks_place, next_look_ms, spread_ms};

use crate::bench::client::{Answer, Connection, request};

/// What browsers say that they read; each says it in its own way.
const BROWSERS: [&str; 4] =
    ["gzip, deflate, br, zstd", "gzip, deflate, br", "gzip, deflate", "gzip,deflate,br;q=0.9"];
/// Nobody keeps a browser waiting that calls so many at once.
const CONNECTIONS: usize = 64;

/// Fans who wait in a room, each with a page open.
#[derive(Debug, Clone)]
pub struct Crowd {
    pub room: RoomName,
    pub pages: usize,
    /// The places that they have, the first in line first; several may have the same one.
    pub places: Vec<(i32, i64)>,
    /// For pages that ask for their own place: whose it is does not matter.
    pub ticket: String,
}

/// What a crowd asked for, and what it was told.
#[derive(Debug)]
pub struct Seen {
    pub looks: u64,
    pub place_asks: u64,
    /// Of heads, as sent.
    pub body_bytes: u64,
    pub failures: u64,
    /// Pages whose turn came: they do not wait any more.
    pub let_in: u64,
    /// How old what was read was, by the time in it, in milliseconds.
    pub age_ms: Histogram<u64>,
    /// The most looks that are due within one tenth of a second.
    pub looks_at_once: u64,
    pub lasted: Duration,
}

impl Seen {
    pub fn looks_per_sec(&self) -> f64 {
        self.looks as f64 / self.lasted.as_secs_f64()
    }
}

/// What all pages of a run share.
struct Run {
    crowd: Crowd,
    edge: SocketAddr,
    /// The document that came last, with its body: it is read once, not by each page.
    latest: Mutex<(Vec<u8>, Arc<HeadDocument>)>,
    age_ms: Mutex<Histogram<u64>>,
    body_bytes: AtomicU64,
    place_asks: AtomicU64,
    failures: AtomicU64,
    let_in: AtomicU64,
}

impl Crowd {
    /// Waits for so long, beginning with pages that have been open for a while.
    ///
    /// # Errors
    /// Where the edge does not answer at all.
    pub async fn wait(self, edge: SocketAddr, lasts: Duration) -> anyhow::Result<Seen> {
        let first = Connection::open(edge).await?.call(&self.look(0)).await?;
        let head = parsed(&first).context("the first head document")?;
        let run = Arc::new(Run {
            latest: Mutex::new((first.body, Arc::new(head))),
            age_ms: Mutex::new(Histogram::new(3)?),
            body_bytes: AtomicU64::new(0),
            place_asks: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            let_in: AtomicU64::new(0),
            crowd: self,
            edge,
        });
        run.wait(lasts).await
    }

    fn look(&self, page: usize) -> Vec<u8> {
        let path = format!("/v1/rooms/{}/head", self.room);
        request("GET", &path, &[("accept-encoding", BROWSERS[page % BROWSERS.len()])], "")
    }

    fn place(&self, page: usize) -> PlaceId {
        let (lane, offset) = self.places[page % self.places.len().max(1)];
        PlaceId { room: self.room.clone(), lane, offset }
    }
}

/// A page's next look, the soonest first.
type Due = Reverse<(Instant, usize)>;

impl Run {
    async fn wait(self: Arc<Self>, lasts: Duration) -> anyhow::Result<Seen> {
        let began = Instant::now();
        let end = began + lasts;
        let (ask, mut tasks, mut told) = self.clone().connect();
        let mut due: BinaryHeap<Due> = {
            let head = self.latest.lock().1.clone();
            let mut rng = rand::rng();
            // Whoever waits has waited for a while: each is somewhere between two looks.
            let first = |page| {
                let ahead = self.ahead(&head, page)?;
                let share = rng.random_range(0..=u64::from(next_look_ms(&head, ahead)));
                Some(Reverse((began + Duration::from_millis(share), page)))
            };
            (0..self.crowd.pages).filter_map(first).collect()
        };
        // A tenth of a second since the beginning, and the looks that are due in it.
        let (mut looks, mut looks_at_once, mut tenth) = (0, 0, (0, 0));
        loop {
            while let Ok((page, next_ms)) = told.try_recv() {
                due.push(Reverse((Instant::now() + Duration::from_millis(next_ms), page)));
            }
            let now = Instant::now();
            if now >= end {
                break;
            }
            while due.peek().is_some_and(|Reverse((at, _))| *at <= now) {
                let Some(Reverse((at, page))) = due.pop() else { break };
                let own_tenth = (at - began).as_millis() / 100;
                tenth = (own_tenth, if own_tenth == tenth.0 { tenth.1 + 1 } else { 1 });
                looks += 1;
                looks_at_once = looks_at_once.max(tenth.1);
                ask.send(page).await.context("the connections ended")?;
            }
            sleep_until(now + Duration::from_millis(2)).await;
        }
        let lasted = began.elapsed();
        drop(ask);
        while tasks.join_next().await.is_some() {}
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Seen {
            looks,
            place_asks: count(&self.place_asks),
            body_bytes: count(&self.body_bytes),
            failures: count(&self.failures),
            let_in: count(&self.let_in),
            age_ms: self.age_ms.lock().clone(),
            looks_at_once,
            lasted,
        })
    }

    /// Connections that look for the pages that are named to them, and tell when each looks again.
    fn connect(
        self: Arc<Self>,
    ) -> (mpsc::Sender<usize>, JoinSet<()>, mpsc::UnboundedReceiver<(usize, u64)>) {
        let (ask, asked) = mpsc::channel::<usize>(4 * CONNECTIONS);
        let (tell, told) = mpsc::unbounded_channel();
        let asked = Arc::new(tokio::sync::Mutex::new(asked));
        let mut tasks = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (run, asked, tell) = (self.clone(), asked.clone(), tell.clone());
            tasks.spawn(async move {
                let mut connection = None;
                loop {
                    let Some(page) = asked.lock().await.recv().await else { break };
                    let Some(next_ms) = run.look(&mut connection, page).await else { continue };
                    // Nobody listens once the time is over.
                    let _ = tell.send((page, next_ms));
                }
            });
        }
        (ask, tasks, told)
    }

    /// A page's look, and what it asks for after that. Gives in how many milliseconds it looks
    /// again; `None` once its turn has come.
    async fn look(&self, connection: &mut Option<Connection>, page: usize) -> Option<u64> {
        let answer = match self.call(connection, &self.crowd.look(page)).await {
            Some(answer) if answer.status == 200 => answer,
            _ => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                return Some(3_000);
            }
        };
        self.body_bytes.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        let head = self.read(answer)?;
        let age_ms = (Utc::now() - head.as_of).num_milliseconds().max(0);
        let _ = self.age_ms.lock().record(age_ms.unsigned_abs());
        let Some(ahead) = self.ahead(&head, page) else {
            self.let_in.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        // Each of the few who are next asks every tenth look or so; since when does not matter.
        let is_tenth = rand::rng().random_ratio(1, 10);
        if is_tenth && asks_place(ahead, u64::MAX) {
            self.place_asks.fetch_add(1, Ordering::Relaxed);
            let bearer = format!("Bearer {}", self.crowd.ticket);
            let path = format!("/v1/rooms/{}/place", self.crowd.room);
            self.call(connection, &request("GET", &path, &[("authorization", &bearer)], "")).await;
        }
        Some(u64::from(spread_ms(next_look_ms(&head, ahead), rand::rng().random())))
    }

    /// nginx ends a connection after so many requests; then there is another.
    async fn call(&self, kept: &mut Option<Connection>, request: &[u8]) -> Option<Answer> {
        for _ in 0..2 {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(self.edge).await.ok()?,
            };
            if let Ok(answer) = connection.call(request).await {
                *kept = Some(connection);
                return Some(answer);
            }
        }
        None
    }

    fn read(&self, answer: Answer) -> Option<Arc<HeadDocument>> {
        let mut latest = self.latest.lock();
        if latest.0 != answer.body {
            let head = parsed(&answer)?;
            *latest = (answer.body, Arc::new(head));
        }
        Some(latest.1.clone())
    }

    /// How many stand before a page's place; `None` once its turn has come.
    fn ahead(&self, head: &HeadDocument, page: usize) -> Option<i64> {
        let place = self.crowd.place(page);
        let is_in = head.lanes.iter().any(|own| own.lane == place.lane && own.head > place.offset);
        (!is_in).then(|| ahead(&place, &head.lanes))
    }
}

fn parsed(answer: &Answer) -> Option<HeadDocument> {
    let plain = flate2::read::GzDecoder::new(&answer.body[..]);
    serde_json::from_reader(plain).ok()
}

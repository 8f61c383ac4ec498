//! Checkout's words to all rooms, read with one question at a time.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    place::RoomName,
    signal::{Signals, redis::SignalBoard},
};

/// How often words are read to rooms that are busy, and to those that are not.
const READ_EVERY: Duration = Duration::from_millis(250);
const READ_SELDOM: Duration = Duration::from_secs(1);

/// What was heard, and when it was asked.
#[derive(Debug, Clone)]
pub struct Heard {
    pub signals: Signals,
    pub at: Instant,
}

/// Whether a room is busy, as its controller says.
#[derive(Clone)]
pub struct Busy {
    flag: Arc<AtomicBool>,
    hurry: Arc<Notify>,
}

impl Busy {
    /// Whether the room has just become busy. What checkout says to it is then read at once.
    pub fn set(&self, busy: bool) -> bool {
        let began = !self.flag.swap(busy, Ordering::Relaxed) && busy;
        if began {
            self.hurry.notify_one();
        }
        began
    }
}

struct Listener {
    heard: watch::Sender<Option<Heard>>,
    busy: Busy,
}

type Listeners = Arc<Mutex<HashMap<RoomName, Listener>>>;

/// The one reader of checkout's words.
pub struct Words {
    listeners: Listeners,
    hurry: Arc<Notify>,
    _ends_with_it: DropGuard,
}

impl Words {
    /// Redis being away is waited out.
    pub fn start(board: SignalBoard) -> Self {
        let (stop, listeners, hurry) =
            (CancellationToken::new(), Listeners::default(), Arc::new(Notify::new()));
        let words = Self {
            listeners: listeners.clone(),
            hurry: hurry.clone(),
            _ends_with_it: stop.clone().drop_guard(),
        };
        tokio::spawn(async move {
            let mut all_due = Instant::now();
            while !stop.is_cancelled() {
                let at = Instant::now();
                let all = at >= all_due;
                if all {
                    all_due = at + READ_SELDOM;
                }
                read(&board, &listeners, all, at).await;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = hurry.notified() => {}
                    () = tokio::time::sleep(READ_EVERY) => {}
                }
            }
        });
        words
    }

    /// Reads what is said to a room from now on, until the receiver is dropped.
    pub fn follow(&self, room: &RoomName) -> (watch::Receiver<Option<Heard>>, Busy) {
        let (sender, heard) = watch::channel(None);
        let busy = Busy { flag: Arc::new(AtomicBool::new(true)), hurry: self.hurry.clone() };
        let listener = Listener { heard: sender, busy: busy.clone() };
        self.listeners.lock().insert(room.clone(), listener);
        self.hurry.notify_one();
        (heard, busy)
    }
}

async fn read(board: &SignalBoard, listeners: &Listeners, all: bool, at: Instant) {
    let rooms: Vec<RoomName> = {
        let mut listeners = listeners.lock();
        listeners.retain(|_, listener| !listener.heard.is_closed());
        let is_due = |listener: &Listener| all || listener.busy.flag.load(Ordering::Relaxed);
        let due = listeners.iter().filter(|(_, listener)| is_due(listener));
        due.map(|(room, _)| room.clone()).collect()
    };
    if rooms.is_empty() {
        return;
    }
    match board.read_all(&rooms).await {
        Ok(said) => {
            let listeners = listeners.lock();
            for (room, signals) in rooms.iter().zip(said) {
                if let Some(listener) = listeners.get(room) {
                    listener.heard.send_replace(Some(Heard { signals, at }));
                }
            }
        }
        Err(error) => tracing::debug!(%error, "reading checkout's words"),
    }
}

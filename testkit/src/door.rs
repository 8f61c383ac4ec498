//! Checkout's words, for tests that run admission without checkout: without them a room's door is
//! shut, and nobody is let in.

use std::{collections::HashMap, sync::Arc, time::Duration};

use admission::contract::{
    CheckoutSignal, LineStock, RoomName, RoomSignal, SignalBoard, TypeStock,
};
use chrono::Utc;
use kit::redis::Redis;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// Says that passes are redeemed, and what it was told to say about rooms, until it is dropped.
pub struct OpenDoor {
    board: SignalBoard,
    process: Uuid,
    rooms: Arc<Mutex<HashMap<RoomName, RoomSignal>>>,
    saying: AbortHandle,
}

impl Drop for OpenDoor {
    fn drop(&mut self) {
        self.saying.abort();
    }
}

impl OpenDoor {
    pub fn start(redis: &Redis) -> Self {
        let (board, process) = (SignalBoard::new(redis.clone()), Uuid::new_v4());
        let rooms: Arc<Mutex<HashMap<RoomName, RoomSignal>>> = Arc::default();
        let saying = {
            let (board, rooms) = (board.clone(), rooms.clone());
            tokio::spawn(async move {
                loop {
                    let word = CheckoutSignal { at: Utc::now(), redeems: true, writer: None };
                    // A Redis that is away hears the next one.
                    let _ = board.tell_checkout(process, &word).await;
                    let rooms = rooms.lock().clone();
                    for (room, signal) in rooms {
                        let signal = RoomSignal { at: Utc::now(), ..signal };
                        let _ = board.tell_room(process, &room, &signal).await;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        };
        Self { board, process, rooms, saying: saying.abort_handle() }
    }

    /// Says nothing more, and takes back what was said.
    pub async fn shut(&self) {
        self.saying.abort();
        // What was being said may still arrive.
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.board.leave(self.process).await.expect("Redis");
    }

    /// Says this about a room from now on.
    pub fn tell(&self, room: &RoomName, signal: RoomSignal) {
        self.rooms.lock().insert(room.clone(), signal);
    }

    /// Says what is left of a room's one ticket type.
    pub fn tell_stock(&self, room: &RoomName, free: i64, held: i64) {
        let of_type = TypeStock { free, held, allotted: 1_000, ..TypeStock::default() };
        let stock = LineStock { types: vec![of_type], per_fan: 1.0, served: 0 };
        self.tell(room, RoomSignal { stock: Some(stock), ..RoomSignal::default() });
    }
}

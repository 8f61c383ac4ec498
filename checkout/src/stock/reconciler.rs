//! Keeps the stock in Redis true to Postgres: shards that are missing, missed a change, or have
//! submissions that nobody settled are rebuilt.

use std::collections::HashMap;

use futures::{StreamExt, future::try_join_all, stream};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    App,
    stock::{
        ShardKey,
        rebuild::{self, Seen},
        redis::{self as shard, ShardSnapshot},
    },
    store::{self, stock::StockRow},
};

/// Rows looked at in one round; where there are more, rounds take turns.
const ROWS_MAX: i64 = 500;
/// The same after all were looked at and nothing was wrong: shows that nobody asks for are many.
/// One that is found to be wrong makes the rounds large again, so that a Redis that was lost is
/// filled as fast as ever.
const CALM_ROWS_MAX: i64 = 100;
const LOOKS_AT_ONCE: usize = 32;
const REBUILDS_AT_ONCE: usize = 4;

/// What was seen in the last round.
pub struct Reconciler {
    turn: Mutex<Turn>,
    drifts: Mutex<HashMap<ShardKey, Drift>>,
}

/// Where the turn of all rows is.
struct Turn {
    after: ShardKey,
    /// Whether something was wrong since it began anew.
    found: bool,
    /// Whether nothing was wrong in the whole turn before.
    is_calm: bool,
}

impl Turn {
    fn rows_max(&self) -> i64 {
        if self.is_calm { CALM_ROWS_MAX } else { ROWS_MAX }
    }

    /// Takes in a round that ended with `last`, `None` where that was the last of all rows, and
    /// whether something was wrong in it.
    fn note(&mut self, last: Option<ShardKey>, wrong: bool) {
        self.found |= wrong;
        self.is_calm &= !wrong;
        if last.is_none() {
            self.is_calm = !std::mem::take(&mut self.found);
        }
        self.after = last.unwrap_or_else(first);
    }
}

/// How a shard differed from its row. The same twice is no accident of timing: a change that was
/// committed before the first look had a whole round to arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Drift {
    /// The epoch and version of Redis in the last look, where the row had others.
    behind: Option<(i64, i64)>,
    /// The epoch, and the tickets that Redis lacked (or below zero: had too many), in the last look
    /// at which it had seen all changes. A shard that sells moves on to other versions and keeps
    /// what it lost.
    off: Option<(i64, i64)>,
}

impl Drift {
    /// Takes in a look; whether it is the same again.
    fn look(&mut self, row: &StockRow, seen: &ShardSnapshot) -> bool {
        let Some(missing) = row.missing_from(seen) else {
            let now = Some((seen.epoch, seen.version));
            return std::mem::replace(&mut self.behind, now) == now;
        };
        self.behind = None;
        let now = (missing != 0).then_some((seen.epoch, missing));
        let before = std::mem::replace(&mut self.off, now);
        now.is_some() && before == now
    }
}

fn first() -> ShardKey {
    ShardKey { ticket_type: Uuid::nil().into(), shard: -1 }
}

impl Default for Reconciler {
    fn default() -> Self {
        let turn = Turn { after: first(), found: false, is_calm: false };
        Self { turn: Mutex::new(turn), drifts: Mutex::default() }
    }
}

impl Reconciler {
    /// One round.
    pub async fn round(&self, app: &App) -> anyhow::Result<()> {
        let (after, rows_max) = {
            let turn = self.turn.lock();
            (turn.after, turn.rows_max())
        };
        let rows = store::stock::some_after(&app.pool, after, rows_max).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= rows_max);
        let last = rows.last().filter(|_| is_full).map(StockRow::key);

        let looks: Vec<_> = stream::iter(rows)
            .map(|row| async move { (row, shard::look(&app.redis, row.key()).await) })
            .buffer_unordered(LOOKS_AT_ONCE)
            .collect()
            .await;
        let mut wrong = Vec::new();
        let drifting = self.drifts.lock().len();
        for (row, look) in looks {
            if let Some(seen) = self.judge(&row, look?) {
                wrong.push((row.key(), seen));
            }
        }
        let is_wrong = !wrong.is_empty() || self.drifts.lock().len() > drifting;
        self.turn.lock().note(last, is_wrong);
        // One that fails fails for all: the writer is behind, or a server is away.
        for some in wrong.chunks(REBUILDS_AT_ONCE) {
            try_join_all(some.iter().map(|(key, seen)| rebuild::rebuild_once(app, *key, *seen)))
                .await?;
        }
        Ok(())
    }

    fn judge(&self, row: &StockRow, look: Option<ShardSnapshot>) -> Option<Seen> {
        let mut drifts = self.drifts.lock();
        let Some(seen) = look else {
            drifts.remove(&row.key());
            return Some(Seen::Missing);
        };
        if seen.overdue > 0 {
            return Some(Seen::Wrong { epoch: seen.epoch });
        }
        let noted = drifts.entry(row.key()).or_default();
        let again = noted.look(row, &seen);
        if *noted == Drift::default() {
            drifts.remove(&row.key());
        }
        again.then_some(Seen::Wrong { epoch: seen.epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_small_while_nothing_is_wrong() {
        let mut turn = Turn { after: first(), found: false, is_calm: false };
        let key = ShardKey { ticket_type: Uuid::from_u128(7).into(), shard: 0 };
        turn.note(Some(key), false);
        assert_eq!((turn.rows_max(), turn.after), (ROWS_MAX, key));
        turn.note(None, false);
        assert_eq!((turn.rows_max(), turn.after), (CALM_ROWS_MAX, first()));
        turn.note(Some(key), true);
        assert_eq!(turn.rows_max(), ROWS_MAX);
        turn.note(None, false);
        assert_eq!(turn.rows_max(), ROWS_MAX, "something was wrong in this turn");
        turn.note(None, false);
        assert_eq!(turn.rows_max(), CALM_ROWS_MAX);
    }

    fn row(committed: i32, version: i64) -> StockRow {
        StockRow {
            ticket_type: Uuid::nil().into(),
            shard: 0,
            allotted: 10,
            committed,
            epoch: 2,
            version,
        }
    }

    fn snapshot(free: i64, version: i64) -> ShardSnapshot {
        ShardSnapshot { free, held: 2, placing: 1, epoch: 2, version, run_out: 0, overdue: 0 }
    }

    #[test]
    fn a_shard_is_rebuilt_when_it_differs_twice_in_the_same_way() {
        let reconciler = Reconciler::default();
        assert_eq!(reconciler.judge(&row(3, 7), Some(snapshot(4, 7))), None, "agrees");
        assert_eq!(reconciler.judge(&row(3, 8), Some(snapshot(4, 7))), None, "once may be timing");
        assert_eq!(reconciler.judge(&row(3, 9), Some(snapshot(4, 8))), None, "it moves");
        assert_eq!(
            reconciler.judge(&row(3, 9), Some(snapshot(4, 8))),
            Some(Seen::Wrong { epoch: 2 })
        );
    }

    #[test]
    fn tickets_that_do_not_add_up_are_noticed() {
        let reconciler = Reconciler::default();
        assert_eq!(reconciler.judge(&row(3, 7), Some(snapshot(5, 7))), None);
        assert_eq!(
            reconciler.judge(&row(3, 7), Some(snapshot(5, 7))),
            Some(Seen::Wrong { epoch: 2 })
        );
    }

    #[test]
    fn tickets_that_got_lost_are_noticed_while_the_shard_sells() {
        let reconciler = Reconciler::default();
        assert_eq!(
            reconciler.judge(&row(3, 7), Some(snapshot(3, 7))),
            None,
            "a change may be under way"
        );
        assert_eq!(
            reconciler.judge(&row(4, 8), Some(snapshot(3, 7))),
            None,
            "one behind says nothing"
        );
        assert_eq!(
            reconciler.judge(&row(4, 8), Some(snapshot(2, 8))),
            Some(Seen::Wrong { epoch: 2 })
        );
    }

    #[test]
    fn a_change_under_way_is_no_loss() {
        let reconciler = Reconciler::default();
        assert_eq!(reconciler.judge(&row(3, 7), Some(snapshot(3, 7))), None);
        assert_eq!(reconciler.judge(&row(3, 7), Some(snapshot(4, 7))), None, "it arrived");
        assert_eq!(reconciler.judge(&row(3, 8), Some(snapshot(3, 8))), None, "another one");
    }

    #[test]
    fn what_is_missing_or_stuck_is_rebuilt_at_once() {
        let reconciler = Reconciler::default();
        assert_eq!(reconciler.judge(&row(3, 7), None), Some(Seen::Missing));
        let stuck = ShardSnapshot { overdue: 1, ..snapshot(4, 7) };
        assert_eq!(reconciler.judge(&row(3, 7), Some(stuck)), Some(Seen::Wrong { epoch: 2 }));
    }
}

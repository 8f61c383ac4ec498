//! The SQL of draws. Once fans could join, what was written of one is never changed.

use admission::contract::{Cohort, Digest32, Entropy, EntropySource, RoomName, Seed};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, types::Json};

use crate::{
    draw::{Frozen, Made, RoomDraw},
    store::transcript::digest,
};

/// The columns of a draw beside its room's: all absent where it has none.
#[derive(Debug, Default)]
pub struct DrawColumns {
    pub seed: Option<Vec<u8>>,
    pub entropy_source: Option<String>,
    pub committed_at: Option<DateTime<Utc>>,
    pub ends: Option<Vec<i64>>,
    pub frozen_at: Option<DateTime<Utc>>,
    pub roots: Option<Vec<Vec<u8>>>,
    pub entropy: Option<Json<Entropy>>,
    pub drawn_at: Option<DateTime<Utc>>,
}

impl DrawColumns {
    /// `None` where there is none, or something in the table that no draw can be.
    pub fn draw(self) -> Option<RoomDraw> {
        Some(RoomDraw {
            seed: Seed::new(self.seed?.try_into().ok()?),
            entropy_source: source(&self.entropy_source?)?,
            committed_at: self.committed_at?,
            frozen: self.ends.zip(self.frozen_at).and_then(|(ends, at)| {
                let roots = self.roots.map(|roots| roots.into_iter().map(digest).collect());
                Some(Frozen { cohort: Cohort::of_offsets(&ends)?, at, roots })
            }),
            made: self.entropy.zip(self.drawn_at).map(|(Json(entropy), at)| Made { entropy, at }),
        })
    }
}

/// As in the database and in JSON.
fn source_name(source: EntropySource) -> &'static str {
    match source {
        EntropySource::None => "none",
        EntropySource::Operator => "operator",
        EntropySource::Drand => "drand",
    }
}

fn source(name: &str) -> Option<EntropySource> {
    let all = [EntropySource::None, EntropySource::Operator, EntropySource::Drand];
    all.into_iter().find(|source| source_name(*source) == name)
}

/// Commits a room to a seed; nothing where it is committed already.
pub async fn commit(
    connection: &mut PgConnection,
    room: &str,
    seed: &Seed,
    entropy_source: EntropySource,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO waitroom.draws (room, seed, entropy_source) VALUES ($1, $2, $3)
         ON CONFLICT (room) DO NOTHING",
        room,
        &seed.bytes()[..],
        source_name(entropy_source)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Commits a room anew, to another source and so to another seed: who knows the seed must not
/// choose the source. Only where nobody could join yet.
pub async fn commit_anew(
    connection: &mut PgConnection,
    room: &str,
    seed: &Seed,
    entropy_source: EntropySource,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.draws SET seed = $2, entropy_source = $3, committed_at = now()
         WHERE room = $1 AND ends IS NULL",
        room,
        &seed.bytes()[..],
        source_name(entropy_source)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The rooms whose draw is to be made.
pub async fn rooms_to_draw(pool: &PgPool) -> sqlx::Result<Vec<RoomName>> {
    sqlx::query_scalar!(
        r#"SELECT room AS "room: RoomName" FROM waitroom.rooms WHERE phase = 'drawing' AND NOT asleep
           ORDER BY opens_at LIMIT 100"#
    )
    .fetch_all(pool)
    .await
}

/// Closes entries at these ends, unless they are closed already: whoever comes first decides.
pub async fn freeze(
    connection: &mut PgConnection,
    room: &str,
    cohort: &Cohort,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.draws SET ends = $2, frozen_at = now() WHERE room = $1 AND ends IS NULL",
        room,
        &cohort.offsets()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Publishes the roots over the cohort, lane by lane, unless they stand already. `true` where they
/// are these now.
pub async fn publish_roots(pool: &PgPool, room: &str, roots: &[Digest32]) -> sqlx::Result<bool> {
    let roots: Vec<Vec<u8>> = roots.iter().map(|root| root.0.to_vec()).collect();
    sqlx::query!(
        "UPDATE waitroom.draws SET roots = $2
         WHERE room = $1 AND ends IS NOT NULL AND roots IS NULL",
        room,
        &roots
    )
    .execute(pool)
    .await?;
    let stand = sqlx::query_scalar!(
        r#"SELECT roots = $2 AS "stand!" FROM waitroom.draws
           WHERE room = $1 AND roots IS NOT NULL"#,
        room,
        &roots
    );
    Ok(stand.fetch_optional(pool).await?.unwrap_or(false))
}

/// Whether the roots over the cohort stand, or were waited for long enough.
pub async fn may_go_on(pool: &PgPool, room: &str, patience_secs: f64) -> sqlx::Result<bool> {
    let may = sqlx::query_scalar!(
        r#"SELECT roots IS NOT NULL
               OR frozen_at < now() - make_interval(secs => $2) AS "may!"
           FROM waitroom.draws WHERE room = $1 AND ends IS NOT NULL"#,
        room,
        patience_secs
    );
    Ok(may.fetch_optional(pool).await?.unwrap_or(false))
}

/// Fixes what is mixed in, after entries have closed, unless it is fixed already. `true` where it
/// is this.
pub async fn mix_in(
    connection: &mut PgConnection,
    room: &str,
    entropy: &Entropy,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE waitroom.draws SET entropy = $2
         WHERE room = $1 AND ends IS NOT NULL AND entropy IS NULL",
        room,
        Json(entropy) as _
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The rooms whose draw waits for a round of drand, and when entries closed there.
pub async fn awaiting_drand(pool: &PgPool) -> sqlx::Result<Vec<(RoomName, DateTime<Utc>)>> {
    let rows = sqlx::query!(
        r#"SELECT r.room AS "room: RoomName", frozen_at AS "frozen_at!"
           FROM waitroom.rooms r JOIN waitroom.draws USING (room)
           WHERE phase = 'drawing' AND NOT asleep AND entropy_source = 'drand' AND frozen_at IS NOT NULL
               AND entropy IS NULL
           ORDER BY frozen_at LIMIT 100"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.frozen_at)).collect())
}

/// What time it is for the database, now rather than when the transaction began.
pub async fn clock(connection: &mut PgConnection) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(connection).await
}

/// What is mixed in, once it is fixed.
pub async fn entropy(connection: &mut PgConnection, room: &str) -> sqlx::Result<Option<Entropy>> {
    let found = sqlx::query_scalar!(
        r#"SELECT entropy AS "entropy: Json<Entropy>" FROM waitroom.draws WHERE room = $1"#,
        room
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.flatten().map(|Json(entropy)| entropy))
}

/// Notes that the draw was made.
pub async fn reveal(connection: &mut PgConnection, room: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.draws SET drawn_at = now() WHERE room = $1 AND drawn_at IS NULL",
        room
    )
    .execute(connection)
    .await?;
    Ok(())
}

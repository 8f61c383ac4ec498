use chrono::{TimeDelta, Utc};
use testkit::TestEnv;

use super::*;

fn place(offset: i64) -> PlaceId {
    PlaceId { room: "r".parse().expect("a name"), lane: (offset % 2) as i32, offset }
}

/// A wish of the place with this offset; `address` stands for the address.
fn mail(offset: i64, address: u128) -> TurnMail {
    TurnMail {
        id: Uuid::from_u128(address),
        place: place(offset),
        address_sealed: format!("sealed-{offset}"),
        language: "en".to_owned(),
    }
}

/// Room `r`, for show `s`.
async fn room(pool: &PgPool) {
    let room = "INSERT INTO waitroom.rooms (room, show, phase, lanes) VALUES ('r', 's', 'open', 2)";
    sqlx::query(room).execute(pool).await.expect("a room");
}

async fn ids(pool: &PgPool) -> Vec<Uuid> {
    let ids = "SELECT id FROM waitroom.turn_mails ORDER BY id";
    sqlx::query_scalar(ids).fetch_all(pool).await.expect("ids")
}

fn uuids<const N: usize>(numbers: [u128; N]) -> Vec<Uuid> {
    numbers.map(Uuid::from_u128).to_vec()
}

/// Marks a mail as near, as an instance does.
async fn mark(pool: &PgPool, id: u128) {
    let (from, to) = (Utc::now() + TimeDelta::minutes(9), Utc::now() + TimeDelta::minutes(14));
    let mut connection = pool.acquire().await.expect("a connection");
    let near = [NearTurn { id: Uuid::from_u128(id), from, to }];
    mark_near(&mut connection, &near).await.expect("marked");
}

#[tokio::test]
async fn a_place_and_an_address_have_one_mail_and_one_on_its_way_stays() {
    let TestEnv { pool, .. } = TestEnv::new().await;
    for (offset, address) in [(7, 1), (7, 2), (8, 2)] {
        assert!(put(&pool, &mail(offset, address)).await.expect("kept"));
    }
    assert_eq!(ids(&pool).await, uuids([2]));
    assert!(!has(&pool, &place(7)).await.expect("looked"), "the last to give it has it");
    assert!(has(&pool, &place(8)).await.expect("looked"));
    mark(&pool, 2).await;
    assert!(!put(&pool, &mail(8, 3)).await.expect("answered"), "its place asks for another");
    assert!(put(&pool, &mail(9, 2)).await.expect("answered"), "its address is given again");
    assert!(has(&pool, &place(8)).await.expect("looked"));
    assert_eq!(ids(&pool).await, uuids([2]));
    forget_places(&pool, &[place(7), place(8)]).await.expect("forgotten");
    assert!(ids(&pool).await.is_empty());
}

#[tokio::test]
async fn no_two_instances_find_the_same_and_none_finds_beyond_the_bounds() {
    let TestEnv { pool, .. } = TestEnv::new().await;
    for offset in 0..10 {
        put(&pool, &mail(offset, 100 + offset as u128)).await.expect("kept");
    }
    let room = "r".parse().expect("a name");
    let (mut one, mut other) = (pool.begin().await.expect("tx"), pool.begin().await.expect("tx"));
    // Even places are in lane 0.
    let first = lock_before(&mut one, &room, &[6, 4], 3).await.expect("found");
    let second = lock_before(&mut other, &room, &[6, 4], 3).await.expect("found");
    let offsets =
        |found: &[(Uuid, PlaceId)]| found.iter().map(|(_, place)| place.offset).collect::<Vec<_>>();
    assert_eq!((offsets(&first), offsets(&second)), (vec![0, 1, 2], vec![3, 4]));
    let names = ["q".to_owned(), "r".to_owned()];
    assert_eq!(rooms_asked_in(&pool, &names).await.expect("rooms"), ["r"]);
}

#[tokio::test]
async fn a_turn_that_is_near_is_told_until_it_is_heard_and_its_letter_until_it_is_late() {
    let TestEnv { pool, .. } = TestEnv::new().await;
    room(&pool).await;
    for (offset, address) in [(1, 1), (2, 2)] {
        put(&pool, &mail(offset, address)).await.expect("kept");
    }
    mark(&pool, 2).await;
    assert_eq!(near_turns(&pool, 10).await.expect("near"), uuids([2]));
    note_heard(&pool, &uuids([2])).await.expect("heard");
    assert!(near_turns(&pool, 10).await.expect("near").is_empty());
    let find = async |id| letter(&pool, Uuid::from_u128(id)).await.expect("looked");
    assert!(find(1).await.is_none(), "its turn is not near");
    let found = find(2).await.expect("a letter");
    assert_eq!((&*found.show, found.address_sealed.as_str()), ("s", "sealed-2"));
    for late in ["near_at = now() - interval '16 minutes'", "turn_to = now()"] {
        mark(&pool, 2).await;
        let statement = format!("UPDATE waitroom.turn_mails SET {late} WHERE near_at IS NOT NULL");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.expect("late");
        assert!(find(2).await.is_none(), "{late}");
    }
    forget_turn_mail(&pool, Uuid::from_u128(2)).await.expect("forgotten");
    assert_eq!(ids(&pool).await, uuids([1]));
}

#[tokio::test]
async fn an_hour_after_the_turn_was_near_and_once_the_room_closes_addresses_are_forgotten() {
    let TestEnv { pool, .. } = TestEnv::new().await;
    room(&pool).await;
    for (offset, address) in [(1, 1), (2, 2), (3, 3)] {
        put(&pool, &mail(offset, address)).await.expect("kept");
    }
    mark(&pool, 2).await;
    mark(&pool, 3).await;
    let earlier = "UPDATE waitroom.turn_mails SET near_at = now() - interval '61 minutes' \
        WHERE id = $1";
    sqlx::query(earlier).bind(Uuid::from_u128(3)).execute(&pool).await.expect("earlier");
    forget_over(&pool).await.expect("forgotten");
    assert_eq!(ids(&pool).await, uuids([1, 2]));
    sqlx::query("UPDATE waitroom.rooms SET phase = 'closed'").execute(&pool).await.expect("closed");
    forget_over(&pool).await.expect("forgotten");
    assert!(ids(&pool).await.is_empty());
}

//! Rooms, shows, and who sells them.

use serde_json::json;
use testkit::ShowBuilder;

use super::setup::{Api, Audience, ExpectedEntries, ExpectedEntry, Page, Setup};
use crate::{
    draws::{close_entries, room_that_draws, start_waitroom},
    fixtures::put_reseller,
};

pub async fn steer(setup: &Setup, door: Audience) -> ExpectedEntries {
    let room = setup.fresh("show");
    setup.console.put_room(&setup.admin, &room).await;
    let answer = match door {
        Api => {
            setup
                .api(
                    "PATCH",
                    &format!("/v1/admin/rooms/{room}"),
                    Some(json!({"rate_per_sec": 40.0})),
                )
                .await
        }
        Page => {
            let path = format!("/admin/rooms/{room}/change");
            let cookie = format!("fg_admin={}", setup.admin);
            let preview = setup.console.get(&format!("{path}?rate_per_sec=40"), &cookie).await;
            setup.page(&path, &[("seen", &preview.hidden("seen")), ("rate_per_sec", "40")]).await
        }
    };
    let (before, after) =
        (json!({"rate_per_sec": 25.0, "lanes": 2}), json!({"rate_per_sec": 40.0, "lanes": 2}));
    ExpectedEntry::of_admin(answer, "room.change", format!("room {room}"), before, after)
}

pub async fn mix_in(setup: &Setup, door: Audience) -> ExpectedEntries {
    let room = setup.fresh("show");
    start_waitroom(&setup.console);
    room_that_draws(&setup.console, &setup.admin, &room, "operator").await;
    close_entries(&setup.console, &setup.admin, &room).await;
    let answer = match door {
        Api => {
            let path = format!("/v1/admin/rooms/{room}/entropy");
            setup.api("POST", &path, Some(json!({"text": "4 2 6"}))).await
        }
        Page => setup.page(&format!("/admin/rooms/{room}/entropy"), &[("text", "4 2 6")]).await,
    };
    let entropy = json!({"source": "operator", "text": "4 2 6"});
    let (before, after) = (json!({"entropy": null}), json!({"entropy": entropy}));
    ExpectedEntry::of_admin(answer, "room.entropy", format!("room {room}"), before, after)
}

pub async fn mark(setup: &Setup, door: Audience) -> ExpectedEntries {
    let show = setup.fresh("show");
    setup.console.put_show(&show).await;
    let answer = match door {
        Api => {
            let spec =
                json!({"lanes": 3, "rate_per_sec": 5.0, "max_active": 6, "claim_window_secs": 70});
            setup.api("PUT", &format!("/v1/admin/shows/{show}/high-traffic"), Some(spec)).await
        }
        Page => {
            let path = format!("/admin/shows/{show}/mark");
            let spec = [
                ("lanes", "3"),
                ("rate_per_sec", "5"),
                ("max_active", "6"),
                ("claim_window_secs", "70"),
            ];
            let query: Vec<_> =
                spec.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookie = format!("fg_admin={}", setup.admin);
            let preview = setup.console.get(&format!("{path}?{}", query.join("&")), &cookie).await;
            let seen = preview.hidden("seen");
            let fields: Vec<_> = spec.into_iter().chain([("seen", seen.as_str())]).collect();
            setup.page(&path, &fields).await
        }
    };
    let room = json!({
        "room": show, "lanes": 3, "rate_per_sec": 5.0, "max_active": 6, "claim_window_secs": 70,
    });
    let (before, after) =
        (json!({"high_traffic": false, "room": null}), json!({"high_traffic": true, "room": room}));
    ExpectedEntry::of_admin(answer, "show.high_traffic", format!("show {show}"), before, after)
}

pub async fn unmark(setup: &Setup, door: Audience) -> ExpectedEntries {
    let show = setup.fresh("show");
    setup.console.put_room(&setup.admin, &show).await;
    let answer = match door {
        Api => setup.api("DELETE", &format!("/v1/admin/shows/{show}/high-traffic"), None).await,
        Page => setup.page(&format!("/admin/shows/{show}/unmark"), &[]).await,
    };
    let (before, after) = (json!({"high_traffic": true}), json!({"high_traffic": false}));
    ExpectedEntry::of_admin(answer, "show.high_traffic", format!("show {show}"), before, after)
}

pub async fn withdraw(setup: &Setup, door: Audience) -> ExpectedEntries {
    let show = setup.fresh("show");
    setup.console.put_room(&setup.admin, &show).await;
    let answer = match door {
        Api => {
            let body = Some(json!({"reason": "The hall burned down"}));
            setup.api("PUT", &format!("/v1/admin/shows/{show}/withdrawal"), body).await
        }
        Page => {
            let path = format!("/admin/shows/{show}/withdraw");
            let preview = setup.console.get(&path, &format!("fg_admin={}", setup.admin)).await.text;
            assert!(
                preview.contains("Orders stay as they are")
                    && preview.contains("Its room closes for good")
            );
            setup.page(&path, &[("reason", "The hall burned down")]).await
        }
    };
    let (before, after) =
        (json!({"withdrawn": false}), json!({"withdrawn": true, "reason": "The hall burned down"}));
    ExpectedEntry::of_admin(answer, "show.withdraw", format!("show {show}"), before, after)
}

pub async fn decide(setup: &Setup, door: Audience) -> ExpectedEntries {
    let name = setup.fresh("Nordlys ");
    let id = put_reseller(&setup.console, &name).await;
    let theirs = ShowBuilder::new("unnamed").title(&setup.fresh("Of Nordlys "));
    let theirs = theirs.ticket_type("Standing", 5_000).stock(1, 1);
    let (show, _) = theirs.put_for(&setup.console.test_env.pool, id).await;
    let answer = match door {
        Api => {
            let body = json!({"state": "declined", "reason": "Tell us more"});
            setup.api("PATCH", &format!("/v1/admin/resellers/{id}"), Some(body)).await
        }
        Page => {
            setup
                .page(&format!("/admin/resellers/{id}/declined"), &[("reason", "Tell us more")])
                .await
        }
    };
    let heard = answer.headers["x-request-id"].to_str().expect("text").to_owned();
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT request_id FROM catalog.outbox WHERE payload->>'type' = 'sale_changed.v1' AND key \
            = $1",
    )
    .bind(&show)
    .fetch_all(&setup.console.test_env.pool)
    .await
    .expect("rows");
    assert_eq!(told, [heard], "the log and what others hear name one request");
    let before = json!({"state": "pending", "reason": null});
    let after = json!({"state": "declined", "reason": "Tell us more"});
    ExpectedEntry::of_admin(
        answer,
        "reseller.decide",
        format!("reseller {name} {id}"),
        before,
        after,
    )
}

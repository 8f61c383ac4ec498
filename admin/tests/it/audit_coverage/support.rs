//! What is done for a fan: answers, refunds, links.

use serde_json::json;

use super::setup::{Api, Audience, ExpectedEntries, ExpectedEntry, Page, Setup};
use crate::fixtures::put_ticket;

pub async fn answer(setup: &Setup, door: Audience) -> ExpectedEntries {
    let (_, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => {
            let body = Some(json!({"text": "We look into it."}));
            setup.api("POST", &format!("/v1/admin/support/{ticket}/answers"), body).await
        }
        Page => {
            setup
                .page(&format!("/admin/support/{ticket}/answer"), &[("text", "We look into it.")])
                .await
        }
    };
    let (before, after) = (json!({"state": "open"}), json!({"state": "answered"}));
    ExpectedEntry::of_admin(answer, "support.answer", format!("support {ticket}"), before, after)
}

pub async fn close(setup: &Setup, door: Audience) -> ExpectedEntries {
    let (_, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => setup.api("DELETE", &format!("/v1/admin/support/{ticket}"), None).await,
        Page => setup.page(&format!("/admin/support/{ticket}/close"), &[]).await,
    };
    let (before, after) = (json!({"state": "open"}), json!({"state": "closed"}));
    ExpectedEntry::of_admin(answer, "support.close", format!("support {ticket}"), before, after)
}

pub async fn refund(setup: &Setup, door: Audience) -> ExpectedEntries {
    let (order, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => {
            setup
                .api(
                    "POST",
                    &format!("/v1/admin/orders/{order}/refund"),
                    Some(json!({"reason": "ill"})),
                )
                .await
        }
        Page => setup.page(&format!("/admin/support/{ticket}/refund"), &[("reason", "ill")]).await,
    };
    let (before, after) =
        (json!({"refund_requested": false}), json!({"refund_requested": true, "reason": "ill"}));
    ExpectedEntry::of_admin(answer, "order.refund", format!("order {order}"), before, after)
}

pub async fn renew_link(setup: &Setup, door: Audience) -> ExpectedEntries {
    let (order, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => setup.api("POST", &format!("/v1/admin/orders/{order}/link"), None).await,
        Page => setup.page(&format!("/admin/support/{ticket}/link"), &[]).await,
    };
    let (before, after) = (json!({"links": 1}), json!({"links": 0}));
    ExpectedEntry::of_admin(answer, "order.link", format!("order {order}"), before, after)
}

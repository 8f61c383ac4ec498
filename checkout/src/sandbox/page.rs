//! The hosted payment page: what a payer sees at the provider.

use askama::Template;
use axum::{
    extract::State as Shared,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use kit::{extract::Path, form::Form};
use serde::Deserialize;
use url::Url;
use utoipa_axum::router::OpenApiRouter;

use crate::sandbox::{
    error::Error,
    intent::{IntentState, PayMethod},
    state::State,
    store::{self, IntentRow},
};

pub fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().route("/sandbox/pay/{intent}", get(show).post(choose))
}

#[derive(Template)]
#[template(path = "sandbox/pay.html")]
struct PayPage {
    amount: String,
    description: String,
    state: IntentState,
    back_url: String,
    choices: &'static [Choice],
}

struct Choice {
    method: &'static str,
    label: &'static str,
    hint: &'static str,
}

const CHOICES: [Choice; 5] = [
    Choice { method: "decline", label: "Decline", hint: "The bank says no. You can try again." },
    Choice {
        method: "3ds",
        label: "Ask for approval (3-D Secure)",
        hint: "A second page asks you to approve or deny.",
    },
    Choice {
        method: "slow",
        label: "Pay, confirmed late",
        hint: "The shop hears of it after five seconds.",
    },
    Choice {
        method: "duplicate",
        label: "Pay, confirmed twice",
        hint: "The shop hears of it two times at once.",
    },
    Choice {
        method: "out_of_order",
        label: "Pay, with old news afterwards",
        hint: "A late word of an earlier decline follows.",
    },
];

async fn show(
    Shared(sandbox): Shared<State>,
    Path(intent): Path<String>,
) -> Result<Response, Error> {
    let row = store::load(&sandbox.pool, &intent).await?.ok_or(Error::IntentUnknown)?;
    let state = row.state;
    Ok(kit::page::html(&PayPage {
        amount: row.amount.to_string(),
        state,
        back_url: back(&row, (state == IntentState::Succeeded).then_some("succeeded")),
        description: row.description,
        choices: &CHOICES,
    }))
}

#[derive(Deserialize)]
struct Chosen {
    method: PayMethod,
}

async fn choose(
    Shared(sandbox): Shared<State>,
    Path(intent): Path<String>,
    Form(Chosen { method }): Form<Chosen>,
) -> Result<Response, Error> {
    let (row, step) = sandbox.confirm(&intent, method).await?;
    let next = match step.state {
        IntentState::RequiresAction => sandbox.pay_url(&row.intent),
        IntentState::Succeeded | IntentState::Refunded => back(&row, Some("succeeded")),
        IntentState::RequiresPayment => back(&row, Some("failed")),
    };
    Ok(Redirect::to(&next).into_response())
}

/// Where the payer goes on, with the outcome in the query. It is a hint for the page there; only
/// the webhook counts.
fn back(row: &IntentRow, outcome: Option<&str>) -> String {
    let Ok(mut url) = Url::parse(&row.return_url) else { return row.return_url.clone() };
    if let Some(outcome) = outcome {
        url.query_pairs_mut().append_pair("redirect_status", outcome);
    }
    url.into()
}

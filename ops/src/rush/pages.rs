//! Fans who come by the pages, with a browser that sends no cookies back: their place stays in the
//! address.

use reqwest::Method;

use super::{
    api::{Call, Fault, Page},
    line::Waiting,
    plan::Plan,
    refusal::Step,
    shop::Shop,
};

/// Joins by the form and keeps the place that the address has.
///
/// # Errors
/// A refusal, or a page that does not lead to a place.
pub async fn join(shop: &Shop, plan: &Plan) -> Result<Waiting, Fault> {
    let show = &shop.sale.show;
    let page = |method, to: String| {
        let from = plan.address();
        async move {
            let call = Call { method, ..Call::get(&to, from) };
            shop.insist_on_page(Step::Join, &call).await
        }
    };
    let entrance = page(Method::GET, format!("/queue/{show}")).await?;
    // A browser with scripts asks for nothing more than the form does.
    if entrance.status != 200 {
        return Err(Fault::of("entrance-missing", false));
    }
    let joined = page(Method::POST, format!("/queue/{show}/join")).await?;
    let ticket = joined
        .location
        .as_deref()
        .and_then(|to| to.strip_prefix(&format!("/queue/{show}?place=")))
        .ok_or_else(|| Fault::of("place-not-in-the-address", false))?
        .to_owned();
    let place = page(Method::GET, format!("/queue/{show}?place={ticket}")).await?;
    let (lane, offset) = match place_on(&place) {
        Some(place) => place,
        // The turn may have come before the page was looked at.
        None => place_of(shop, plan, &ticket).await?,
    };
    Ok(Waiting { number: plan.number, lane, offset, ticket: ticket.into() })
}

/// Where the page says that the fan stands.
fn place_on(page: &Page) -> Option<(i32, i64)> {
    let value = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("data-{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    if let Some((lane, offset)) = value("entry").and_then(|entry| entry.split_once('.')) {
        return Some((lane.parse().ok()?, offset.parse().ok()?));
    }
    Some((value("lane")?.parse().ok()?, value("offset")?.parse().ok()?))
}

async fn place_of(shop: &Shop, plan: &Plan, ticket: &str) -> Result<(i32, i64), Fault> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        place: i64,
    }
    let path = format!("/v1/rooms/{}/place", shop.sale.room);
    let call = Call::get(&path, plan.address()).token(ticket);
    let Numbered { place } = shop.insist(Step::Look, &call).await?;
    let lanes = i64::from(shop.sale.lanes);
    let lane = i32::try_from((place - 1) % lanes).unwrap_or_default();
    Ok((lane, (place - 1) / lanes))
}

/// Presses the button. Without cookies that leads back to the page, which says what to do, and
/// must not cost the turn; the fan then goes in by other means.
///
/// # Errors
/// A refusal, or an answer that leads elsewhere.
pub async fn try_to_enter(shop: &Shop, plan: &Plan, fan: &Waiting) -> Result<(), Fault> {
    let (show, ticket) = (&shop.sale.show, &fan.ticket);
    let to = format!("/queue/{show}/enter?place={ticket}");
    let call = Call { method: Method::POST, ..Call::get(&to, plan.address()) };
    let answer = shop.insist_on_page(Step::Claim, &call).await?;
    if answer.location.as_deref() == Some(&format!("/queue/{show}?place={ticket}")) {
        return Ok(());
    }
    Err(Fault::of("button-leads-elsewhere", false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_where_the_fan_stands() {
        let page = |body: &str| Page { status: 200, location: None, body: body.to_owned() };
        let waiting = r#"<section data-queue="waiting" data-lane="3" data-offset="17">"#;
        assert_eq!(place_on(&page(waiting)), Some((3, 17)));
        assert_eq!(place_on(&page("<section data-queue=\"turn\">")), None);
    }
}

//! A browser without scripts against the whole system: out of checkout and back into the line, and
//! two shows at once.

use std::time::Duration;

use reqwest::Client;

use crate::test_system::{Terms, TestSystem};

struct Browser<'a> {
    system: &'a TestSystem,
    client: Client,
}

impl<'a> Browser<'a> {
    fn new(system: &'a TestSystem) -> Self {
        let client = Client::builder().no_proxy().cookie_store(true).build().expect("a client");
        Self { system, client }
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> String {
        request
            .header("accept", "text/html")
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a page")
    }

    async fn get(&self, path: &str) -> String {
        self.read(self.client.get(format!("{}{path}", self.system.base))).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> String {
        self.read(self.client.post(format!("{}{path}", self.system.base)).form(form)).await
    }

    /// Looks at a page until it has `part`.
    async fn until(&self, path: &str, part: &str) -> String {
        for _ in 0..100 {
            let page = self.get(path).await;
            if page.contains(part) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{part} never came: {}", self.get(path).await);
    }

    /// From its place in line to where tickets are chosen.
    async fn go_in(&self, show: &str) -> String {
        let (queue, enter) = (format!("/queue/{show}"), format!("/queue/{show}/enter"));
        self.until(&queue, &format!("action=\"{enter}\"")).await;
        let page = self.post(&enter, &[]).await;
        assert!(page.contains(&format!("action=\"/checkout/{show}/hold\"")), "{page}");
        page
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lapsed_in_checkout_gets_tickets_by_joining_anew() {
    let system = TestSystem::open_with(&[("FAIRGATE_SESSION_SECS", "2")]).await;
    system.sale("harbour", &Terms { claim_window_secs: 2, ..Terms::default() }).await;
    let fan = Browser::new(&system);
    fan.get("/queue/harbour").await;
    fan.post("/queue/harbour/join", &[]).await;
    fan.go_in("harbour").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let lapsed = fan.get("/checkout/harbour").await;
    assert!(lapsed.contains("href=\"/queue/harbour\""), "{lapsed}");

    let show = fan.get("/shows/harbour").await;
    assert!(show.contains("action=\"/queue/harbour/go\""), "{show}");
    let queue = fan.until("/queue/harbour", "Join the line again").await;
    assert!(queue.contains("name=\"again\""), "{queue}");
    fan.post("/queue/harbour/join", &[("again", "1")]).await;
    fan.go_in("harbour").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_browser_is_in_checkout_for_two_shows() {
    let system = TestSystem::open().await;
    for show in ["harbour", "lantern"] {
        system.sale(show, &Terms::default()).await;
    }
    let fan = Browser::new(&system);
    for show in ["harbour", "lantern"] {
        fan.get(&format!("/queue/{show}")).await;
        fan.post(&format!("/queue/{show}/join"), &[]).await;
    }
    let (first, second) = (fan.go_in("harbour").await, fan.go_in("lantern").await);
    for (show, page) in [("harbour", first), ("lantern", second)] {
        let quantity = page
            .split("name=\"q-")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("a choice");
        let attempt =
            page.split("name=\"attempt\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let quantity = format!("q-{quantity}");
        let form = [("attempt", attempt.expect("an attempt")), (quantity.as_str(), "2")];
        let held = fan.post(&format!("/checkout/{show}/hold"), &form).await;
        assert!(held.contains(&format!("action=\"/checkout/{show}/order\"")), "{held}");
    }
    for show in ["harbour", "lantern"] {
        let held = fan.get(&format!("/checkout/{show}")).await;
        assert!(
            held.contains("Your tickets are held") && held.contains("2 × Standing"),
            "{show}: {held}"
        );
    }
}

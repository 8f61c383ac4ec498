//! The live stream over a real connection: it outlives the limit of a request, and ends when the
//! server drains.

use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::test_console::TestConsole;

/// Longer than any request may run.
const LONG: Duration = Duration::from_millis(16_500);

/// Reads events until `LONG` has passed. Gives how many there were.
async fn watch(stream: &mut Response) -> usize {
    let (began, mut events) = (Instant::now(), 0);
    while began.elapsed() < LONG {
        let chunk = timeout(Duration::from_secs(10), stream.chunk())
            .await
            .expect("something every few seconds");
        let chunk =
            chunk.expect("no fault").unwrap_or_else(|| panic!("ended after {:?}", began.elapsed()));
        events += String::from_utf8_lossy(&chunk).matches("event: rooms").count();
    }
    events
}

async fn ends(mut stream: Response) {
    while stream.chunk().await.expect("a clean end").is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_outlives_the_limit_of_a_request_and_ends_with_the_server() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("address"));
    let (end, ended) = oneshot::channel::<()>();
    let until = async move { drop(ended.await) };
    let server = tokio::spawn(kit::serve::serve_on(
        listener,
        console.router.clone(),
        console.tasks.clone(),
        until,
    ));
    let client = Client::builder().no_proxy().build().expect("a client");
    let api = client.get(format!("{base}/v1/admin/rooms/stream")).bearer_auth(&token);
    let page =
        client.get(format!("{base}/admin/stream")).header("cookie", format!("fg_admin={token}"));
    let mut api = api.send().await.expect("an answer").error_for_status().expect("a stream");
    let mut page = page.send().await.expect("an answer").error_for_status().expect("a stream");

    let (of_api, of_page) = tokio::join!(watch(&mut api), watch(&mut page));
    // One a second, however busy the machine is: far more than the first.
    assert!(of_api >= 8 && of_page >= 8, "{of_api} and {of_page} events");

    end.send(()).expect("the server waits for it");
    let both = async { tokio::join!(ends(api), ends(page)) };
    timeout(Duration::from_secs(5), both).await.expect("the streams end with the server");
    timeout(Duration::from_secs(20), server).await.expect("in time").expect("no panic");
}

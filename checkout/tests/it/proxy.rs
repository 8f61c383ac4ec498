//! A way to Redis that loses an answer when told to: what was asked is done, and nobody hears of
//! it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub struct Proxy {
    pub url: String,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy before the server of `url` that can lose the answer to a call whose text contains
    /// `mark`.
    pub async fn before(url: &str, mark: String) -> Self {
        let server = url::Url::parse(url).unwrap();
        let address = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut own = server.clone();
        own.set_host(Some("127.0.0.1")).unwrap();
        own.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let armed = Arc::new(AtomicBool::new(false));
        let (mark, losing) = (Arc::new(mark), Arc::clone(&armed));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&mark), Arc::clone(&losing)));
            }
        });
        Self { url: own.to_string(), armed }
    }

    /// The next answer to such a call gets lost, with its connection.
    pub fn lose_next(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Whether one got lost since.
    pub fn has_lost(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, server: TcpStream, mark: Arc<String>, armed: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut asked = false;
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            biased;
            read = from_client.read(&mut up) => {
                let Ok(count @ 1..) = read else { return };
                asked |= up[..count].windows(mark.len()).any(|part| part == mark.as_bytes());
                if to_server.write_all(&up[..count]).await.is_err() { return }
            }
            read = from_server.read(&mut down) => {
                let Ok(count @ 1..) = read else { return };
                if asked && armed.swap(false, Ordering::SeqCst) {
                    drop((from_client, to_client));
                    // The server still does what it was asked.
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    return;
                }
                asked = false;
                if to_client.write_all(&down[..count]).await.is_err() { return }
            }
        }
    }
}

//! Mail servers: the stack's, which catches everything, and a test's own, which can be away or
//! refuse.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mail_parser::{Message, MessageParser};
use tokio::{net::TcpStream, process::Child, process::Command};

/// A Maildir.
pub struct Caught(pub PathBuf);

impl Caught {
    /// What came for `address`.
    pub fn to(&self, address: &str) -> Vec<Message<'static>> {
        let files = std::fs::read_dir(self.0.join("new")).into_iter().flatten().flatten();
        files
            .filter_map(|file| std::fs::read(file.path()).ok())
            .filter_map(|bytes| Some(MessageParser::new().parse(&bytes)?.into_owned()))
            .filter(|message| {
                message.to().and_then(|to| to.first()).and_then(|to| to.address()) == Some(address)
            })
            .collect()
    }
}

/// A mail server of the test's own, killed with it.
pub struct Server {
    _child: Child,
    _home: Home,
}

/// A folder that goes away with the test.
pub struct Home(pub PathBuf);

impl Home {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("fairgate-mail-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The PATH's Python may be one that does not see Debian's packages.
fn python() -> &'static str {
    let has = |python: &&str| {
        let tried = std::process::Command::new(python).args(["-c", "import aiosmtpd"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has)
        .expect("python3-aiosmtpd; `ops/stack test up mail` installs it")
}

impl Server {
    /// Delivers into the Maildir `mailbox`.
    pub async fn catching(port: u16, mailbox: &Path) -> Self {
        Self::start(port, &["aiosmtpd.handlers.Mailbox", mailbox.to_str().unwrap()], Home::new())
            .await
    }

    /// Answers every recipient with `answer`.
    pub async fn refusing(port: u16, answer: &str) -> Self {
        let home = Home::new();
        let handler = format!(
            "class Refusing:\n    async def handle_RCPT(self, server, session, envelope, address, \
                options):\n        \
             return {answer:?}\n"
        );
        std::fs::write(home.0.join("refusing.py"), handler).unwrap();
        Self::start(port, &["refusing.Refusing"], home).await
    }

    async fn start(port: u16, handler: &[&str], home: Home) -> Self {
        let child = Command::new(python())
            .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c"])
            .args(handler)
            .env("PYTHONPATH", &home.0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < end, "the mail server did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { _child: child, _home: home }
    }
}

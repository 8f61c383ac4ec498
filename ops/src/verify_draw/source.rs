//! Where transcripts, keys and receipts come from.

use std::{fs, io::Read, path::Path, time::Duration};

use admission::contract::RoomName;
use anyhow::{Context, bail};
use serde::Deserialize;

const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(60);

/// The text of a transcript: from a file, or a room's from a system.
///
/// # Errors
/// Neither was named, or it cannot be read.
pub async fn transcript(
    url: Option<&str>,
    room: Option<&RoomName>,
    file: Option<&Path>,
) -> anyhow::Result<String> {
    match (file, url, room) {
        (Some(file), ..) if file == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            Ok(text)
        }
        (Some(file), ..) => fs::read_to_string(file).with_context(|| file.display().to_string()),
        (None, Some(url), Some(room)) => {
            get(&at(url, &format!("/v1/rooms/{room}/transcript"))).await
        }
        _ => bail!("name --url and --room, or --transcript"),
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

/// The keys that a system publishes, with commas.
///
/// # Errors
/// It does not answer with keys.
pub async fn keys(url: &str) -> anyhow::Result<String> {
    let text = get(&at(url, "/.well-known/paseto-keys")).await?;
    let set: KeySet = serde_json::from_str(&text).context("these are no keys")?;
    Ok(set.keys.into_iter().map(|key| key.key).collect::<Vec<_>>().join(","))
}

/// A token itself, or the one that a file holds.
///
/// # Errors
/// It is neither.
pub fn token(given: &str) -> anyhow::Result<String> {
    if given.starts_with("v4.public.") {
        return Ok(given.to_owned());
    }
    let text = fs::read_to_string(given).with_context(|| format!("reading {given}"))?;
    Ok(text.trim().to_owned())
}

fn at(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

async fn get(address: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().connect_timeout(CONNECT).timeout(TOTAL).build()?;
    let answer = client.get(address).send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        bail!("{address} answers {status}: {text}");
    }
    Ok(text)
}

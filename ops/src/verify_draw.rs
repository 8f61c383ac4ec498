//! `fairgate verify-draw`: an independent check of a room's line, from its transcript and, where
//! one has them, its receipts and its topic. What is found has the names of `docs/draw.md`.
//!
//! [`source`] fetches; [`turns`] recomputes every turn, [`topic`] every root; what contradicts what
//! is admission's.

mod source;
mod topic;
mod turns;

use std::path::PathBuf;

use admission::contract::{
    Finding, LanePlace, LaneTurn, PassVerifier, Receipt, RoomName, Transcript, check_place,
    check_receipt, check_transcript,
};
use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::{print_result, print_status, settings::Stores};
use topic::Topic;

#[derive(Args, Default)]
pub struct VerifyDrawArgs {
    /// The system, as browsers reach it; its transcript and keys are fetched.
    #[arg(long, required_unless_present = "transcript")]
    url: Option<String>,
    /// The room, with --url.
    #[arg(long, requires = "url")]
    room: Option<RoomName>,
    /// A transcript that somebody kept, instead of the system's: a file, or - for standard input.
    #[arg(long)]
    transcript: Option<PathBuf>,
    /// A receipt, or a file with one; as often as there are some.
    #[arg(long)]
    receipt: Vec<String>,
    /// The keys that sign receipts, as PASERK k4.public texts with commas, instead of the system's.
    #[arg(long)]
    keys: Option<String>,
    /// Who signs receipts.
    #[arg(long, default_value = ISSUER)]
    issuer: String,
    /// Print the turn of this place, LANE.OFFSET.
    #[arg(long)]
    place: Option<LanePlace>,
    /// The turn that --place was told, LANE.NUMBER.
    #[arg(long, requires = "place", value_parser = turn)]
    turn: Option<LaneTurn>,
    /// Read the room's line from Kafka and recompute every root; takes the settings of `serve`.
    #[arg(long)]
    topic: bool,
    /// Keep the transcript in this file.
    #[arg(long)]
    save: Option<PathBuf>,
}

const ISSUER: &str = "fairgate";

fn turn(text: &str) -> Result<LaneTurn, String> {
    let LanePlace { lane, offset: number } =
        text.parse().map_err(|_| "a turn is <lane>.<number>".to_owned())?;
    Ok(LaneTurn { lane, number })
}

/// Checks, and prints what was found.
///
/// # Errors
/// Something was found, or something that was asked for cannot be read.
pub async fn run(args: VerifyDrawArgs) -> anyhow::Result<()> {
    let text =
        source::transcript(args.url.as_deref(), args.room.as_ref(), args.transcript.as_deref())
            .await
            .context("reading the transcript")?;
    if let Some(file) = &args.save {
        std::fs::write(file, &text).with_context(|| format!("writing {}", file.display()))?;
    }
    let transcript: Transcript = serde_json::from_str(&text).context("this is no transcript")?;
    let receipts = receipts(&args).await?;
    let stores = args.topic.then(Stores::from_env).transpose()?;
    let mut findings = judge(&transcript, &receipts, stores.as_ref()).await?;
    findings.extend(told(&transcript, &args));
    for finding in &findings {
        print_result(&format!("{}: {finding}", finding.name()));
    }
    if findings.is_empty() {
        print_result("nothing is wrong");
        return Ok(());
    }
    let mut names: Vec<_> = findings.iter().map(Finding::name).collect();
    names.sort_unstable();
    names.dedup();
    bail!("something is wrong: {}", names.join(", "))
}

/// Prints the turn of the place that was asked for; gives what is wrong with the one that was told.
fn told(transcript: &Transcript, args: &VerifyDrawArgs) -> Option<Finding> {
    let place = args.place?;
    if let Ok(draw) = transcript.drawn() {
        print_result(&format!("place {place} has turn {}", draw.turn(place)));
    }
    check_place(transcript, place, args.turn?).err()
}

/// What is wrong with the transcript, with these receipts, and with the room's line in Kafka.
///
/// # Errors
/// The line cannot be read, or Fairgate's own shuffle is none.
pub async fn judge(
    transcript: &Transcript,
    receipts: &[Result<Receipt, Finding>],
    stores: Option<&Stores>,
) -> anyhow::Result<Vec<Finding>> {
    let mut findings = check_transcript(transcript);
    if let (Some(_), Ok(draw)) = (&transcript.draw, transcript.drawn()) {
        let count = tokio::task::spawn_blocking(move || turns::check(&draw)).await??;
        print_status(&format!("{count} turns were recomputed: each is one place's"));
    }
    let mut genuine = Vec::new();
    for receipt in receipts {
        match receipt {
            Ok(receipt) => {
                findings.extend(check_receipt(transcript, receipt, None));
                genuine.push(receipt.clone());
            }
            Err(finding) => findings.push(finding.clone()),
        }
    }
    if let Some(stores) = stores {
        let topic = Topic::of(stores, &transcript.room).await?;
        let transcript = transcript.clone();
        let found = tokio::task::spawn_blocking(move || topic.check(&transcript, &genuine));
        findings.extend(found.await??);
    }
    Ok(findings)
}

/// The receipts that were given, as far as one of the keys signed them.
async fn receipts(args: &VerifyDrawArgs) -> anyhow::Result<Vec<Result<Receipt, Finding>>> {
    if args.receipt.is_empty() {
        return Ok(Vec::new());
    }
    let keys = match (&args.keys, &args.url) {
        (Some(keys), _) => keys.clone(),
        (None, Some(url)) => source::keys(url).await.context("reading the keys")?,
        (None, None) => bail!("a receipt needs the keys that sign it: --keys, or --url"),
    };
    let verifier = PassVerifier::from_paserk(&keys, &args.issuer, "")
        .map_err(|mistake| anyhow::anyhow!("the keys: {mistake}"))?;
    let mut receipts = Vec::new();
    for given in &args.receipt {
        let text = source::token(given)?;
        ensure!(!text.is_empty(), "{given} has no receipt");
        receipts.push(open_receipt(&verifier, &text));
    }
    Ok(receipts)
}

/// A receipt whose signature holds.
pub fn open_receipt(verifier: &PassVerifier, text: &str) -> Result<Receipt, Finding> {
    Receipt::open(verifier, text).map_err(Finding::ReceiptInvalid)
}

//! What the transcript says about itself: whether its parts fit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::draw::{
    entropy::{Entropy, drand::DrandChain},
    transcript::{
        DrawTranscript, LineMethod, PublishedRoot, TRANSCRIPT_VERSION, Transcript,
        finding::Finding, is_surely_before,
    },
};

/// All that is wrong with a transcript by itself; nothing where it holds.
pub fn check(transcript: &Transcript) -> Vec<Finding> {
    if transcript.version != TRANSCRIPT_VERSION {
        // Another version may mean something else by the same fields.
        return vec![Finding::VersionUnknown(transcript.version)];
    }
    let mut findings = Vec::new();
    if (transcript.method == LineMethod::Draw) != transcript.draw.is_some() {
        findings.push(Finding::MethodDisagrees);
    }
    if let Some(draw) = &transcript.draw {
        findings.extend(check_seed(draw));
        findings.extend(check_entropy(draw));
        findings.extend(check_times(draw, transcript.opened_at));
        findings.extend(check_cohort(draw, transcript));
    }
    findings.extend(check_published_roots(transcript));
    findings.extend(check_heads(transcript));
    findings
}

fn check_seed(draw: &DrawTranscript) -> Option<Finding> {
    (draw.seed.commitment() != draw.commitment).then_some(Finding::SeedNotCommitted)
}

fn check_entropy(draw: &DrawTranscript) -> Vec<Finding> {
    let mut findings = Vec::new();
    if draw.entropy.source() != draw.entropy_source {
        findings.push(Finding::EntropyNotAsAnnounced);
    }
    if let Err(error) = draw.entropy.check() {
        findings.push(Finding::EntropyInvalid(error));
    }
    if entropy_at(&draw.entropy).is_some_and(|at| at <= draw.frozen_at) {
        findings.push(Finding::EntropyTooEarly);
    } else if let Entropy::Drand(beacon) = &draw.entropy
        && let Some(chain) = DrandChain::known(&beacon.chain)
    {
        let (round, expected) = (beacon.round, chain.first_round_after(draw.frozen_at));
        if round != expected {
            findings.push(Finding::RoundChosen { round, expected });
        }
    }
    findings
}

/// When the entropy came to be.
fn entropy_at(entropy: &Entropy) -> Option<DateTime<Utc>> {
    match entropy {
        Entropy::None => None,
        Entropy::Operator { entered_at, .. } => Some(*entered_at),
        Entropy::Drand(beacon) => beacon.time(),
    }
}

fn check_times(draw: &DrawTranscript, opened_at: DateTime<Utc>) -> Vec<Finding> {
    let times = [
        ("committed_at", draw.committed_at),
        ("frozen_at", draw.frozen_at),
        ("drawn_at", draw.drawn_at),
        ("opened_at", opened_at),
    ];
    let order = |(earlier, before), (later, after)| {
        (after < before).then_some(Finding::TimesOutOfOrder { earlier, later })
    };
    let mut findings: Vec<Finding> =
        times.windows(2).filter_map(|pair| order(pair[0], pair[1])).collect();
    if let Some(at) = entropy_at(&draw.entropy) {
        findings.extend(order(("entropy", at), ("drawn_at", draw.drawn_at)));
    }
    findings
}

fn check_cohort(draw: &DrawTranscript, transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = transcript.drawn() {
        findings.push(Finding::CohortInvalid(error));
    }
    let lanes = draw.ends.len().max(draw.roots.len()) as u32;
    if lanes > transcript.lanes {
        findings.push(Finding::LaneUnknown { lane: transcript.lanes });
    }
    let expected = (0..).zip(&draw.ends).map(|(lane, end)| Some((lane, *end)));
    let found = draw.roots.iter().map(|root| Some((root.lane, root.size)));
    let pad = || std::iter::repeat(None);
    let pairs = expected.chain(pad()).zip(found.chain(pad()));
    findings.extend(
        (0..lanes)
            .zip(pairs)
            .filter(|(_, (expected, found))| expected != found)
            .map(|(lane, _)| Finding::CohortDisagrees { lane }),
    );
    let cut = |root: &PublishedRoot| {
        let end = draw.ends.get(root.lane as usize).copied().unwrap_or_default();
        let is_cut = is_surely_before(root.at, draw.frozen_at) && root.size > end;
        is_cut.then_some(Finding::CohortCutShort { lane: root.lane, size: root.size, end })
    };
    findings.extend(transcript.roots.iter().filter_map(cut));
    findings
}

fn check_published_roots(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut last: BTreeMap<u32, &PublishedRoot> = BTreeMap::new();
    for root in &transcript.roots {
        let PublishedRoot { lane, size, .. } = *root;
        if lane >= transcript.lanes {
            findings.push(Finding::LaneUnknown { lane });
        }
        let before = last.insert(lane, root);
        if before.is_some_and(|before| before.size > size || before.at > root.at) {
            findings.push(Finding::RootGoesBack { lane, size });
        }
    }
    let mut by_size = BTreeMap::new();
    for PublishedRoot { lane, size, root, .. } in transcript.all_roots().copied() {
        if *by_size.entry((lane, size)).or_insert(root) != root {
            findings.push(Finding::RootsDiffer { lane, size });
        }
    }
    findings
}

fn check_heads(transcript: &Transcript) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut last = BTreeMap::new();
    let mut highest: BTreeMap<u32, u64> = BTreeMap::new();
    for head in &transcript.heads {
        let lane = head.lane;
        if lane >= transcript.lanes {
            findings.push(Finding::LaneUnknown { lane });
        }
        highest.entry(lane).and_modify(|most| *most = head.head.max(*most)).or_insert(head.head);
        let (at, before) = last.insert(lane, (head.at, head.head)).unwrap_or((head.at, 0));
        if head.head < before || head.at < at {
            findings.push(Finding::HeadGoesBack { lane, head: head.head });
        }
        if head.head > 0 && is_surely_before(head.at, transcript.opened_at) {
            findings.push(Finding::HeadTooEarly { lane, head: head.head });
        }
    }
    let Ok(draw) = transcript.drawn() else { return findings };
    for (lane, head) in highest {
        let places = transcript.roots_of(lane).map(|root| root.size).max().unwrap_or_default();
        let turns = draw.turns(lane, places);
        if head > turns {
            findings.push(Finding::HeadBeyond { lane, head, turns });
        }
    }
    findings
}

//! Signing the receipts of joins: those that were acknowledged in the same moment have one
//! signature.

use std::sync::Arc;

use admission::contract::{PassKeys, RECEIPTS_MAX, Receipt, sign_together};
use anyhow::anyhow;
use parking_lot::Mutex;
use tokio::{sync::oneshot, task};

use crate::{error::Error, place::PlaceClaims};

/// A receipt that somebody waits for.
type Asked = (Receipt, oneshot::Sender<String>);

/// Signs receipts. Cheap to clone.
#[derive(Clone)]
pub struct Receipts {
    keys: Arc<PassKeys>,
    /// Those of the next batch.
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Receipts {
    pub fn new(keys: Arc<PassKeys>) -> Self {
        Self { keys, asked: Arc::default() }
    }

    /// What the receipt of a place says, `None` where it has no record: a direct place is in no
    /// lane.
    fn receipt(&self, claims: &PlaceClaims) -> Option<Receipt> {
        let lane = u32::try_from(claims.place.lane).ok()?;
        Some(Receipt::new(&self.keys, &claims.place.room, lane, claims.record()))
    }

    /// The receipt of a place with a signature of its own, `None` where it has no record: the same
    /// text however often it is asked for, as long as the same key signs.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn alone(&self, claims: &PlaceClaims) -> Result<Option<String>, Error> {
        let receipt = self.receipt(claims);
        receipt.map(|receipt| receipt.signed(&self.keys).map_err(Error::Internal)).transpose()
    }

    /// The receipt of a place, signed together with those that are asked for in the same moment;
    /// `None` where it has no record.
    ///
    /// # Errors
    /// When they cannot be signed.
    pub async fn with_others(&self, claims: &PlaceClaims) -> Result<Option<String>, Error> {
        let Some(receipt) = self.receipt(claims) else { return Ok(None) };
        let (tell, told) = oneshot::channel();
        let is_first = {
            let mut asked = self.asked.lock();
            asked.push((receipt, tell));
            asked.len() == 1
        };
        if is_first {
            let this = self.clone();
            // A task of its own: whoever is first may hang up.
            tokio::spawn(async move {
                // All who were acknowledged with the first come in between.
                task::yield_now().await;
                this.sign_asked();
            });
        }
        let text = told.await;
        text.map(Some).map_err(|_| Error::Internal(anyhow!("a receipt was not signed")))
    }

    fn sign_asked(&self) {
        let asked = std::mem::take(&mut *self.asked.lock());
        let (receipts, tellers): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let mut tellers = tellers.into_iter();
        for receipts in receipts.chunks(RECEIPTS_MAX) {
            let texts = sign_together(&self.keys, receipts).inspect_err(|error| {
                tracing::error!(error = format!("{error:#}"), "receipts were not signed")
            });
            // Of those that were not signed the tellers are dropped, which their fans hear.
            let tellers = tellers.by_ref().take(receipts.len());
            for (teller, text) in tellers.zip(texts.unwrap_or_default()) {
                // Whoever hung up is told nothing.
                let _ = teller.send(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use admission::contract::{HexBytes, PlaceId, generate_pass_key};

    use super::*;

    #[tokio::test]
    async fn all_who_ask_at_once_have_their_own_word_and_few_signatures() {
        let key = generate_pass_key().expect("a key");
        let keys = Arc::new(PassKeys::from_paserk(&key, "fairgate", "c").expect("keys"));
        let receipts = Receipts::new(keys.clone());
        let claims = |offset| PlaceClaims {
            place: PlaceId { room: "r".parse().expect("a name"), lane: 0, offset },
            joined_ms: 5,
            nonce: HexBytes([7; 16]),
            ahead_at_join: offset,
        };
        let all: Vec<PlaceClaims> = (0..600).map(claims).collect();
        let texts = futures::future::join_all(all.iter().map(|one| receipts.with_others(one)));
        let mut tokens = HashSet::new();
        for (offset, text) in (0..).zip(texts.await) {
            let text = text.expect("a receipt").expect("a record");
            let opened = Receipt::open(&keys.verifier(), &text).expect("signed");
            assert_eq!(opened.record.offset, offset);
            tokens.insert(text.split('~').next().expect("a token").to_owned());
        }
        assert_eq!(tokens.len(), 600usize.div_ceil(RECEIPTS_MAX));
        // One alone has the same text as before.
        let alone = receipts.with_others(&all[3]).await.expect("a receipt");
        assert_eq!(alone, receipts.alone(&all[3]).expect("a receipt"));
    }
}

//! Receipts that were signed together: what each of them says is a leaf of one small Merkle tree,
//! and the room's word is its root. A signature takes as long as all the rest of a join, and one
//! holds for all who were acknowledged in the same moment.
//!
//! The text is `<token>~<claims>~<path>`: the signed root, what the receipt says, and how that
//! leads to the root.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kit::token::TokenError;
use serde::{Deserialize, Serialize};

use crate::{
    draw::{
        hex_bytes::{Digest32, HexBytes},
        merkle::{
            inclusion::{check, prove_all},
            leaf_hash,
        },
        receipt::{Receipt, ReceiptError},
    },
    pass::{keys::PassKeys, verifier::PassVerifier},
};

/// The implicit assertion of their roots.
const BATCH_PURPOSE: &[u8] = b"fairgate/receipt-batch/v1";
/// Parts the text; none of the parts has one.
const PARTS: char = '~';
/// More are more than one batch.
pub const RECEIPTS_MAX: usize = 256;
/// What one says is far shorter.
const TEXT_BYTES_MAX: usize = 4096;

/// What is signed.
#[derive(Serialize, Deserialize)]
struct Batch {
    iss: String,
    /// Over what each of them says, as it stands in its text (RFC 9162).
    root: Digest32,
    /// How many they are.
    size: u64,
}

/// The texts of receipts under one signature, in their order. One alone is signed as it is.
///
/// # Errors
/// When they cannot be signed.
pub fn sign_together(keys: &PassKeys, receipts: &[Receipt]) -> anyhow::Result<Vec<String>> {
    if let [one] = receipts {
        return Ok(vec![one.signed(keys)?]);
    }
    let claims = receipts.iter().map(serde_json::to_vec).collect::<Result<Vec<_>, _>>()?;
    let leaves = claims.iter().map(|claims| leaf_hash(claims)).collect();
    let (root, paths) = prove_all(leaves);
    let iss = keys.issuer().to_owned();
    let batch = Batch { iss, root, size: receipts.len() as u64 };
    let token = keys.sign_as(&batch, BATCH_PURPOSE)?;
    let text = |((index, claims), path): ((u32, &Vec<u8>), Vec<Digest32>)| {
        let mut steps = index.to_be_bytes().to_vec();
        path.iter().for_each(|step| steps.extend_from_slice(&step.0));
        let (claims, steps) = (URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode(steps));
        format!("{token}{PARTS}{claims}{PARTS}{steps}")
    };
    Ok((0..).zip(&claims).zip(paths).map(text).collect())
}

impl Receipt {
    /// The receipt of a text, if one of the published keys signed it as one, by itself or together
    /// with others.
    pub fn open(verifier: &PassVerifier, text: &str) -> Result<Self, ReceiptError> {
        if is_of_batch(text) {
            open_of_batch(verifier, text)
        } else {
            Self::open_alone(verifier, text)
        }
    }
}

fn is_of_batch(text: &str) -> bool {
    text.contains(PARTS)
}

/// The same of one that was signed with others.
fn open_of_batch(verifier: &PassVerifier, text: &str) -> Result<Receipt, ReceiptError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TokenError::Malformed.into());
    }
    let mut parts = text.splitn(3, PARTS);
    let mut part = || parts.next().ok_or(TokenError::Malformed);
    let (token, claims, path) = (part()?, part()?, part()?);
    let batch: Batch = verifier.open_as(token, BATCH_PURPOSE)?;
    let decode = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
    let (claims, path) = (decode(claims)?, decode(path)?);
    let (index, steps) = path.split_first_chunk().ok_or(TokenError::Malformed)?;
    let (steps, []) = steps.as_chunks::<32>() else { return Err(TokenError::Malformed.into()) };
    let steps: Vec<Digest32> = steps.iter().copied().map(HexBytes).collect();
    let index = u32::from_be_bytes(*index).into();
    if !check(leaf_hash(&claims), index, batch.size, &steps, batch.root) {
        return Err(TokenError::Forged.into());
    }
    let receipt: Receipt = serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)?;
    let is_ours = *batch.iss == *verifier.issuer && batch.iss == receipt.iss;
    if is_ours { Ok(receipt) } else { Err(ReceiptError::Foreign) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{draw::record::LaneRecord, pass::keys::generate_pass_key};

    fn keys() -> PassKeys {
        let key = generate_pass_key().expect("a key");
        PassKeys::from_paserk(&key, "fairgate", "checkout").expect("keys")
    }

    fn receipts(keys: &PassKeys, count: u64) -> Vec<Receipt> {
        let record =
            |offset| LaneRecord { offset, joined_ms: 1_000, nonce: HexBytes([offset as u8; 16]) };
        let room = "spring-tour".parse().expect("a room");
        (0..count).map(|offset| Receipt::new(keys, &room, 3, record(offset))).collect()
    }

    #[test]
    fn each_of_many_says_what_was_signed_and_one_alone_is_as_any_other() {
        let keys = keys();
        for count in [1, 2, 3, 7, 64, 100] {
            let receipts = receipts(&keys, count);
            let texts = sign_together(&keys, &receipts).expect("signed");
            assert_eq!(texts.len(), receipts.len());
            for (receipt, text) in receipts.iter().zip(&texts) {
                assert_eq!(is_of_batch(text), count > 1);
                assert_eq!(Receipt::open(&keys.verifier(), text).as_ref(), Ok(receipt));
            }
        }
    }

    #[test]
    fn what_was_not_signed_is_not_made_up_from_parts_that_were() {
        let keys = keys();
        let texts = sign_together(&keys, &receipts(&keys, 5)).expect("signed");
        let verifier = keys.verifier();
        let opened = |parts: &[&str]| Receipt::open(&verifier, &parts.join("~"));
        let parts: Vec<Vec<&str>> = texts.iter().map(|text| text.split('~').collect()).collect();
        let (mine, other) = (&parts[1], &parts[2]);
        assert!(opened(mine).is_ok());
        let forged = Err(ReceiptError::Token(TokenError::Forged));
        // Another's path, other claims, another batch's root, one step less, another index.
        assert_eq!(opened(&[mine[0], mine[1], other[2]]), forged);
        let claims = receipts(&keys, 9).pop().expect("one");
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).expect("json"));
        assert_eq!(opened(&[mine[0], &claims, mine[2]]), forged);
        let batch = sign_together(&keys, &receipts(&keys, 4)).expect("signed");
        let token = batch[0].split('~').next().expect("a token");
        assert_eq!(opened(&[token, mine[1], mine[2]]), forged);
        let path = URL_SAFE_NO_PAD.decode(mine[2]).expect("base64");
        let changed = |path: &[u8]| opened(&[mine[0], mine[1], &URL_SAFE_NO_PAD.encode(path)]);
        assert_eq!(changed(&path[..path.len() - 32]), forged);
        assert_eq!(changed(&[&[0, 0, 0, 4], &path[4..]].concat()), forged);
        let malformed = Err(ReceiptError::Token(TokenError::Malformed));
        assert_eq!(changed(&path[..path.len() - 1]), malformed);
        assert_eq!(opened(&[mine[0], mine[1]]), malformed);
    }

    #[test]
    fn a_root_is_no_receipt_and_a_receipt_no_root() {
        let keys = keys();
        let receipts = receipts(&keys, 2);
        let text = sign_together(&keys, &receipts).expect("signed").remove(0);
        let parts: Vec<&str> = text.split('~').collect();
        let forged = Err(ReceiptError::Token(TokenError::Forged));
        assert_eq!(Receipt::open(&keys.verifier(), parts[0]), forged);
        let alone = receipts[0].signed(&keys).expect("signed");
        let as_root = [&alone, parts[1], parts[2]].join("~");
        assert_eq!(Receipt::open(&keys.verifier(), &as_root), forged);
        let another = PassKeys::from_paserk(&generate_pass_key().expect("key"), "fairgate", "c");
        let another = another.expect("keys").verifier();
        let unknown = Err(ReceiptError::Token(TokenError::UnknownKey));
        assert_eq!(Receipt::open(&another, &text), unknown);
    }
}

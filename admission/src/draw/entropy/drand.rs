//! drand: a public beacon whose rounds nobody can foresee and everybody can check.
//!
//! A round is a BLS signature of its own number by a threshold of independent organisations, one
//! every few seconds. Which round belongs to a draw follows from when entries closed, so that
//! nobody can wait for one they like.

use blst::{
    BLST_ERROR,
    min_sig::{PublicKey, Signature},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::draw::hex_bytes::{Digest32, HexBytes};

/// The scheme `bls-unchained-g1-rfc9380`: signatures in G1, keys in G2, hashed to the curve by
/// RFC 9380.
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// A chain of rounds, one every `period_secs`, the first at `genesis_secs` since 1970.
#[derive(Debug, PartialEq, Eq)]
pub struct DrandChain {
    /// What drand calls the chain: lower-case hexadecimal.
    pub hash: &'static str,
    /// In G2, compressed, lower-case hexadecimal.
    pub public_key: &'static str,
    pub genesis_secs: i64,
    pub period_secs: i64,
}

/// The League of Entropy's chain for everybody, as its `info` document has it.
pub const QUICKNET: DrandChain = DrandChain {
    hash: "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    public_key: "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c\
                 8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb\
                 5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    genesis_secs: 1_692_803_367,
    period_secs: 3,
};

/// All chains whose rounds are taken.
const CHAINS: [&DrandChain; 1] = [&QUICKNET];

/// One round of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrandBeacon {
    /// The chain's hash.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub chain: Digest32,
    #[schema(minimum = 1)]
    pub round: u64,
    /// In G1, compressed.
    #[schema(value_type = String, pattern = "^[0-9a-f]{96}$")]
    pub signature: HexBytes<48>,
}

/// Why a round is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeaconError {
    #[error("the drand chain is not one that is taken")]
    UnknownChain,
    #[error("the signature of the drand round does not hold")]
    Signature,
}

impl DrandChain {
    /// The chain of this hash, where its rounds are taken.
    pub fn known(hash: &Digest32) -> Option<&'static Self> {
        let hash = hash.to_string();
        CHAINS.into_iter().find(|chain| chain.hash == hash)
    }

    /// When a round is published; `None` of round 0 and beyond the end of time.
    pub fn time(&self, round: u64) -> Option<DateTime<Utc>> {
        let periods = i64::try_from(round.checked_sub(1)?).ok()?;
        let secs = periods.checked_mul(self.period_secs)?.checked_add(self.genesis_secs)?;
        DateTime::from_timestamp(secs, 0)
    }

    /// The first round that is published later than `at`: the one that belongs to entries that
    /// closed then.
    pub fn first_round_after(&self, at: DateTime<Utc>) -> u64 {
        let since = at.timestamp() - self.genesis_secs;
        u64::try_from(since.div_euclid(self.period_secs) + 2).unwrap_or_default().max(1)
    }

    fn key(&self) -> Option<PublicKey> {
        PublicKey::key_validate(&hex::decode(self.public_key).ok()?).ok()
    }
}

impl DrandBeacon {
    /// SHA-256 of the signature, as drand itself has it.
    pub fn randomness(&self) -> Digest32 {
        Digest32::of(&[&self.signature.0])
    }

    /// When the round was published; `None` where the chain is not known.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        DrandChain::known(&self.chain)?.time(self.round)
    }

    /// Whether the chain's key signed this round.
    pub fn check(&self) -> Result<(), BeaconError> {
        let key = DrandChain::known(&self.chain)
            .and_then(DrandChain::key)
            .ok_or(BeaconError::UnknownChain)?;
        let message = Digest32::of(&[&self.round.to_be_bytes()]);
        let signature =
            Signature::from_bytes(&self.signature.0).map_err(|_| BeaconError::Signature)?;
        match signature.verify(true, &message.0, DOMAIN, &[], &key, true) {
            BLST_ERROR::BLST_SUCCESS => Ok(()),
            _ => Err(BeaconError::Signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// Rounds as quicknet published them; the first is also among the tests of the crate
    /// `drand-verify`, the second with its randomness in other implementations' tests.
    const ROUNDS: [(u64, &str); 2] = [
        (
            123,
            "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
             e26cd02df835d3546d23c4b13e0dfc92",
        ),
        (
            1000,
            "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125\
             e342b73a8dd2bacbe47e4b6b63ed5e39",
        ),
    ];

    fn beacon(round: u64, signature: &str) -> DrandBeacon {
        let chain = QUICKNET.hash.parse().expect("a hash");
        DrandBeacon { chain, round, signature: signature.parse().expect("48 bytes") }
    }

    #[test]
    fn published_rounds_hold_and_changed_ones_do_not() {
        for (round, signature) in ROUNDS {
            assert_eq!(beacon(round, signature).check(), Ok(()), "{round}");
            let other = beacon(round + 1, signature);
            assert_eq!(other.check(), Err(BeaconError::Signature), "{round}");
        }
        let mut infinite = beacon(1, ROUNDS[0].1);
        infinite.signature.0 = [0; 48];
        infinite.signature.0[0] = 0xc0;
        assert_eq!(infinite.check(), Err(BeaconError::Signature));
        infinite.chain.0[0] ^= 1;
        assert_eq!(infinite.check(), Err(BeaconError::UnknownChain));
    }

    #[test]
    fn the_randomness_is_what_drand_published() {
        let randomness = beacon(1000, ROUNDS[1].1).randomness().to_string();
        assert_eq!(randomness, "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd");
    }

    #[test]
    fn the_round_of_a_moment_is_the_first_that_was_not_there_yet() {
        let genesis = DateTime::from_timestamp(QUICKNET.genesis_secs, 0).expect("a time");
        let round = |ms| QUICKNET.first_round_after(genesis + TimeDelta::milliseconds(ms));
        let rounds = [-3_000_000, -1, 0, 1, 2_999, 3_000].map(round);
        assert_eq!(rounds, [1, 1, 2, 2, 2, 3]);
        for ms in [0, 1, 2_999, 3_000, 86_400_001] {
            let at = genesis + TimeDelta::milliseconds(ms);
            let round = QUICKNET.first_round_after(at);
            assert!(QUICKNET.time(round) > Some(at) && QUICKNET.time(round - 1) <= Some(at));
        }
        assert_eq!((QUICKNET.time(0), QUICKNET.time(u64::MAX)), (None, None));
    }
}

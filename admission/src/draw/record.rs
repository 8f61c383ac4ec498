//! What a join left in its lane, as far as it is proved.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::draw::{
    hex_bytes::{Digest32, Nonce},
    merkle::leaf_hash,
};

/// One record of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneRecord {
    pub offset: u64,
    /// When the broker took it, in milliseconds since 1970.
    pub joined_ms: u64,
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    pub nonce: Nonce,
}

impl LaneRecord {
    /// The hash of its leaf: the data are offset and time as 8 bytes each, the highest first, and
    /// the nonce.
    pub fn leaf(&self) -> Digest32 {
        let mut data = [0; 32];
        data[..8].copy_from_slice(&self.offset.to_be_bytes());
        data[8..16].copy_from_slice(&self.joined_ms.to_be_bytes());
        data[16..].copy_from_slice(&self.nonce.0);
        leaf_hash(&data)
    }
}

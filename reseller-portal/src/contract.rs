//! All that other crates may use of the resellers' side: who they are, and what an admin decides
//! about them.

pub use crate::reseller::{
    ResellerEntry, ResellerState,
    decision::{decide, reseller, resellers},
};

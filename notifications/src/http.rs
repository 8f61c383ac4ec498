//! What notifications answers: pages only.

pub mod pages;

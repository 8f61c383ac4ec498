//! The whole, on real servers. Run with `ops/test`, which names them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod chaos;
mod command;
mod controller;
mod controls;
mod doors;
mod edges;
mod fan;
mod house;
mod line_up;
mod openapi;
mod pages;
mod whole;

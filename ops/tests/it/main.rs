//! The whole, on real servers. Run with `ops/test`, which names them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod architecture;
mod browser;
mod chaos;
mod command;
mod controller;
mod draw;
mod draw_console;
mod edge;
mod end_to_end;
mod end_to_end_roles;
mod fan;
mod line_controls;
mod line_up;
mod negative_controls;
mod negative_controls_asleep;
mod openapi;
mod pages;
mod peers;
mod queue_page;
mod sleeping;
mod test_people;
mod test_system;
mod verify_draw;
mod waiting_page;

//! The console against the real servers.

mod audit;
mod desk;
mod fans;
mod rooms;
mod sign_in;

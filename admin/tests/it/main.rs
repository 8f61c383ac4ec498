//! The console against the real servers.

mod audit;
mod audit_coverage;
mod draws;
mod fans;
mod fixtures;
mod high_traffic;
mod instances;
mod people;
mod rooms;
mod routes;
mod sign_in;
mod snapshots;
mod stream;
mod test_console;
mod throttle;
mod watching;

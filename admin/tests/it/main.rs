//! The console against the real servers.

mod audit;
mod deeds;
mod desk;
mod fans;
mod instances;
mod marking;
mod people;
mod props;
mod rooms;
mod routes;
mod sign_in;
mod stream;
mod throttle;

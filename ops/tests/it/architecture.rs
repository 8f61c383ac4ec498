//! Who may know whom, and what stands where: rules of the house, and rules of the house are tests.
//! Each is itself tested against a house in which it is broken.

mod contracts;
mod crates;
mod imports;
mod skeleton;
mod sources;
mod tables;

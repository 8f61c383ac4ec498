//! The binary's parts: putting roles together, the demo sale, the invariant checker, the load bots.
pub mod bench;
pub mod demo;
pub mod edge;
pub mod emails;
pub mod keys;
pub mod people;
pub mod rooms;
pub mod running;
pub mod rush;
pub mod serve;
pub mod settings;
mod signal;
pub mod verify;
pub mod verify_draw;

/// Prints a line for the person at the terminal, on standard error.
#[expect(clippy::print_stderr, reason = "this is a command-line tool")]
pub fn print_status(text: &str) {
    eprintln!("{text}");
}

/// Prints a result on standard output.
#[expect(clippy::print_stdout, reason = "this is a command-line tool")]
pub fn print_result(text: &str) {
    println!("{text}");
}

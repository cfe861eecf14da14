//! `cargo lab`: the whole story on one machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_some_and(|first| first == "agent") {
        // The agent is the real one; it takes the rest as its command line.
        return shunt::cli::main_from(args);
    }
    if args.peek().is_some_and(|first| first == shunt_lab::bench::FLOOR) {
        return shunt_lab::bench::floor_main(args);
    }
    shunt_lab::lab_main(args)
}

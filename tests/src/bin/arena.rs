//! The arena: our detector against the rules of its peers. See `shunt_lab::arena`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shunt_lab::arena::arena_main(std::env::args_os().skip(1))
}

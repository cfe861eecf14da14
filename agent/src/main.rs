//! The `shunt` binary; everything is in the library, so that the laboratory runs the same code.

fn main() -> std::process::ExitCode {
    shunt::main()
}

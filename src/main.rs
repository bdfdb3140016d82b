//! The `ser` executable: argv in, exit code out. Everything else is in the library.

fn main() -> std::process::ExitCode {
    ser::core::cli::run()
}

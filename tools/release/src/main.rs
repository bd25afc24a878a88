//! `./bazelw run //tools/release -- …`

fn main() -> std::process::ExitCode {
    shoal_release::cli::run()
}

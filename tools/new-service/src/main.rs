//! `./bazelw run //tools/new-service -- NAME --owner TEAM`

fn main() -> std::process::ExitCode {
    shoal_new_service::cli::run()
}

//! Further commands of the binary: `shoal-auth rotate-keys`,
//! `shoal-auth create-admin`.

use std::io::BufRead as _;
use std::path::Path;

use shoal_error::{Error, Result};
use shoal_service::clap::{Arg, ArgAction, ArgMatches, Command};
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::bootstrap::Ensured;
use crate::domain::email::Email;
use crate::domain::password::Password;

const ROTATE_KEYS: &str = "rotate-keys";
const CREATE_ADMIN: &str = "create-admin";

/// What the binary can do besides serving.
pub(crate) fn all() -> Vec<Command> {
    let force = Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help(
            "Even if verifiers may not know the next key yet: for a key that leaked. Tokens may be \
         refused until caches of the key set are renewed",
        );
    let email = Arg::new("email")
        .long("email")
        .required(true)
        .help("Address of the account");
    let file = Arg::new("password-file")
        .long("password-file")
        .default_value("-")
        .help("File whose first line is the password; - reads standard input");
    vec![
        Command::new(ROTATE_KEYS)
            .about("Let the next key sign from now on; running instances follow by themselves")
            .arg(force),
        Command::new(CREATE_ADMIN)
            .about("Make an administrator, or make the owner of an existing account one")
            .arg(email)
            .arg(file),
    ]
}

/// Runs the command that was given; what it returns is printed.
pub(crate) async fn run(app: &App, arguments: &ArgMatches) -> Result<String> {
    let said = match arguments.subcommand() {
        Some((ROTATE_KEYS, given)) => {
            let kid = app.keys.rotate(given.get_flag("force")).await?;
            format!(
                "{kid} signs from now on; the key before it verifies until its last token expires."
            )
        }
        Some((CREATE_ADMIN, given)) => create_admin(app, given).await?,
        _ => return Err(Error::internal("clap let an unknown command through")),
    };
    Ok(said + "\n")
}

async fn create_admin(app: &App, given: &ArgMatches) -> Result<String> {
    let text = |name: &str| {
        given
            .get_one::<String>(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let email =
        Email::parse(text("email")).map_err(|e| Error::invalid_field("--email", e.to_string()))?;
    let password = read_password(text("password-file"))
        .map_err(|e| Error::invalid_field("--password-file", format!("can't be read: {e}")))?;
    Ok(match app.ensure_admin(&email, password).await? {
        Ensured::Created(id) => format!("{id} was made and is an administrator."),
        Ensured::Promoted(id) => {
            format!("{id} existed and is an administrator now; its password stays as it was.")
        }
        Ensured::WasAdmin(id) => format!("{id} is an administrator already; nothing was changed."),
    })
}

/// Never an argument: those are seen by everyone who may list processes.
fn read_password(file: &str) -> std::io::Result<Password> {
    let mut line = Zeroizing::new(String::new());
    match file {
        "-" => std::io::stdin().lock().read_line(&mut line)?,
        file => {
            std::io::BufReader::new(std::fs::File::open(Path::new(file))?).read_line(&mut line)?
        }
    };
    Ok(Password::typed(
        line.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

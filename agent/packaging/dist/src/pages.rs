//! Manual pages and completions, from the very definition that the command line is parsed by.

use crate::archive::gzip;
use crate::error::{DistError, Result, file};
use clap::Command;
use clap_complete::Shell;
use std::fs;
use std::io;
use std::path::Path;

/// System administration (man-pages(7)).
const SECTION: &str = "8";

/// The shells that Debian and OpenWrt have completions for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes a compressed page for the program and one for each of its commands into `directory`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write_manual(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(file("make", directory))?;
    let mut command = shunt::cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, directory)
}

/// Writes the completions for each shell into `directory`, by the names that their packages have.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write_completions(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(file("make", directory))?;
    for shell in SHELLS {
        let mut command = shunt::cli::command();
        clap_complete::generate_to(shell, &mut command, "shunt", directory)
            .map_err(file("write to", directory))?;
    }
    Ok(())
}

fn write_pages(command: &Command, directory: &Path) -> Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, directory)?;
    }
    let page = clap_mangen::Man::new(command.clone()).section(SECTION).manual("Shunt");
    let path = directory.join(format!("{}.gz", page.get_filename()));
    let render = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        page.render(&mut text)?;
        gzip(&text)
    };
    let packed = render().map_err(file("write", &path))?;
    fs::write(&path, packed).map_err(|source| DistError::File { doing: "write", path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_its_completions() {
        let home = tempfile::tempdir().unwrap();
        write_manual(home.path()).unwrap();
        write_completions(home.path()).unwrap();
        for name in [
            "shunt.8.gz",
            "shunt-status.8.gz",
            "shunt-modem-sms-send.8.gz",
            "shunt.bash",
            "shunt.fish",
            "_shunt",
        ] {
            assert!(home.path().join(name).is_file(), "{name}");
        }
    }
}

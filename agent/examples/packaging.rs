//! Writes what the package of `wasl` holds beside the program: manuals, completions, schemas.
//! `cargo run -p wasl-agent --example package-wasl -- target/packaging/wasl`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

const NAME: &str = "wasl";

/// What every manual ends with: the same files, variables and exit codes hold for all commands.
const COMMON: &str = include_str!("../packaging/man/common.roff");

/// What is said in the manual of one command beside its options.
const MORE: [(&str, &str); 6] = [
    ("wasl", include_str!("../packaging/man/wasl.roff")),
    ("wasl-join", include_str!("../packaging/man/wasl-join.roff")),
    ("wasl-run", include_str!("../packaging/man/wasl-run.roff")),
    ("wasl-enroll", include_str!("../packaging/man/wasl-enroll.roff")),
    ("wasl-check", include_str!("../packaging/man/wasl-check.roff")),
    ("wasl-retire", include_str!("../packaging/man/wasl-retire.roff")),
];

fn main() -> io::Result<()> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "name the folder to write into");
    let top = std::env::args_os().nth(1).map(PathBuf::from).ok_or_else(usage)?;
    write(&top)
}

fn write(top: &Path) -> io::Result<()> {
    let (man, completions, schemas) =
        (top.join("man"), top.join("completions"), top.join("schemas"));
    for dir in [&man, &completions, &schemas] {
        let _ = fs::remove_dir_all(dir);
        fs::create_dir_all(dir)?;
    }
    for (name, command) in commands() {
        fs::write(man.join(format!("{name}.1")), page(&name, command)?)?;
    }
    fs::write(man.join("wasl.toml.5"), include_str!("../packaging/man/wasl.toml.roff"))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut wasl_agent::cli::command(), NAME, &completions)?;
    }
    for (name, schema) in wasl_agent::cli::schemas() {
        let mut text = serde_json::to_string_pretty(&schema)?;
        text.push('\n');
        fs::write(schemas.join(format!("{name}.schema.json")), text)?;
    }
    Ok(())
}

/// Every command with the name of its manual, the program itself first.
fn commands() -> Vec<(String, Command)> {
    let mut top = wasl_agent::cli::command().disable_help_subcommand(true);
    top.build();
    let mut all = Vec::new();
    let mut left = vec![(NAME.to_owned(), top)];
    while let Some((name, command)) = left.pop() {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            left.push((format!("{name}-{}", sub.get_name()), sub.clone()));
        }
        all.push((name, command));
    }
    all
}

fn page(name: &str, command: Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command);
    let man = man.title(name.to_uppercase()).manual("Wasl").source(env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    man.render(&mut text)?;
    let more = MORE.iter().find(|(of, _)| *of == name).map_or("", |(_, more)| more);
    text.extend_from_slice(more.as_bytes());
    text.extend_from_slice(COMMON.as_bytes());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn every_command_has_a_manual_and_every_text_a_command() {
        let top = tempfile::tempdir().unwrap();
        write(top.path()).unwrap();
        let pages = names(&top.path().join("man"));
        for (name, command) in commands() {
            assert!(pages.contains(&format!("{name}.1")), "{name}");
            let page = fs::read_to_string(top.path().join(format!("man/{name}.1"))).unwrap();
            assert!(page.contains(".SH \"EXIT STATUS\""), "{name}");
            assert!(command.get_about().is_some(), "{name} does not say what it does");
        }
        for (name, _) in MORE {
            assert!(pages.contains(&format!("{name}.1")), "{name}");
        }
        assert!(pages.contains(&"wasl.toml.5".to_owned()));
    }

    #[test]
    fn three_shells_complete_and_each_schema_names_its_document() {
        let top = tempfile::tempdir().unwrap();
        write(top.path()).unwrap();
        assert_eq!(names(&top.path().join("completions")).len(), 3);
        let schemas = names(&top.path().join("schemas"));
        assert!(schemas.contains(&"wasl.status-1.schema.json".to_owned()), "{schemas:?}");
    }
}

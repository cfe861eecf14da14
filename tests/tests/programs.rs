//! The agent starts no other program, and no shell: a line that could would be the way from a fault to a command of somebody
//! else's. So no source of what is shipped names what starts one; `deny.toml` bans the features of libraries that do.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Words of Rust's libraries, of libc and of the kernel that stand for starting a program or for foreign code, wherever they
/// are: imported, declared anew, or in a string for the linker. The `exec` family is looked at by its beginning.
const STARTS: [&str; 10] = [
    "CommandExt",
    "asm",
    "clone3",
    "dlopen",
    "dlsym",
    "fork",
    "global_asm",
    "popen",
    "posix_spawn",
    "posix_spawnp",
];
const FAMILY: [&str; 3] = ["exec", "SYS_exec", "fexec"];
/// What begins as that family does, and starts nothing.
const NO_FAMILY: [&str; 2] = ["execute", "executor"];

/// Modules in which a harmless word like `Command` or `system` starts a program; and all that is used of them.
const MODULES: [(&str, &[&str]); 2] = [
    ("process", &["ExitCode", "Gid", "Uid", "geteuid", "getgroups", "id"]),
    ("runtime", &["Builder", "Handle", "Runtime"]),
];
/// Of libc so much is used that what may not be is named.
const OF_LIBC: [&str; 1] = ["system"];

const TEST: &str = "#[cfg(test)]";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The folders of the agent and of all packages of ours that it is linked with.
fn packages() -> BTreeSet<String> {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let folder = |name: &str| {
        let line = workspace.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (mut found, mut to_read) = (BTreeSet::new(), vec!["agent".to_owned()]);
    while let Some(package) = to_read.pop() {
        let manifest = fs::read_to_string(root().join(&package).join("Cargo.toml")).unwrap();
        let linked = manifest.split("\n[").filter(|section| section.starts_with("dependencies]"));
        let names = linked.flat_map(str::lines).filter_map(|line| line.split(['.', ' ']).next());
        to_read.extend(names.filter(|name| name.starts_with("shunt-")).map(folder));
        found.insert(package);
    }
    found
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
}

/// The lines of a formatted source that are no comment and are shipped; and the names of modules that are for tests alone, in
/// files of their own.
fn shipped(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != TEST {
            kept.extend(Some(line).filter(|line| !line.trim().starts_with("//")));
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        // An item ends with its first line, or with the bracket below the word that it begins with.
        for line in lines.by_ref() {
            let name = line.split_once("mod ").and_then(|(_, rest)| rest.strip_suffix(';'));
            modules.extend(name);
            let attribute = line.trim().starts_with('#');
            let inside = line.len() - line.trim_start().len() > indent || line.trim().is_empty();
            let ends =
                line.ends_with([';', ',']) || line.trim_start().starts_with('}') || line.ends_with('}');
            if !attribute && !inside && ends {
                break;
            }
        }
    }
    (kept, modules)
}

/// Where the files of module `name` are that is declared in `file`.
fn files_of(file: &Path, name: &str) -> [PathBuf; 2] {
    let of_directory = ["lib", "main", "mod"].iter().any(|stem| file.file_stem().unwrap() == *stem);
    let directory = if of_directory { file.with_file_name(name) } else { file.with_extension("").join(name) };
    [directory.with_extension("rs"), directory]
}

/// Words and single characters.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.split_inclusive(move |c| !is_word(c)).flat_map(move |part| {
        let (word, sign) = part.split_at(part.trim_end_matches(|c| !is_word(c)).len());
        [word, sign.trim()].into_iter().filter(|token| !token.is_empty())
    })
}

/// What is used of a module: the name behind its own, or all names in a group behind it.
fn used<'a>(code: &[&'a str]) -> Vec<&'a str> {
    match code {
        [":", ":", "{", group @ ..] => {
            let names = group.iter().take_while(|token| **token != "}");
            names.filter(|token| !matches!(**token, "," | ":")).copied().collect()
        }
        [":", ":", name, ..] => vec![name],
        ["as", ..] => vec!["as"],
        _ => Vec::new(),
    }
}

/// What in the code starts a program, or could under a name that is not seen.
fn starts(lines: &[&str]) -> Vec<String> {
    let code: Vec<_> = lines.iter().flat_map(|line| tokens(line)).collect();
    let mut found = Vec::new();
    for (at, word) in code.iter().enumerate() {
        let family = FAMILY.iter().any(|begin| word.starts_with(begin)) && !NO_FAMILY.contains(word);
        found.extend((family || STARTS.contains(word)).then(|| (*word).to_owned()));
        let names = used(code.get(at + 1..).unwrap_or_default());
        let module = MODULES.iter().find(|(name, _)| name == word);
        let refused = |name: &str| match module {
            Some((_, harmless)) => !harmless.contains(&name),
            None => *word == "libc" && (OF_LIBC.contains(&name) || ["*", "as", "self"].contains(&name)),
        };
        found.extend(names.into_iter().filter(|name| refused(name)).map(|name| format!("{word}::{name}")));
    }
    found
}

#[test]
fn nothing_that_is_shipped_starts_a_program() {
    let files: Vec<_> =
        packages().iter().flat_map(|package| sources(&root().join(package).join("src"))).collect();
    let texts: Vec<_> = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let parts: Vec<_> = texts.iter().map(|text| shipped(text)).collect();
    let tests: Vec<_> = files
        .iter()
        .zip(&parts)
        .flat_map(|(file, (_, modules))| modules.iter().flat_map(|name| files_of(file, name)))
        .collect();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for (file, (lines, _)) in files.iter().zip(&parts) {
        if tests.iter().any(|test| file.starts_with(test)) {
            continue;
        }
        looked_at += lines.len();
        found.extend(starts(lines).into_iter().map(|start| format!("{}: {start}", file.display())));
    }
    assert!(looked_at > 50_000, "only {looked_at} lines were looked at");
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn each_way_to_start_a_program_is_seen_and_what_looks_like_one_is_let_be() {
    let bad = [
        "std::process::Command::new(\"sh\")",
        "use std::process;\nlet it = process::Command::new(\"sh\");",
        "use std::process as p;",
        "use std::{fs, process as p};",
        "use std::process::*;",
        "use std::process::{self as p, ExitCode};",
        "use std::{\n    process::{\n        ExitCode,\n        Command,\n    },\n};",
        "use std::os::unix::process::CommandExt as _;",
        "use tokio::process::Child;",
        "rustix::runtime::execve(path)",
        "use rustix::runtime as r;",
        "use rustix::runtime::*;",
        "libc::execvp(a, b)",
        "libc::syscall(libc::SYS_execveat)",
        "libc::system(line)",
        "use libc::{c_int, system};",
        "use libc::*;",
        "use libc as c;",
        "#[link_name = \"execv\"]",
        "libc::posix_spawn(a)",
        "core::arch::asm!(\"svc 0\")",
    ];
    for text in bad {
        assert_ne!(starts(&text.lines().collect::<Vec<_>>()), Vec::<String>::new(), "{text}");
    }
    let good = "use std::process::{ExitCode, id};\nrequest.execute(1);\nuse rustix::process::Gid;\nlet process = 1;\n\
        Command::Force;\ntokio::runtime::Builder::new();\nSysfs::system();\nlibc::c_int";
    assert_eq!(starts(&good.lines().collect::<Vec<_>>()), Vec::<String>::new());
}

#[test]
fn only_what_is_for_tests_is_left_out() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\n// a comment\nfn b() {}\n#[cfg(test)]\nfn c() {\n    d();\n}\nimpl E {\n    \
        #[cfg(test)]\n    pub(crate) const F: u8 = 1;\n    fn g() {}\n\n    #[cfg(test)]\n    #[allow(unused)]\n    fn h(\n        \
        i: u8,\n    ) -> u8 {\n        i\n    }\n}\n#[cfg(test)]\nmod j {\n    fn k() {}\n\n    fn l() {}\n}\nfn m() {}";
    let (lines, modules) = shipped(text);
    assert_eq!(lines, ["mod a;", "fn b() {}", "impl E {", "    fn g() {}", "", "}", "fn m() {}"]);
    assert_eq!(modules, ["tests"]);
    let file = Path::new("src/mcu/mod.rs");
    assert_eq!(
        files_of(file, "tests").map(|path| path.display().to_string()),
        ["src/mcu/tests.rs", "src/mcu/tests"]
    );
    assert_eq!(files_of(Path::new("src/mcu/flash.rs"), "tests")[1], Path::new("src/mcu/flash/tests"));
}

//! The source tree, and cargo run on it so that the same source gives the same bytes in every directory.

use crate::error::{DistError, Result, file};
use crate::target::Target;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The profile of what is shipped, in the workspace's `Cargo.toml`; cargo names its directory so, too.
pub(crate) const PROFILE: &str = "dist";

/// Where the source is, and when it was written.
#[derive(Debug, Clone)]
pub struct Source {
    /// The workspace's root.
    pub root: PathBuf,
    /// Where cargo builds for this tool: apart from other builds, since its flags are its own.
    pub build: PathBuf,
    /// The time of the source, in seconds after 1970: that of the last commit, or `SOURCE_DATE_EPOCH`
    /// (reproducible-builds.org/specs/source-date-epoch). All that is packed is dated so.
    pub epoch: u64,
}

impl Source {
    /// The source that this tool was built from; cargo builds it below `target`.
    ///
    /// # Errors
    /// When nothing says how old it is.
    pub fn here(target: &Path) -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let root = here.canonicalize().map_err(file("find", &here))?;
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text.parse().map_err(|_no_number| DistError::NoDate)?,
            Err(_unset) => commit_time(&root)?,
        };
        Ok(Self { root, build: target.join("dist-build"), epoch })
    }

    /// The version of what is shipped: this tool's, as all of the workspace has one.
    #[must_use]
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Builds the agent for `target` and gives the path of the stripped binary.
    ///
    /// # Errors
    /// When cargo fails; it has said why on standard error.
    pub fn build_agent(&self, target: &Target) -> Result<PathBuf> {
        let mut command = self.cargo();
        command
            .args(["build", "--locked", "--package=shunt", "--profile", PROFILE])
            .args(["--target", target.triple]);
        command.arg("--target-dir").arg(&self.build);
        // Through the config, so that they join the target's own flags in `.cargo/config.toml`.
        command.arg("--config").arg(format!("target.{}.rustflags={}", target.triple, self.remapping()?));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(changes_the_binary) {
                command.env_remove(name);
            }
        }
        self.run(command, &format!("build the agent for {}", target.triple))?;
        Ok(self.release_dir(target).join("shunt"))
    }

    /// Where [`Self::build_agent`] puts the binary.
    #[must_use]
    pub fn release_dir(&self, target: &Target) -> PathBuf {
        self.build.join(target.triple).join(PROFILE)
    }

    /// Cargo in this source, dated. Its progress goes to the terminal.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("SOURCE_DATE_EPOCH", self.epoch.to_string());
        command
    }

    /// Runs `command`, whose part in "failed to …" is `doing`.
    pub(crate) fn run(&self, mut command: Command, doing: &str) -> Result<()> {
        let status = command.stdin(Stdio::null()).status().map_err(|source| start(&command, source))?;
        if status.success() {
            return Ok(());
        }
        Err(DistError::Program { doing: doing.to_owned(), program: name(&command), status })
    }

    /// What cargo prints when asked so.
    pub(crate) fn cargo_says(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.cargo();
        command.args(arguments);
        said(command, "ask cargo for what the agent is made of")
    }

    /// The compiler's version, such as `1.95.0`.
    pub(crate) fn rust_version(&self) -> Result<String> {
        let text = said(self.rustc(&["--version"]), "ask for the compiler's version")?;
        text.split(' ')
            .nth(1)
            .map(str::to_owned)
            .ok_or_else(|| DistError::Garbled { what: "the compiler's version".into(), fault: text.clone() })
    }

    /// The compiler, as cargo would call it here.
    pub(crate) fn rustc(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// The flags, as a list in TOML, that leave no directory of this machine in the binary (in the places of panics).
    fn remapping(&self) -> Result<String> {
        // The last that fits is taken, and the build may be below the root.
        let mut flags = vec![remap(&self.root, "/shunt"), remap(&self.build, "/build")];
        let registries = cargo_home().join("registry/src");
        // Each registry's directory has a name that depends on how it is reached.
        for entry in fs::read_dir(&registries).map_err(file("read", &registries))? {
            flags.push(remap(&entry.map_err(file("read", &registries))?.path(), "/crates"));
        }
        // Where the library's source is installed the compiler names it, and else the place below which it was built.
        let sysroot = said(self.rustc(&["--print=sysroot"]), "ask for the compiler's directory")?;
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        flags.push(remap(&library, &format!("/rustc/{}", self.compiler_commit()?)));
        Ok(toml::Value::Array(flags.into_iter().map(toml::Value::String).collect()).to_string())
    }

    fn compiler_commit(&self) -> Result<String> {
        let text = said(self.rustc(&["--version", "--verbose"]), "ask for the compiler's version")?;
        let line = text.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        Ok(line.unwrap_or("unknown").to_owned())
    }
}

/// Whether a variable of this name has flags for the builder's own machine, which would get into the binary: cargo's, and
/// those of the crate `cc`.
fn changes_the_binary(name: &str) -> bool {
    const PREFIXES: [&str; 9] = [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CC",
        "CFLAGS",
        "TARGET_C",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && name != "CARGO_TARGET_DIR"
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

fn cargo_home() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).unwrap_or_else(|| ".cargo".into())
}

fn commit_time(root: &Path) -> Result<u64> {
    let mut command = Command::new("git");
    command.args(["log", "--max-count=1", "--format=%ct"]).current_dir(root);
    let text = said(command, "ask git for the time of the last commit")
        .map_err(|_no_repository| DistError::NoDate)?;
    text.trim().parse().map_err(|_no_commit| DistError::NoDate)
}

/// What a program prints.
fn said(mut command: Command, doing: &str) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| start(&command, source))?;
    if !output.status.success() {
        let program = name(&command);
        return Err(DistError::Program { doing: doing.to_owned(), program, status: output.status });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn start(command: &Command, source: std::io::Error) -> DistError {
    DistError::Start { program: name(command), source }
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("?")).to_string_lossy().into_owned()
}

/// Whether `program` is in one of the directories of `PATH`.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_builders_own_do_not_get_into_the_binary() {
        for name in
            ["RUSTFLAGS", "CFLAGS_aarch64_unknown_linux_musl", "CARGO_PROFILE_DIST_LTO", "TARGET_CFLAGS"]
        {
            assert!(changes_the_binary(name), "{name}");
        }
        for name in [
            "PATH",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_JOBS",
            "SOURCE_DATE_EPOCH",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(!changes_the_binary(name), "{name}");
        }
    }
}

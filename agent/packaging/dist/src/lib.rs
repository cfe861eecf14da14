//! `cargo dist`: everything that is shipped, built from the source at hand into one directory.
//!
//! Why a tool and not a script: the layout of the packages, the manual pages and the bill of materials come from the same
//! definitions that the agent and its tests are built from, and the same source gives the same bytes on every machine with
//! the same Rust, C compilers and cargo-deb.

mod archive;
mod cargo;
mod deb;
mod error;
mod firmware;
mod ipk;
mod needs;
mod pages;
mod sbom;
mod sums;
mod tarball;
mod target;

pub use cargo::Source;
pub use error::{DistError, Result};
pub use sums::SUMS;
pub use target::{TARGETS, Target};

use error::file;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is to be built, and where it goes.
#[derive(Debug, Clone)]
pub struct Order {
    /// The processors.
    pub targets: Vec<Target>,
    /// Whether the MCU's firmware goes along.
    pub firmware: bool,
    /// The directory; what is in it is removed.
    pub out: PathBuf,
}

/// Builds all of it, and says on `screen` what is being done.
///
/// # Errors
/// With the first thing that cannot be built, before anything is built where something is missing; the directory is
/// then not complete, and has no sums.
pub fn ship(source: &Source, order: &Order, screen: &mut dyn Write) -> Result<()> {
    needs::check(source, order)?;
    let mut work = Work { source, order, screen, steps: steps(order), done: 0 };
    work.clear()?;
    work.step("manual pages and completions", |work| {
        pages::write_manual(&work.order.out.join("man"))?;
        pages::write_completions(&work.order.out.join("completions"))
    })?;
    for target in &order.targets {
        work.ship_target(target)?;
    }
    if order.firmware {
        work.step("firmware", |work| {
            let packed = firmware::pack(&work.order.out.join("firmware"))?;
            work.say(&packed);
            Ok(())
        })?;
    }
    work.step("sums", |work| {
        let number = sums::write_sums(&work.order.out)?;
        work.say(&[format!("{number} files, {}", work.order.out.join(SUMS).display())]);
        Ok(())
    })
}

/// The build and the packages of each target, the pages, the firmware, the sums.
fn steps(order: &Order) -> usize {
    2 * order.targets.len() + 2 + usize::from(order.firmware)
}

struct Work<'a> {
    source: &'a Source,
    order: &'a Order,
    screen: &'a mut dyn Write,
    steps: usize,
    done: usize,
}

impl Work<'_> {
    fn clear(&self) -> Result<()> {
        let out = &self.order.out;
        match fs::remove_dir_all(out) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("remove", out)(error)),
            _ => fs::create_dir_all(out).map_err(file("make", out)),
        }
    }

    fn ship_target(&mut self, target: &Target) -> Result<()> {
        let mut binary = PathBuf::new();
        self.step(&format!("agent for {}", target.triple), |work| {
            binary = work.source.build_agent(target)?;
            let plain = work.order.out.join(format!("shunt-{}-{}", work.source.version(), target.triple));
            let bytes = fs::copy(&binary, &plain).map_err(file("copy", &binary))?;
            work.say(&[format!("{:.2} MB", bytes as f64 / 1e6)]);
            Ok(())
        })?;
        self.step(&format!("packages for {}", target.triple), |work| work.pack(target, &binary))
    }

    fn pack(&mut self, target: &Target, binary: &Path) -> Result<()> {
        let (source, out) = (self.source, &self.order.out);
        tarball::pack(source, target, binary, out, out)?;
        deb::pack(source, target, out)?;
        for processor in target.openwrt {
            ipk::pack(source, binary, processor, out)?;
        }
        let bill = out.join(format!("shunt-{}-{}.cdx.json", source.version(), target.triple));
        fs::write(&bill, sbom::bill(source, target)?).map_err(file("write", &bill))
    }

    /// Says what begins and, at its end, how long it took.
    fn step(&mut self, what: &str, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.done += 1;
        let begin = Instant::now();
        self.say(&[format!("[{}/{}] {what}", self.done, self.steps)]);
        work(self)?;
        self.say(&[format!("      {:.0} s", begin.elapsed().as_secs_f64())]);
        Ok(())
    }

    /// A screen that went away keeps nothing from being built.
    fn say(&mut self, lines: &[String]) {
        for line in lines {
            let _gone = writeln!(self.screen, "{line}");
        }
    }
}

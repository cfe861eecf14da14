//! `shunt mcu flash`: has the daemon flash the watchdog MCU and shows how far it is, or does it without a daemon.

use super::args::{Args, McuFlashArgs};
use super::commands::{confirm, connect};
use super::exit::Failure;
use crate::api::describe::clean;
use crate::api::hex::hex;
use crate::api::mcu::{McuFlash, McuStatus};
use crate::api::wire::{Done, Request};
use crate::mcu::flash::{self, Image, Job};
use crate::mcu::is_same;
use shunt_config::{McuPins, McuPort};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// No image is longer, with all that only debuggers read.
const LONGEST: u64 = 16 << 20;
/// How often the daemon is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// It takes 15 s, and on a bad line several times as long; the daemon goes on by itself.
const PATIENCE: Duration = Duration::from_secs(300);
/// Of a phase, in percent.
const QUARTER: u8 = 25;

pub(super) fn carry_out(args: &Args, flags: &McuFlashArgs, out: &mut impl Write) -> Result<(), Failure> {
    let image = read(&flags.image)?;
    if !flags.yes {
        let question = format!(
            "This brings {} ({} bytes) into the watchdog MCU. For some 15 s, until it runs, nothing guards the gateway, and the\n\
             MCU's pins float: with the pull-downs of firmware/README.md the gateway and its modem notice nothing.",
            image.identity(),
            image.bytes().len()
        );
        confirm(&question, "flashed")?;
    }
    let mut shown = Shown::default();
    let show = |flash: &McuFlash| {
        if !flags.json {
            shown.show(out, flash);
        }
    };
    let end = match &flags.port {
        Some(port) => alone(args, image, port, show)?,
        None => by_daemon(args, &image, show)?,
    };
    if flags.json {
        serde_json::to_writer_pretty(&mut *out, &end).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    if end.state != "done" {
        return Err(Failure::Flash(clean(&end.text)));
    }
    if !flags.json {
        writeln!(out, "{}", clean(&end.text))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Image, Failure> {
    let failed = |why: String| Failure::Image { path: path.to_owned(), why };
    let mut content = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(LONGEST).read_to_end(&mut content).map_err(|error| failed(error.to_string()))?;
    Image::parse(&content).map_err(|error| failed(error.to_string()))
}

/// Has the daemon do it, which has the port, and goes on when this program does not.
fn by_daemon(args: &Args, image: &Image, mut show: impl FnMut(&McuFlash)) -> Result<McuFlash, Failure> {
    let mut client = connect(args)?;
    let _begun: Done = client.ask(&Request::McuFlash { image: hex(image.bytes()) })?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let mcu: McuStatus = client.ask(&Request::Mcu {})?;
        match mcu.flash {
            Some(flash) if flash.state == "running" => show(&flash),
            Some(flash) => return Ok(flash),
            None => {
                return Err(Failure::Flash(
                    "the daemon was restarted meanwhile; see `shunt mcu status`".into(),
                ));
            }
        }
        std::thread::sleep(LOOK);
    }
    Err(Failure::Flash("the upgrade still goes on; see `shunt mcu status`".into()))
}

/// Does it on a port that no daemon has.
fn alone(
    args: &Args,
    image: Image,
    port: &Path,
    mut show: impl FnMut(&McuFlash),
) -> Result<McuFlash, Failure> {
    // Without a config there are no lines to its pins, and the old program is kept beside the user. One that has faults may have
    // lines.
    let config = match shunt_config::load(args.config()) {
        Ok(config) => Some(config),
        Err(shunt_config::LoadError::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let state_dir =
        config.as_ref().map_or_else(|| PathBuf::from("."), |config| config.agent.state_dir.clone());
    let backup = flash::backup(&state_dir);
    let port = McuPort::Path(port.to_owned());
    let mcu = config.map(|config| config.watchdog.mcu);
    let pins = mcu.as_ref().and_then(|mcu| pins(mcu, &port));
    if pins.is_none() && mcu.is_some_and(|mcu| mcu.pins.is_some()) {
        let _nobody_looks = writeln!(
            io::stderr(),
            "The lines to BOOT0 and NRST in the config are not used: they are the MCU's on the port of [watchdog.mcu], and --port is \
             another one."
        );
    }
    let job = Job { image, port, pins, backup };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        // An upgrade that is cut short leaves half a program: neither Ctrl-C nor a terminal that goes ends it.
        let kinds = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::terminate()];
        let _heeded = kinds.map(signal);
        flash::run(&job, |phase, percent| show(&flash::under_way(&job.image, phase, percent))).await
    });
    Ok(flash::over(&result, &job.backup))
}

/// The lines to the pins of the MCU on this port. Those of the config are the MCU's on the config's port: one that is on another
/// would be reset out of its guard by them, and nobody would talk to it.
fn pins(config: &shunt_config::Mcu, port: &McuPort) -> Option<McuPins> {
    let is_its = config.port.as_ref().is_some_and(|its| is_same(its, port));
    config.pins.clone().filter(|_| is_its)
}

/// How far it was when that was last shown.
#[derive(Default)]
struct Shown(Option<(String, u8)>);

impl Shown {
    /// A line for each phase and for each quarter of it. That nobody looks any more ends nothing.
    fn show(&mut self, out: &mut impl Write, flash: &McuFlash) {
        let now = (flash.phase.clone(), flash.percent / QUARTER);
        if self.0.as_ref() != Some(&now) {
            self.0 = Some(now);
            let _nobody_looks = writeln!(out, "  {:<9} {:>3} %", clean(&flash.phase), flash.percent);
            let _nobody_looks = out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_config_are_for_the_mcu_on_its_port_alone() {
        let directory = tempfile::tempdir().unwrap();
        let line = |name: &str| directory.path().join(name);
        for name in ["ttyS7", "ttyS8"] {
            std::fs::write(line(name), "").unwrap();
        }
        std::os::unix::fs::symlink(line("ttyS7"), line("alias")).unwrap();
        let lines = McuPins { chip: "/dev/gpiochip1".into(), boot0: 1, reset: 2 };
        let text = "[[link]]\nname = \"a\"\ninterface = \"a0\"\n";
        let mcu = shunt_config::parse(text, Path::new("test.toml")).unwrap().watchdog.mcu;
        let mcu = shunt_config::Mcu { pins: Some(lines.clone()), ..mcu };
        let on = |port: Option<&str>| shunt_config::Mcu {
            port: port.map(|port| McuPort::Path(line(port))),
            ..mcu.clone()
        };
        let port = McuPort::Path(line("ttyS7"));
        assert_eq!(pins(&on(Some("ttyS7")), &port), Some(lines.clone()));
        assert_eq!(pins(&on(Some("alias")), &port), Some(lines));
        assert_eq!((pins(&on(Some("ttyS8")), &port), pins(&on(None), &port)), (None, None));
    }

    #[test]
    fn each_phase_and_each_quarter_of_it_is_shown_once() {
        let (mut out, mut shown) = (Vec::new(), Shown::default());
        for (phase, percent) in
            [("reaching", 0), ("reading", 3), ("reading", 24), ("reading", 26), ("writing", 26)]
        {
            let flash =
                McuFlash { state: "running".into(), phase: phase.into(), percent, text: String::new() };
            shown.show(&mut out, &flash);
            shown.show(&mut out, &flash);
        }
        let expected = "  reaching    0 %\n  reading     3 %\n  reading    26 %\n  writing    26 %\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

//! What can be typed.

use super::accept::AcceptArgs;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  tried, and failed
  2  wrong usage, config or link name
  3  no daemon answers
  4  permission denied";

/// Where the configuration is unless another place is named.
const DEFAULT_CONFIG: &str = "/etc/shunt/shunt.toml";

/// The longest lease: a forgotten one must not decide over the uplink for ever. Without `--for` it is meant to.
const MAX_LEASE: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Keeps a gateway online: watches its links and moves the default route.
#[derive(Debug, Parser)]
#[command(name = "shunt", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Args {
    /// The configuration file [default: /etc/shunt/shunt.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The control socket [default: the one in the config, or else /run/shunt/shunt.sock].
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,

    #[command(subcommand)]
    pub(super) command: Command,
}

impl Args {
    /// The configuration file.
    pub(super) fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }

    /// The configuration file that was named, if one was.
    pub(super) fn named_config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon in the foreground.
    Run,
    /// Show the uplink and why it is the uplink, the links, and the last incidents.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make LINK the uplink, whatever its verdict; it is given up only when it is confirmed dead.
    Force {
        /// Its name.
        link: String,
        /// Give the choice back to the agent after this time, such as 10m or 2h.
        #[arg(long = "for", value_name = "TIME", value_parser = lease)]
        lease: Option<Duration>,
        /// Hold to it even when it is confirmed dead.
        #[arg(long)]
        strict: bool,
    },
    /// End the lease: the agent chooses again.
    Release,
    /// Show the latest events.
    Events {
        /// Go on with new ones as they happen.
        #[arg(long, short)]
        follow: bool,
        /// As JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Check a configuration file: all its faults, or what it means, with the data that probing each link takes.
    Check {
        /// The file [default: that of --config].
        file: Option<PathBuf>,
        /// As JSON: each link's data a month, its budget and its worst-case detection time.
        #[arg(long)]
        json: bool,
    },
    /// Propose a config, with the reason for each choice; nothing is changed without --write.
    Init {
        /// Take over the config of mwan3 (/etc/config/mwan3), with the file `network` beside it, instead of looking at
        /// this machine.
        #[arg(long, value_name = "FILE")]
        from_mwan3: Option<PathBuf>,
        /// Write it to the file of --config. A file that names links is never overwritten; what another one sets is kept.
        #[arg(long)]
        write: bool,
    },
    /// Look at the whole chain, from the kernel to each target over each link, and name for each fault its mend.
    /// Nothing is changed. Ends with 1 where a fault was found, 2 where the config has one, 4 where more rights are needed.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Send no probes.
        #[arg(long)]
        offline: bool,
        /// Let warnings count as faults.
        #[arg(long)]
        strict: bool,
    },
    /// Accept a newly flashed gateway: step by step each uplink is pulled, modems are reset, the gateway is restarted, and what
    /// the agent measured is written into a report. Nothing is disturbed before it is confirmed; ends with 1 where a step failed.
    Accept(AcceptArgs),
    /// Run the decisions over a recording again: is it the same, and with --config FILE, what would have happened?
    Replay {
        /// A segment, or the directory of them [default of the daemon: /var/lib/shunt/recording].
        recording: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look after the cellular modems.
    #[command(subcommand)]
    Modem(ModemCommand),
    /// Look after the watchdog MCU on the board.
    #[command(subcommand)]
    Mcu(McuCommand),
    /// Stop the daemon; forwarding stays as it is.
    Stop {
        /// Also remove everything of Shunt's from the kernel, and disarm the watchdog MCU, whether a daemon runs or not.
        #[arg(long)]
        restore: bool,
    },
}

/// What can be done with the watchdog MCU.
#[derive(Debug, Subcommand)]
pub(super) enum McuCommand {
    /// Show how it stands: its board and firmware, its stage, what it counted.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what it remembers, the newest last: resets of the gateway and what led to them.
    Log {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have it not judge the gateway for a while, for maintenance and upgrades; the lease ends by itself.
    Lease {
        /// For how long, such as 10m or 1h; at most [watchdog.mcu] longest_lease.
        #[arg(value_name = "TIME", value_parser = mcu_lease, required_unless_present = "end")]
        time: Option<Duration>,
        /// End the lease that runs.
        #[arg(long, conflicts_with = "time")]
        end: bool,
    },
    /// Cut the modem's supply for a moment; a modem of the config is switched off gently before.
    CycleModem,
    /// Have the gateway asked to shut down, and reset by its MCU when it had its time for that. Nothing calls that back.
    ResetHost {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Bring another firmware into it, over the boot loader in its ROM: checked before, verified after, with the old one
    /// kept and written back if need be. For some 15 s nothing guards the gateway, and the MCU's pins float.
    Flash(McuFlashArgs),
}

/// What is flashed, and how.
#[derive(Debug, clap::Args)]
pub(super) struct McuFlashArgs {
    /// The firmware: the ELF file that `cargo firmware` builds, or a plain binary.
    pub(super) image: PathBuf,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    /// Without a daemon, on this serial port; what the config says of BOOT0 and NRST counts.
    #[arg(long, value_name = "PATH")]
    pub(super) port: Option<PathBuf>,
    /// What became of it as JSON, without the progress.
    #[arg(long)]
    pub(super) json: bool,
}

/// What can be done with a modem. Its name may be left out where there is one only.
#[derive(Debug, Subcommand)]
pub(super) enum ModemCommand {
    /// Show how each modem stands: readiness, network, signal, bearer, recovery, allowance.
    Status {
        /// Of this modem only.
        modem: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show how the modem is received, cell by cell.
    Signal {
        /// Of this modem only.
        modem: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the SIM in use, give it its PIN, or change to the one in another slot.
    Sim {
        /// Of this modem only.
        modem: Option<String>,
        /// Change to the SIM in this slot; the link is down for up to four minutes.
        #[arg(long)]
        slot: Option<u8>,
        /// Give a SIM that wants its PIN the one on the first line of this file; - reads it from the standard input. A PIN
        /// that the SIM did not accept before is not given to it again, and none when fewer than two tries are left.
        #[arg(long, value_name = "FILE", conflicts_with = "slot")]
        pin_file: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send an AT command by hand: a question, or one that is known to ask only. Others are refused, with the reason.
    At {
        /// The command, such as AT+CSQ.
        line: String,
        /// Which modem.
        #[arg(long)]
        modem: Option<String>,
        /// How long it may take, up to 3m [default: 10s].
        #[arg(long = "for", value_name = "TIME", value_parser = at_limit)]
        limit: Option<Duration>,
        /// Send it although nobody knows what it does: it may change the modem for good, or take it away until a reset.
        /// What is known to break the session, or to use up a PIN's tries, is refused all the same.
        #[arg(long = "unsafe")]
        at_own_risk: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reset the modem, or carry out another rung of its recovery ladder, whatever its caps say.
    Reset {
        /// Which modem.
        modem: Option<String>,
        /// fence, reopen, bearer, register, radio, reset, usb or power [default: reset].
        #[arg(long)]
        rung: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try again at once what the modem's recovery waits with.
    Retry {
        /// Which modem.
        modem: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send and read short messages.
    #[command(subcommand)]
    Sms(SmsCommand),
}

/// What can be done with short messages.
#[derive(Debug, Subcommand)]
pub(super) enum SmsCommand {
    /// Send a message.
    Send {
        /// To whom: a number with its country code (+49…), or a short code.
        #[arg(allow_hyphen_values = true)]
        to: String,
        /// What it says.
        text: String,
        /// By which modem.
        #[arg(long)]
        modem: Option<String>,
    },
    /// Show the latest hundred messages that came, the newest last.
    List {
        /// To this modem.
        modem: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The longest that a modem takes for any command: a search for networks.
const MAX_AT: Duration = Duration::from_secs(180);

fn at_limit(text: &str) -> Result<Duration, String> {
    let limit = humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 10s or 2m"))?;
    if (Duration::from_secs(1)..=MAX_AT).contains(&limit) {
        return Ok(limit);
    }
    Err("a command takes from one second to three minutes".into())
}

/// Longer than the longest that the config allows, and the MCU caps it.
const MAX_MCU_LEASE: Duration = Duration::from_secs(24 * 3_600);

fn mcu_lease(text: &str) -> Result<Duration, String> {
    let lease = humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 10m or 1h"))?;
    if (Duration::from_secs(1)..=MAX_MCU_LEASE).contains(&lease) {
        return Ok(lease);
    }
    Err("a lease lasts from one second to a day".into())
}

fn lease(text: &str) -> Result<Duration, String> {
    let lease =
        humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 30s, 10m or 2h"))?;
    if lease < Duration::from_secs(1) {
        return Err("a lease lasts at least one second".into());
    }
    if lease > MAX_LEASE {
        return Err(
            "a lease lasts at most a year; leave --for out to hold the link until `shunt release`".into()
        );
    }
    Ok(lease)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    /// The documents that a user reads.
    const DOCUMENTS: [(&str, &str); 5] = [
        ("agent/RUNBOOK.md", include_str!("../../RUNBOOK.md")),
        ("README.md", include_str!("../../../README.md")),
        ("config/README.md", include_str!("../../../config/README.md")),
        ("modem/README.md", include_str!("../../../modem/README.md")),
        ("firmware/README.md", include_str!("../../../firmware/README.md")),
    ];

    #[test]
    fn every_command_in_the_documents_can_be_typed() {
        let mut typed = 0;
        for (document, text) in DOCUMENTS {
            // Lines of examples: without the remark, the prompt of a shell, and `sudo`.
            let lines = text.lines().map(|line| line.split("  #").next().unwrap_or("").trim());
            let commands =
                lines.map(|line| line.trim_start_matches("sudo ")).filter(|line| line.starts_with("shunt "));
            for command in commands.filter(|line| line.chars().any(|c| c == ' ')) {
                let words = command.split_whitespace().map(|word| word.trim_matches('"'));
                let result = Args::try_parse_from(words);
                assert!(
                    result.is_ok(),
                    "{document}: {command}: {}",
                    result.err().map(|e| e.to_string()).unwrap_or_default()
                );
                typed += 1;
            }
        }
        assert!(typed >= 12, "only {typed} commands were found");
    }

    #[test]
    fn a_lease_is_between_a_second_and_a_year() {
        assert_eq!(lease("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(lease("1h 30m"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "10", "soon", "-5m", "500ms", "0s", "400d"] {
            assert!(lease(wrong).is_err(), "{wrong}");
        }
    }
}

//! What a valid config means: the links, the modems, and every number that would be taken in the kernel.

use super::plan::Report;
use shunt_config::{Config, FailbackMode, Link};
use std::fmt::Write;
use std::path::Path;

/// Rules have this many priorities from `rule_base` on.
const RULES: u32 = 1_000;

pub(super) fn summary(file: &Path, config: &Config) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write(&mut text, file, config);
    text
}

fn write(out: &mut String, file: &Path, config: &Config) -> std::fmt::Result {
    let kernel = &config.kernel;
    writeln!(out, "{}: valid\n\nLinks, the preferred first:", file.display())?;
    let plans = Report::of(file, config);
    for ((place, link), plan) in (0u32..).zip(&config.links).zip(&plans.links) {
        let mark = (place + 1) << kernel.mark_mask.trailing_zeros().min(31);
        writeln!(out, "  {}", describe(link))?;
        writeln!(out, "    table {}, mark {mark:#x}", kernel.table_base + 1 + place)?;
        for line in plan.lines() {
            writeln!(out, "    {line}")?;
        }
    }
    if !plans.modems.is_empty() {
        writeln!(out, "\nModems:")?;
    }
    for modem in &plans.modems {
        for (number, line) in modem.lines().iter().enumerate() {
            let indent = if number == 0 { "  " } else { "    " };
            writeln!(out, "{indent}{line}")?;
        }
    }
    let failback = match config.failback.mode {
        FailbackMode::Auto => "by itself",
        FailbackMode::Window(_) => "in the maintenance window",
        FailbackMode::Manual => "by hand",
    };
    let hold_down = humantime::format_duration(config.failback.hold_down);
    writeln!(out, "\nFailback {failback}, after {hold_down} of good health.")?;
    writeln!(out, "\nOwned in the kernel while it runs, and nothing else:")?;
    writeln!(out, "  route protocol   {}", kernel.protocol)?;
    writeln!(out, "  uplink table     {}", kernel.table_base)?;
    writeln!(
        out,
        "  rule priorities  {} to {}",
        kernel.rule_base,
        kernel.rule_base.saturating_add(RULES - 1)
    )?;
    writeln!(out, "  mark bits        {:#x}", kernel.mark_mask)?;
    let interfaces: Vec<&str> = config.links.iter().map(|link| link.interface.as_str()).collect();
    writeln!(out, "  sysctls          rp_filter, ignore_routes_with_linkdown of {}", interfaces.join(", "))?;
    if config.canary.enabled {
        writeln!(out, "  interface        {} (canary)", config.canary.interface)?;
    }
    writeln!(
        out,
        "\nControl socket {}, for root and group {}.",
        config.agent.socket.display(),
        config.agent.group
    )
}

fn describe(link: &Link) -> String {
    let targets: Vec<String> = link.targets.iter().map(ToString::to_string).collect();
    let metered = if link.metered { " (metered)" } else { "" };
    let interval = humantime::format_duration(link.probe.interval);
    let standby = if link.metered {
        format!(", while it stands by every {}", humantime::format_duration(link.probe.standby_interval))
    } else {
        String::new()
    };
    format!("{} on {}{metered}: {} every {interval}{standby}", link.name, link.interface, targets.join(", "))
}

//! Reasons and happenings in the operator's words: the log, the events and the status say the same thing alike.

use super::names::Names;
use super::types::{Family, HostReset, ResetBy, Verdict};
use shunt_decision::{Fault, Happening, Incident, LinkId, Missing, ModemTrouble, Reason, Timestamp};
use std::time::Duration;
use tracing::Level;

/// Why, as a phrase without a capital or a full stop. `about` is the link whose verdict or choice it explains.
#[must_use]
pub fn reason(reason: &Reason, about: Option<LinkId>, names: &Names) -> String {
    match *reason {
        Reason::Starting => "the agent has just started".into(),
        Reason::Unmanaged => "no target of this family is configured".into(),
        Reason::Missing(missing) => lacking(missing, about, names),
        Reason::NoCarrier => match about {
            Some(link) => format!("no carrier on {}", names.interface(link)),
            None => "no carrier".into(),
        },
        Reason::Answering { alive, of } if alive == of && of > 1 => format!("all {of} targets answer"),
        Reason::Answering { alive, of } => format!("{alive} of {} {}", targets(of), answers(alive)),
        Reason::Late { deadline } => {
            format!("no reply within {}, later than it ever is", short(deadline))
        }
        Reason::Stalled { silence } => {
            format!("nothing came back for {} while users' packets were sent", short(silence))
        }
        Reason::ModemDoubtful(ModemTrouble::Registration) => {
            "the modem lost its registration in the network".into()
        }
        Reason::ModemDoubtful(ModemTrouble::Signal) => "the modem lost its signal".into(),
        Reason::Unresolved => "a target's name could not be resolved over the link".into(),
        Reason::Intercepted => "something on the way answered in the target's place: a captive portal".into(),
        Reason::Refused => "a target refused the probe or answered it wrongly".into(),
        Reason::Unsendable => match about {
            Some(link) => format!("a probe could not be sent over {}", names.interface(link)),
            None => "a probe could not be sent".into(),
        },
        Reason::ClockGap => "the machine slept or stood still, so nothing is known any more".into(),
        Reason::Silent { alive, of, lost } => {
            let silent = of.saturating_sub(alive);
            let probes = if lost == 1 { "probe" } else { "probes" };
            format!("{silent} of {} silent, {lost} confirming {probes} lost", targets(of))
        }
        Reason::Loss(loss) => format!("{:.1} % of the probes are lost", loss.value()),
        Reason::SlowRtt(rtt) => format!("round-trip time of {} is beyond its limit", short(rtt)),
        Reason::HighJitter(jitter) => format!("jitter of {} is beyond its limit", short(jitter)),
        Reason::OnTrial(trial) => format!("answers again, on trial for {}", short(trial)),
        Reason::Preferred => "first in the order of preference that is fit for traffic".into(),
        Reason::UplinkFailed { from } => format!("{} failed", names.link(from)),
        Reason::UplinkDegraded { from } => {
            format!("{} is degraded and this link is better", names.link(from))
        }
        Reason::UplinkDoubtful { from } => {
            format!("{} is in doubt, and this link, which is preferred, has proved good", names.link(from))
        }
        Reason::AllowanceUsedUp { link } => {
            format!("the data allowance of {} is used up: it is the last resort", names.link(link))
        }
        Reason::NotVerified { from } => {
            format!("no forwarded packet came back over {}", names.link(from))
        }
        Reason::NoAlternative => "no other link is fit for traffic".into(),
        Reason::HoldDown { .. }
        | Reason::WaitingForWindow { .. }
        | Reason::WaitingForOperator { .. }
        | Reason::FailedBack { .. }
        | Reason::Forced
        | Reason::ForceGivenUp { .. }
        | Reason::Released => return_of_traffic(reason, names),
    }
}

/// One sentence about what happened, without a full stop.
#[must_use]
pub fn happening(what: &Happening, names: &Names) -> String {
    match what {
        Happening::Verdict { link, family, to, reason: why, .. } => {
            let verb = match Verdict::from(*to) {
                Verdict::Failed => "failed".into(),
                other => format!("is {}", other.word()),
            };
            format!("{} {verb}: {}", on(*link, *family, names), reason(why, Some(*link), names))
        }
        Happening::Uplink { family, from, to, reason: why } => {
            let before = from.map_or_else(String::new, |from| format!(", was {}", names.link(from)));
            let family = Family::from(*family).name();
            format!("{family} uplink is now {}{before}: {}", names.link(*to), reason(why, Some(*to), names))
        }
        Happening::Target { link, target, blamed: true, .. } => {
            let target = names.target(*link, *target);
            format!(
                "target {target} is silent on every link though others answer; it does not count until it answers"
            )
        }
        Happening::Target { link, target, blamed: false, .. } => {
            format!("target {} answers again", names.target(*link, *target))
        }
        Happening::Stranded { family, link } => {
            let link = on(*link, *family, names);
            format!("outage: {link} failed and no other link is fit for traffic; the route stays where it is")
        }
        Happening::Force { link, reason: why } => lease(names.link(*link).as_ref(), why, names),
        Happening::Verified { family, link } => {
            // It may have been a local one: IPv6 has no other, nor has a host without TUN interfaces.
            format!("{} is proved: a packet came back over it", on(*link, *family, names))
        }
        Happening::Unverifiable { family, link } => {
            let link = on(*link, *family, names);
            format!(
                "{link} cannot be proved: no forwarded packet has ever come back over any link; \
                 let the firewall forward and translate the canary, or give it a free LAN address by [canary] source \
                 where nothing is translated, or set [canary] enabled = false"
            )
        }
        Happening::Incident(incident) => story(incident, names),
    }
}

/// A reset of the gateway, as a phrase.
#[must_use]
pub fn host_reset(reset: &HostReset) -> String {
    let by = match (reset.by, reset.silence_s) {
        (ResetBy::Mcu, Some(silence)) => format!("watchdog MCU (feeds missing for {silence} s)"),
        (ResetBy::Mcu, None) => "watchdog MCU (it was asked to)".into(),
        (ResetBy::Kernel, _) => "kernel's watchdog".into(),
    };
    let again = if reset.resets > 1 { format!(", {} times", reset.resets) } else { String::new() };
    format!("host reset by the {by}{again}")
}

/// How loudly a log should say it.
#[must_use]
pub const fn level(what: &Happening) -> Level {
    use shunt_decision::Verdict as Core;
    match what {
        Happening::Stranded { .. } => Level::ERROR,
        Happening::Verdict { to: Core::Failed | Core::Degraded, .. }
        | Happening::Unverifiable { .. }
        | Happening::Target { blamed: true, .. }
        | Happening::Force { reason: Reason::ForceGivenUp { .. }, .. }
        | Happening::Uplink { reason: Reason::UplinkFailed { .. } | Reason::NotVerified { .. }, .. } => {
            Level::WARN
        }
        _ => Level::INFO,
    }
}

/// A text of others' on one line: nothing in it may be a command to a terminal, or look like a line of its own.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A duration as people read it: three digits at most, in the unit that fits.
#[must_use]
pub fn short(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1_000.0;
    match duration.as_secs() {
        0 if millis < 9.95 => format!("{millis:.1} ms"),
        0 => format!("{millis:.0} ms"),
        seconds @ 1..10 if duration.subsec_millis() >= 50 => {
            format!("{:.1} s", (seconds * 1_000 + u64::from(duration.subsec_millis())) as f64 / 1_000.0)
        }
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn return_of_traffic(reason: &Reason, names: &Names) -> String {
    match *reason {
        Reason::HoldDown { waiting, left } => {
            format!("{} is back, but must stay good for another {}", names.link(waiting), short(left))
        }
        Reason::WaitingForWindow { waiting } => {
            format!("{} is back and waits for the maintenance window", names.link(waiting))
        }
        Reason::WaitingForOperator { waiting } => {
            let link = names.link(waiting);
            format!("{link} is back; failback is by hand (`shunt force {link}`)")
        }
        Reason::FailedBack { good_for } => format!("it stayed good for {}", short(good_for)),
        Reason::ForceGivenUp { link } => {
            format!("the lease on {} was given up, for it is confirmed dead", names.link(link))
        }
        Reason::Released => "the operator's lease ended".into(),
        _ => "forced by the operator".into(),
    }
}

fn lacking(missing: Missing, about: Option<LinkId>, names: &Names) -> String {
    let interface = match about {
        Some(link) => format!("interface {}", names.interface(link)),
        None => "the interface".into(),
    };
    match missing {
        Missing::Interface => format!("{interface} does not exist"),
        Missing::AdminUp => format!("{interface} is switched off"),
        Missing::Address => format!("{interface} has no usable address"),
        Missing::Bearer => format!("the modem behind {interface} has no bearer"),
        Missing::Gateway => format!("no default route was learned on {interface} and none is configured"),
    }
}

fn lease(link: &str, why: &Reason, names: &Names) -> String {
    match why {
        Reason::Forced => format!("{link} is forced by the operator"),
        Reason::Released => format!("the operator's lease on {link} ended; the agent chooses again"),
        Reason::ForceGivenUp { .. } => {
            format!(
                "the operator's lease on {link} is given up: the link is confirmed dead; the agent chooses again"
            )
        }
        other => format!("the operator's lease on {link}: {}", reason(other, None, names)),
    }
}

/// Where a failed link is broken, in brackets; nothing where the cause says it already.
const fn place(fault: Option<Fault>) -> &'static str {
    match fault {
        None | Some(Fault::Interface | Fault::Carrier | Fault::Portal) => "",
        Some(Fault::Gateway) => " (the gateway does not answer either)",
        Some(Fault::Provider) => " (broken at the provider)",
        Some(Fault::Dns) => " (only name resolution is broken)",
        Some(Fault::Modem) => " (the modem is at fault)",
        Some(Fault::Target) => " (broken at those targets, or on the way to them)",
    }
}

/// The incident as far as it has come.
fn story(incident: &Incident, names: &Names) -> String {
    let after = |at: Timestamp| short(at.since(incident.zero));
    let head = format!(
        "incident {}: {} left, {}{}",
        incident.number,
        on(incident.link, incident.family, names),
        reason(&incident.cause, Some(incident.link), names),
        place(incident.fault)
    );
    let mut stages = vec![format!("detected after {}", after(incident.detected))];
    if let Some(at) = incident.switched {
        let to = incident.to.map_or_else(String::new, |to| format!(" to {}", names.link(to)));
        stages.push(format!("switched{to} after {}", after(at)));
    }
    if let Some(at) = incident.restored {
        stages.push(format!("restored after {}", after(at)));
    }
    if let Some(at) = incident.recovered {
        stages.push(format!("link healthy again after {}", after(at)));
    }
    if let Some(at) = incident.ended {
        stages.push(format!("over after {}", after(at)));
    }
    format!("{head}; {}", stages.join(", "))
}

fn on(link: LinkId, family: shunt_decision::Family, names: &Names) -> String {
    format!("{} ({})", names.link(link), Family::from(family).name())
}

fn targets(count: u8) -> String {
    format!("{count} {}", if count == 1 { "target" } else { "targets" })
}

const fn answers(alive: u8) -> &'static str {
    if alive == 1 { "answers" } else { "answer" }
}

#[cfg(test)]
mod tests;

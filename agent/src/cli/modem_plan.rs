//! What the agent makes of each modem of a config, before it is looked for; no file of a secret is opened. `shunt check
//! --json` prints it as it is here; `agent/API.md` shows it.

use super::plan::size;
use serde::Serialize;
use shunt_config::{BearerAuth, BearerIp, Find, Modem, Sim};
use shunt_recovery::{RESETS_A_DAY, RESETS_AN_HOUR, Rung};
use std::time::Duration;

/// One modem.
#[derive(Debug, Serialize)]
pub(super) struct ModemReport {
    name: String,
    link: String,
    find: FindReport,
    /// The number of the context that carries the data.
    context: u8,
    /// `v4`, `v6` or `v4v6`.
    ip: &'static str,
    /// How often it is asked how it is.
    watch_s: u64,
    /// The preferred first.
    sims: Vec<SimReport>,
    /// How long another SIM than the preferred is used, unless it fails before; `null`: until it fails.
    return_after_s: Option<u64>,
    /// The recovery ladder, the gentlest first: what this modem and this config have for it.
    rungs: Vec<&'static str>,
    resets_an_hour: usize,
    resets_a_day: usize,
    /// Who may order by SMS.
    remote: Vec<String>,
}

/// Which modem is meant.
#[derive(Debug, Serialize)]
struct FindReport {
    /// `port`, `path`, `usb` or `imei`.
    by: &'static str,
    value: String,
}

/// One SIM.
#[derive(Debug, Serialize)]
struct SimReport {
    slot: Option<u8>,
    /// `null`: the subscription's own.
    apn: Option<String>,
    /// `none`, `pap` or `chap`.
    auth: &'static str,
    /// Where its PIN stands; `null`: it needs none.
    pin_file: Option<String>,
    /// Bytes in a billing month; `null`: as many as there are.
    allowance_bytes: Option<u64>,
    /// The day on which that begins anew.
    billing_day: u8,
}

impl ModemReport {
    pub(super) fn of(modem: &Modem) -> Self {
        let operators = modem.remote.iter().flat_map(|remote| &remote.operators);
        Self {
            name: modem.name.clone(),
            link: modem.link.clone(),
            find: FindReport::of(&modem.find),
            context: modem.context,
            ip: match modem.ip {
                BearerIp::V4 => "v4",
                BearerIp::V6 => "v6",
                BearerIp::V4V6 => "v4v6",
            },
            watch_s: modem.watch.as_secs(),
            sims: modem.sims.iter().map(SimReport::of).collect(),
            return_after_s: modem.return_after.map(|after| after.as_secs()),
            rungs: rungs(modem).collect(),
            resets_an_hour: RESETS_AN_HOUR,
            resets_a_day: RESETS_A_DAY,
            remote: operators.map(|operator| format!("{} ({})", operator.name, operator.number)).collect(),
        }
    }

    /// The modem's lines, the first one without an indent.
    pub(super) fn lines(&self) -> Vec<String> {
        let families = match self.ip {
            "v4" => "IPv4",
            "v6" => "IPv6",
            _ => "IPv4 and IPv6",
        };
        let mut lines = vec![
            format!("{} behind link {}: {}", self.name, self.link, self.find.words()),
            "its vendor's dialect is found out from what it says of itself; 3GPP's commands where none fits"
                .into(),
            format!(
                "data by context {} for {families}; where the modem serves no DHCP, addresses and MTU are set by the agent",
                self.context
            ),
        ];
        lines.extend(self.sims.iter().map(SimReport::line));
        if self.sims.len() > 1 {
            lines.push(match self.return_after_s {
                Some(after) => format!(
                    "the first SIM is preferred: another one is left for it after {}",
                    humantime::format_duration(Duration::from_secs(after))
                ),
                None => "the first SIM is preferred: another one is used until it fails".into(),
            });
        }
        lines.push(format!(
            "asked every {} s; brought back by {}, in this order",
            self.watch_s,
            self.rungs.join(", ")
        ));
        lines.push(format!(
            "resets: at most {} an hour and {} a day, over restarts",
            self.resets_an_hour, self.resets_a_day
        ));
        lines.push(
            "no reset against what is permanent (no SIM, PUK, a refused PIN, network, APN or login): a warning, and \
             another look each hour"
                .into(),
        );
        if !self.remote.is_empty() {
            lines.push(format!("orders by SMS: with rolling codes from {}", self.remote.join(", ")));
        }
        lines
    }
}

impl FindReport {
    fn of(find: &Find) -> Self {
        let (by, value) = match find {
            Find::Port(line) => ("port", line.display().to_string()),
            Find::Path(place) => ("path", place.clone()),
            Find::Usb { vendor, product } => ("usb", format!("{vendor:04x}:{product:04x}")),
            Find::Imei(imei) => ("imei", imei.clone()),
        };
        Self { by, value }
    }

    fn words(&self) -> String {
        let value = &self.value;
        match self.by {
            "port" => format!("the one on {value}"),
            "path" => format!("the one at {value} in sysfs, whatever its ports are called"),
            "usb" => format!("the only {value} on USB, whatever its ports are called"),
            _ => format!("the one with IMEI {value}, wherever it is"),
        }
    }
}

impl SimReport {
    fn of(sim: &Sim) -> Self {
        Self {
            slot: sim.slot,
            apn: sim.apn.clone(),
            auth: match sim.auth {
                BearerAuth::None => "none",
                BearerAuth::Pap => "pap",
                BearerAuth::Chap => "chap",
            },
            pin_file: sim.pin_file.as_ref().map(|file| file.display().to_string()),
            allowance_bytes: sim.allowance,
            billing_day: sim.billing_day,
        }
    }

    fn line(&self) -> String {
        let which = self.slot.map_or_else(|| "SIM".to_owned(), |slot| format!("SIM in slot {slot}"));
        let apn = match &self.apn {
            Some(apn) => format!("APN {apn}"),
            None => "the subscription's own APN".into(),
        };
        let login = match self.auth {
            "none" => String::new(),
            auth => format!(" with a login by {auth}"),
        };
        let pin = match &self.pin_file {
            Some(file) => format!("the PIN in {file} is given once, and again only after it was right"),
            None => "a PIN is never given".into(),
        };
        let allowance = match self.allowance_bytes {
            Some(bytes) => format!(
                "{} a month from day {} on, then the link is the last resort",
                size(bytes),
                self.billing_day
            ),
            None => "no allowance".into(),
        };
        format!("{which}: {apn}{login}; {pin}; {allowance}")
    }
}

/// What can be done to a modem of this config, in the words of `shunt modem reset --rung`. Those by command are skipped where
/// its dialect has none.
fn rungs(modem: &Modem) -> impl Iterator<Item = &'static str> {
    let on_line = matches!(modem.find, Find::Port(_));
    let (power, several) = (modem.power.is_some(), modem.sims.len() > 1);
    Rung::ALL.into_iter().filter_map(move |rung| match rung {
        Rung::Fence => Some("fence"),
        Rung::Reopen => Some("reopen"),
        Rung::Bearer => Some("bearer"),
        Rung::Register => Some("register"),
        Rung::Radio => Some("radio"),
        Rung::Reset => Some("reset"),
        Rung::Usb => (!on_line).then_some("usb"),
        Rung::Power => power.then_some("power"),
        Rung::Slot => several.then_some("the other SIM"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn report(keys: &str) -> ModemReport {
        let text =
            format!("[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n[[modem]]\nlink = \"lte\"\n{keys}\n");
        let config = shunt_config::parse(&text, Path::new("x.toml")).unwrap();
        ModemReport::of(&config.modems[0])
    }

    #[test]
    fn a_modem_on_a_line_has_neither_usb_nor_a_supply() {
        let report = report("port = \"/dev/ttyS1\"\nip = \"v4\"\nwatch = \"1m\"");
        assert_eq!(report.rungs, ["fence", "reopen", "bearer", "register", "radio", "reset"]);
        let lines = report.lines();
        assert_eq!(lines[0], "lte behind link lte: the one on /dev/ttyS1");
        assert!(lines[2].starts_with("data by context 1 for IPv4; "), "{lines:?}");
        assert_eq!(lines[3], "SIM: the subscription's own APN; a PIN is never given; no allowance");
        assert!(lines[4].starts_with("asked every 60 s; brought back by fence, "), "{lines:?}");
        assert_eq!(lines[5], "resets: at most 3 an hour and 10 a day, over restarts");
    }

    #[test]
    fn two_sims_a_supply_and_orders_by_sms_are_told() {
        let report = report(
            "name = \"q\"\nusb = \"2C7C:0125\"\nreturn_after = \"1h\"\n\
             [modem.power]\nchip = \"gpiochip0\"\nline = 17\n\
             [[modem.sim]]\nslot = 1\napn = \"internet\"\npin_file = \"/etc/shunt/pin\"\nallowance = \"5 GB\"\nbilling_day = 9\n\
             [[modem.sim]]\nslot = 2\nuser = \"me\"\npassword_file = \"/etc/shunt/password\"\nauth = \"chap\"\n\
             [modem.remote]\nenabled = true\noperators = [{ name = \"anna\", number = \"+491701234567\", secret_file = \"/etc/shunt/anna\" }]",
        );
        assert_eq!(report.rungs.get(6..), Some(["usb", "power", "the other SIM"].as_slice()));
        let text = report.lines().join("\n");
        for part in [
            "q behind link lte: the only 2c7c:0125 on USB",
            "SIM in slot 1: APN internet; the PIN in /etc/shunt/pin is given once",
            "5.00 GB a month from day 9 on, then the link is the last resort",
            "SIM in slot 2: the subscription's own APN with a login by chap; a PIN is never given; no allowance",
            "another one is left for it after 1h",
            "orders by SMS: with rolling codes from anna (+491701234567)",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }
}

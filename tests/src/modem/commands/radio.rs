//! The radio: on and off, registration, operator, signal, cell.

use super::{Answer, Effect, Modem};
use crate::modem::fault::Fault;
use crate::modem::line::{Call, Form};
use crate::modem::network::Service;

/// Access technology of LTE (3GPP TS 27.007, 7.2).
const LTE: u8 = 7;
/// The names of the three registrations, in the order of [`crate::modem::state::Radio::reports`].
pub(in crate::modem) const REGISTRATIONS: [&str; 3] = ["+CREG", "+CGREG", "+CEREG"];

const NOT_ALLOWED: u16 = 3;
const NO_SERVICE: u16 = 30;
const INVALID: u16 = 50;

impl Modem {
    pub(super) fn radio_command(&mut self, _port: usize, call: &Call) -> Option<Answer> {
        if let Some(which) = REGISTRATIONS.iter().position(|name| *name == call.name) {
            return Some(self.registration_command(which, call));
        }
        if let Some(answer) = self.measured(call) {
            return Some(answer);
        }
        Some(match (call.name.as_str(), &call.form) {
            ("+CFUN", Form::Read) => Answer::line(format!("+CFUN: {}", self.radio.function)),
            ("+CFUN", Form::Test) => Answer::line("+CFUN: (0,1,4),(0,1)"),
            ("+CFUN", Form::Set(_)) => match (call.number(0), call.number(1)) {
                (Some(1), Some(1)) => Answer::ok().does(Effect::Reset),
                (Some(function @ (0 | 1 | 4)), None | Some(0)) => {
                    Answer::ok().taking(self.profile.timing.radio).does(Effect::Radio(function as u8))
                }
                _ => Answer::cme(INVALID),
            },
            ("+COPS", _) => self.operator(call),
            ("+QSPN", Form::Run) if self.radio.registered() => {
                let name = &self.network.operator;
                Answer::line(format!("+QSPN: \"{name}\",\"{name}\",\"\",0,\"{}\"", self.network.plmn()))
            }
            ("+CEER", _) => Answer::line(match self.radio.cause {
                0 => "+CEER: No cause information available".into(),
                cause => format!("+CEER: EMM cause {cause}"),
            }),
            ("+CMER", _) => Self::setting(call, "(0,3),(0),(0),(0,1)", "0,0,0,0"),
            ("+WS46", _) => Self::setting(call, "(12,22,25,28)", "25"),
            _ => return None,
        })
    }

    /// What it measures.
    fn measured(&mut self, call: &Call) -> Option<Answer> {
        let signal = self.network.signal;
        let heard = self.hears();
        Some(match (call.name.as_str(), &call.form) {
            ("+CSQ", Form::Run) => {
                let level = if heard { signal.csq() } else { 99 };
                Answer::line(format!("+CSQ: {level},99"))
            }
            ("+CSQ", _) => Answer::line("+CSQ: (0-31,99),(0-7,99)"),
            ("+CESQ", Form::Run) => {
                let (rsrq, rsrp) = if heard { signal.cesq() } else { (255, 255) };
                Answer::line(format!("+CESQ: 99,99,255,255,{rsrq},{rsrp}"))
            }
            ("+CESQ", _) => {
                Answer::line("+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-49,255),(0-34,255),(0-97,255)")
            }
            ("+QCSQ", Form::Run | Form::Read) => Answer::line(if heard {
                let sinr = (signal.sinr + 20) * 5;
                format!("+QCSQ: \"LTE\",{},{},{sinr},{}", signal.rssi, signal.rsrp, signal.rsrq)
            } else {
                "+QCSQ: \"NOSERVICE\"".into()
            }),
            ("+QENG", Form::Set(_)) => self.serving_cell(call),
            ("+QNWINFO", Form::Run) => Answer::line(if heard {
                let network = &self.network;
                let band = format!("LTE BAND {}", network.band);
                format!("+QNWINFO: \"FDD LTE\",\"{}\",\"{band}\",{}", network.plmn(), network.earfcn)
            } else {
                "+QNWINFO: No Service".into()
            }),
            ("+QCAINFO", Form::Run | Form::Read) if heard => {
                let network = &self.network;
                let strength = format!("{},{},{},{}", signal.rsrp, signal.rsrq, signal.rssi, signal.sinr);
                let (channel, band) = (network.earfcn, network.band);
                Answer::line(format!(
                    "+QCAINFO: \"PCC\",{channel},75,\"LTE BAND {band}\",1,{},{strength}",
                    network.pci
                ))
            }
            ("+QCAINFO", _) => Answer::ok(),
            ("+CIND", Form::Test) => {
                Answer::line("+CIND: (\"signal\",(0-5)),(\"service\",(0,1)),(\"roam\",(0,1))")
            }
            ("+CIND", Form::Read) => {
                let bars = if heard { signal.csq() / 6 } else { 0 };
                let (service, roams) = (u8::from(self.radio.registered()), u8::from(self.radio.stat == 5));
                Answer::line(format!("+CIND: {bars},{service},{roams}"))
            }
            _ => return None,
        })
    }

    /// Whether a network can be measured at all.
    fn hears(&self) -> bool {
        let unheard = self.faults.iter().any(|fault| matches!(fault, Fault::Unheard(_)));
        self.radio.function == 1 && self.network.service != Service::None && !unheard
    }

    fn registration_command(&mut self, which: usize, call: &Call) -> Answer {
        let name = &call.name;
        let Some(report) = self.radio.reports.get(which).copied() else { return Answer::error() };
        match call.form {
            Form::Test => Answer::line(format!("{name}: (0-{})", if which == 2 { 3 } else { 2 })),
            Form::Read => Answer::line(format!("{name}: {report},{}", self.registration(report))),
            Form::Run => Answer::error(),
            Form::Set(_) => match call.number(0).and_then(|n| u8::try_from(n).ok()) {
                Some(wanted @ 0..=3) if wanted < 3 || which == 2 => {
                    if let Some(report) = self.radio.reports.get_mut(which) {
                        *report = wanted;
                    }
                    Answer::ok()
                }
                _ => Answer::cme(INVALID),
            },
        }
    }

    /// The registration as it is reported: with the cell from 2 on, with the cause of a refusal at 3.
    pub(in crate::modem) fn registration(&self, report: u8) -> String {
        let stat = self.radio.stat;
        match (report, stat) {
            (2 | 3, 1 | 5) => {
                format!("{stat},\"{:04X}\",\"{:X}\",{LTE}", self.network.tac, self.network.cell)
            }
            (3, 3) => format!("{stat},,,,0,{}", self.radio.cause),
            _ => stat.to_string(),
        }
    }

    fn operator(&mut self, call: &Call) -> Answer {
        let timing = self.profile.timing;
        match &call.form {
            Form::Read if self.radio.registered() => {
                let name = match self.radio.name_format {
                    2 => self.network.plmn(),
                    _ => self.network.operator.clone(),
                };
                let Self { radio, .. } = self;
                Answer::line(format!("+COPS: {},{},\"{name}\",{LTE}", radio.selection, radio.name_format))
            }
            Form::Read => Answer::line(format!("+COPS: {}", self.radio.selection)),
            Form::Test if self.radio.function != 1 => Answer::cme(NOT_ALLOWED),
            Form::Test => {
                let network = &self.network;
                let (name, plmn) = (&network.operator, network.plmn());
                let state = if self.radio.registered() { 2 } else { 1 };
                let found = match network.service {
                    Service::None => String::new(),
                    _ => format!("({state},\"{name}\",\"{name}\",\"{plmn}\",{LTE}),"),
                };
                // A search takes longer than anything else a modem does.
                Answer::line(format!(
                    "+COPS: {found}(3,\"T-Mobile USA, In\",\"T-Mobile\",\"310260\",0),,(0-4),(0-2)"
                ))
                .taking(timing.register * 8)
            }
            Form::Set(_) => match (call.number(0), call.number(1)) {
                (Some(3), Some(format @ 0..=2)) => {
                    self.radio.name_format = format as u8;
                    Answer::ok()
                }
                (Some(mode @ (0 | 2)), _) => {
                    Answer::ok().taking(timing.radio).does(Effect::Selection(mode as u8))
                }
                (Some(1 | 4), _) if call.text(2) == self.network.plmn() => {
                    Answer::ok().taking(timing.radio).does(Effect::Selection(1))
                }
                (Some(1 | 4), _) => Answer::cme(NO_SERVICE).taking(timing.register),
                _ => Answer::cme(INVALID),
            },
            Form::Run => Answer::error(),
        }
    }

    fn serving_cell(&self, call: &Call) -> Answer {
        if call.text(0) != "servingcell" {
            return Answer::ok();
        }
        let state = match (self.hears(), self.radio.stat) {
            (false, _) => return Answer::line("+QENG: \"servingcell\",\"SEARCH\""),
            (true, 1 | 5) if self.bearer().addresses.is_some() => "CONNECT",
            (true, 1 | 5) => "NOCONN",
            (true, _) => "LIMSRV",
        };
        let network = &self.network;
        let signal = network.signal;
        Answer::line(format!(
            "+QENG: \"servingcell\",\"{state}\",\"LTE\",\"FDD\",{},{},{:X},{},{},{},5,5,{:X},{},{},{},{},{}",
            network.mcc,
            network.mnc,
            network.cell,
            network.pci,
            network.earfcn,
            network.band,
            network.tac,
            signal.rsrp,
            signal.rsrq,
            signal.rssi,
            // This firmware's scale: fifths of a decibel from −20 on.
            (signal.sinr + 20) * 5,
            signal.csq(),
        ))
    }
}

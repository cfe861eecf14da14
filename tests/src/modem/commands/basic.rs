//! Identity, echo, settings of the port, power, clock.

use super::{Answer, Effect, End, Modem};
use crate::modem::line::{Call, Form};
use crate::modem::terminal::Mode;

impl Modem {
    pub(super) fn basic(&mut self, port: usize, call: &Call) -> Option<Answer> {
        if let Some(answer) = self.identity(call) {
            return Some(answer);
        }
        Some(match (call.name.as_str(), &call.form) {
            ("E", _) => self.set_terminal(port, |terminal| terminal.echo = call.number(0) == Some(1)),
            ("+CMEE", Form::Set(_)) => {
                let causes = call.number(0).and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 2);
                let Some(causes) = causes else { return Some(Answer::cme(50)) };
                self.set_terminal(port, |terminal| terminal.causes = causes)
            }
            ("+CMEE", Form::Read) => {
                let causes = self.ports.get(port).map_or(0, |terminal| terminal.causes);
                Answer::line(format!("+CMEE: {causes}"))
            }
            ("+CMEE", _) => Answer::line("+CMEE: (0-2)"),
            ("Z" | "&F", _) => self.set_terminal(port, |terminal| {
                terminal.echo = true;
                terminal.causes = 1;
            }),
            ("V" | "Q" | "X" | "&C" | "&D" | "&W" | "L" | "M" | "&K" | "&S", _) => Answer::ok(),
            (name, Form::Read) if name.starts_with('S') => Answer::line("000"),
            (name, _) if name.starts_with('S') => Answer::ok(),
            ("+CSCS", _) => self.charset(call),
            ("+IFC", _) => Self::setting(call, "(0,2),(0,2)", "0,0"),
            ("+ICF", _) => Self::setting(call, "(3),(3)", "3,3"),
            ("+IPR", _) => Self::setting(call, "(),(9600,115200)", "115200"),
            ("+CLIP" | "+COLP" | "+CRC" | "+CCWA" | "+CLIR" | "+CUSD" | "+CTZR" | "+CTZU", _) => {
                Self::setting(call, "(0,1)", "0")
            }
            ("+CCLK", Form::Read) => Answer::line(format!("+CCLK: \"{}\"", self.clock())),
            ("+CCLK", _) => Answer::ok(),
            ("+CPAS", _) => Self::setting(call, "(0,3,4)", "0"),
            ("+QCFG", Form::Set(_)) if call.text(0) == "usbnet" && call.text(1).is_empty() => {
                Answer::line("+QCFG: \"usbnet\",1")
            }
            ("+QCFG" | "+QURCCFG", Form::Set(_)) => Answer::ok(),
            ("+QTEMP", _) => {
                Answer::line(format!("+QTEMP: {0},{0},{1}", self.temperature, self.temperature - 2))
            }
            ("+QPOWD", _) => Answer::ok().does(Effect::PowerOff),
            ("H", _) | ("+CHUP", Form::Run) => Answer::ok().does(Effect::HangUp),
            ("O", _) => match self.packet.call {
                Some((on, _)) if on == port => {
                    Answer { turn: super::Turn::Data, ..Answer::end(End::Connect) }
                }
                Some(_) | None => Answer::end(End::NoCarrier),
            },
            _ => return None,
        })
    }

    /// What it is.
    fn identity(&self, call: &Call) -> Option<Answer> {
        let profile = &self.profile;
        let read_only = |text: &str| match call.form {
            Form::Test => Answer::ok(),
            _ => Answer::line(text),
        };
        Some(match (call.name.as_str(), &call.form) {
            ("I", _) => Answer::lines(vec![
                profile.manufacturer.clone(),
                profile.model.clone(),
                format!("Revision: {}", profile.revision),
            ]),
            ("+CGMI" | "+GMI", _) => read_only(&profile.manufacturer),
            ("+CGMM" | "+GMM", _) => read_only(&profile.model),
            ("+CGMR" | "+GMR", _) => read_only(&profile.revision),
            ("+QGMR", _) => read_only(&format!("{}_01.001.01.001", profile.revision)),
            ("+CGSN" | "+GSN", _) => read_only(&profile.imei),
            ("+GCAP", _) => Answer::line("+GCAP: +CGSM"),
            _ => return None,
        })
    }

    fn charset(&mut self, call: &Call) -> Answer {
        match call.form {
            Form::Read => Answer::line(format!("+CSCS: \"{}\"", self.messages.charset)),
            Form::Set(_) if ["GSM", "IRA", "UCS2"].contains(&call.text(0)) => {
                self.messages.charset = call.text(0).to_owned();
                Answer::ok()
            }
            Form::Set(_) => Answer::cme(50),
            Form::Test | Form::Run => Answer::line("+CSCS: (\"GSM\",\"IRA\",\"UCS2\")"),
        }
    }

    fn set_terminal(
        &mut self,
        port: usize,
        set: impl FnOnce(&mut crate::modem::terminal::Terminal),
    ) -> Answer {
        if let Some(terminal) = self.ports.get_mut(port) {
            debug_assert!(terminal.mode == Mode::Command, "a command ran on a port that was busy");
            set(terminal);
        }
        Answer::ok()
    }
}

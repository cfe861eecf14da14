//! Bearers: contexts, what they were given, and who uses them.

use super::{Answer, Effect, End, Modem, Turn};
use crate::modem::line::{Call, Form};
use crate::modem::network::Addresses;
use crate::modem::state::Context;
use std::net::{Ipv4Addr, Ipv6Addr};

const NO_SERVICE: u16 = 30;
const INVALID: u16 = 50;
/// `+CME ERROR` is 100 more than the cause of TS 24.301: 27, missing or unknown APN.
const UNKNOWN_APN: u16 = 127;
/// 34, service option temporarily out of order.
const OUT_OF_ORDER: u16 = 134;
/// Contexts of an EC25.
const MAX_CONTEXT: u8 = 16;

impl Modem {
    pub(super) fn packet_command(&mut self, port: usize, call: &Call) -> Option<Answer> {
        let bearer_time = self.profile.timing.bearer;
        Some(match (call.name.as_str(), &call.form) {
            ("+CGATT", Form::Read) => Answer::line(format!("+CGATT: {}", u8::from(self.radio.registered()))),
            ("+CGATT", Form::Set(_)) => {
                Answer::ok().taking(self.profile.timing.radio).does(Effect::Attach(call.number(0) == Some(1)))
            }
            ("+CGATT", _) => Answer::line("+CGATT: (0,1)"),
            ("+CGDCONT", _) => self.define(call),
            ("+QICSGP", Form::Set(_)) => self.define_with_login(call),
            ("+CGAUTH", Form::Set(_)) => self.set_login(call),
            ("+CGACT", Form::Read) => Answer::lines(
                self.packet
                    .contexts
                    .keys()
                    .map(|id| format!("+CGACT: {id},{}", u8::from(self.packet.is_active(*id))))
                    .collect(),
            ),
            ("+CGACT", Form::Set(_)) => {
                let id = context_id(call.text(1)).unwrap_or(1);
                match call.number(0) {
                    // 27.007, 10.1.10, of EPS: the end of the last connection is refused.
                    Some(0) if self.profile.keeps_last => Answer::error(),
                    Some(0) => Answer::ok().taking(bearer_time).does(Effect::Deactivate(id)),
                    Some(1) => match self.bearer_fault(id) {
                        Some(cause) => Answer::cme(cause).taking(bearer_time),
                        None => Answer::ok().taking(bearer_time).does(Effect::Activate(id)),
                    },
                    _ => Answer::cme(INVALID),
                }
            }
            ("+CGACT", _) => Answer::line("+CGACT: (0,1)"),
            ("+CGPADDR", Form::Test) => Answer::line("+CGPADDR: (1)"),
            ("+CGPADDR", _) => self.per_context(call, |id, _, given| Some(given_addresses(id, given))),
            ("+CGCONTRDP", Form::Test) => Answer::line("+CGCONTRDP: (1)"),
            ("+CGCONTRDP", _) => self.per_context(call, parameters),
            ("+CGEREP", Form::Set(_)) => {
                self.packet.events = call.number(0).is_some_and(|mode| mode > 0);
                Answer::ok()
            }
            ("+CGEREP", _) => Self::setting(call, "(0-2),(0,1)", "0,0"),
            ("+QNETDEVCTL", _) => self.interface_command(call),
            ("+QNETDEVSTATUS", _) => self.interface_status(),
            ("D", Form::Set(_)) => self.dial(port, call.text(0)),
            ("+CGDATA", Form::Set(_)) => self.dial_context(port, context_id(call.text(1)).unwrap_or(1)),
            ("+CGDATA", _) => Answer::line("+CGDATA: (\"PPP\")"),
            ("+QGDCNT", Form::Read) => {
                Answer::line(format!("+QGDCNT: {},{}", self.packet.usage.0, self.packet.usage.1))
            }
            ("+QGDCNT", Form::Set(_)) if call.number(0) == Some(0) => {
                self.packet.usage = (0, 0);
                Answer::ok()
            }
            ("+QGDCNT" | "+QAUGDCNT", _) => Answer::ok(),
            _ => return None,
        })
    }

    /// The name that the network granted the first context, while it is up.
    #[must_use]
    pub fn granted(&self) -> Option<&str> {
        let first = self.packet.contexts.values().next()?;
        first.addresses.as_ref().map(|_| first.granted.as_str())
    }

    /// The login that is stored for the first context: name and password.
    #[must_use]
    pub fn login(&self) -> Option<(&str, &str)> {
        let (user, password, _) = &self.packet.contexts.values().next()?.login;
        Some((user, password))
    }

    /// How many bearers came up so far.
    #[must_use]
    pub const fn bearers(&self) -> usize {
        self.packet.given
    }

    /// Why a bearer cannot come up now.
    fn bearer_fault(&self, id: u8) -> Option<u16> {
        if let Some(cause) = self.card_fault() {
            return Some(cause);
        }
        let Some(context) = self.packet.contexts.get(&id) else { return Some(INVALID) };
        if !self.radio.registered() {
            Some(NO_SERVICE)
        } else if self.refuses_bearers() {
            Some(OUT_OF_ORDER)
        } else if !self.network.serves(&context.apn) {
            Some(UNKNOWN_APN)
        } else {
            None
        }
    }

    fn define(&mut self, call: &Call) -> Answer {
        match &call.form {
            Form::Test => Answer::lines(
                ["IP", "IPV6", "IPV4V6"]
                    .map(|kind| format!("+CGDCONT: (1-{MAX_CONTEXT}),\"{kind}\",,,(0-2),(0-4),(0-1),(0-1)"))
                    .to_vec(),
            ),
            Form::Read => Answer::lines(
                self.packet
                    .contexts
                    .iter()
                    .map(|(id, context)| {
                        format!("+CGDCONT: {id},\"{}\",\"{}\",\"0.0.0.0\",0,0,0,0", context.kind, context.apn)
                    })
                    .collect(),
            ),
            Form::Run => Answer::error(),
            Form::Set(arguments) => {
                let Some(id) = context_id(call.text(0)) else { return Answer::cme(INVALID) };
                if arguments.len() == 1 {
                    self.packet.contexts.remove(&id);
                    return Answer::ok();
                }
                let kind = call.text(1).to_ascii_uppercase();
                if !["IP", "IPV6", "IPV4V6"].contains(&kind.as_str()) {
                    return Answer::cme(INVALID);
                }
                let context = self.packet.contexts.entry(id).or_default();
                context.kind = kind;
                context.apn = call.text(2).to_owned();
                Answer::ok()
            }
        }
    }

    /// `+QICSGP=<cid>,<kind>,<apn>,<user>,<password>,<authentication>`.
    fn define_with_login(&mut self, call: &Call) -> Answer {
        let Some(id) = context_id(call.text(0)) else { return Answer::cme(INVALID) };
        let context = self.packet.contexts.entry(id).or_default();
        context.kind = match call.number(1) {
            Some(2) => "IPV6",
            Some(3) => "IPV4V6",
            _ => "IP",
        }
        .into();
        context.apn = call.text(2).to_owned();
        let kind = call.number(5).and_then(|kind| u8::try_from(kind).ok()).unwrap_or(0);
        context.login = (call.text(3).to_owned(), call.text(4).to_owned(), kind);
        Answer::ok()
    }

    /// `+CGAUTH=<cid>,<kind>,<user>,<password>`.
    fn set_login(&mut self, call: &Call) -> Answer {
        let Some(context) = context_id(call.text(0)).and_then(|id| self.packet.contexts.get_mut(&id)) else {
            return Answer::cme(INVALID);
        };
        let kind = call.number(1).and_then(|kind| u8::try_from(kind).ok()).unwrap_or(0);
        context.login = (call.text(2).to_owned(), call.text(3).to_owned(), kind);
        Answer::ok()
    }

    /// Lines about one context, or about all that are active.
    fn per_context(&self, call: &Call, tell: impl Fn(u8, &Context, &Addresses) -> Option<String>) -> Answer {
        let asked = context_id(call.text(0));
        let contexts = self.packet.contexts.iter().filter(|(id, _)| asked.is_none_or(|asked| asked == **id));
        let lines = contexts.filter_map(|(id, context)| tell(*id, context, context.addresses.as_ref()?));
        Answer::lines(
            lines.collect::<Vec<_>>().iter().flat_map(|text| text.lines().map(str::to_owned)).collect(),
        )
    }

    /// `+QNETDEVCTL=<op>,<cid>,<report>`: 0 disconnects, 1 connects, 3 connects and stays so.
    fn interface_command(&mut self, call: &Call) -> Answer {
        let time = self.profile.timing.bearer;
        match &call.form {
            Form::Test => Answer::line("+QNETDEVCTL: (0,1,3),(1-16),(0,1)"),
            Form::Read | Form::Run => {
                let (id, told) = self.packet.interface.unwrap_or((0, false));
                let on = u8::from(self.packet.interface.is_some());
                Answer::line(format!("+QNETDEVCTL: {on},{id},{},{on}", u8::from(told)))
            }
            Form::Set(_) => {
                let id = context_id(call.text(1)).unwrap_or(1);
                match call.number(0) {
                    Some(0) => Answer::ok().taking(time).does(Effect::Interface(None)),
                    Some(1 | 3) => match self.bearer_fault(id) {
                        Some(cause) => Answer::cme(cause).taking(time),
                        None => {
                            let attach = Effect::Interface(Some((id, call.number(2) == Some(1))));
                            Answer::ok().taking(time).does(Effect::Activate(id)).does(attach)
                        }
                    },
                    _ => Answer::cme(INVALID),
                }
            }
        }
    }

    fn interface_status(&self) -> Answer {
        let id = self.packet.interface.map(|(id, _)| id);
        let given =
            id.and_then(|id| self.packet.contexts.get(&id)).and_then(|context| context.addresses.as_ref());
        let Some((address, length)) = given.and_then(|given| given.v4) else {
            return Answer::line("+QNETDEVSTATUS: 0");
        };
        let gateway = given.and_then(|given| given.gateway_v4).unwrap_or(Ipv4Addr::UNSPECIFIED);
        Answer::line(format!("+QNETDEVSTATUS: 1,\"{address}\",\"{}\",\"{gateway}\"", mask_v4(length)))
    }

    fn dial(&mut self, port: usize, number: &str) -> Answer {
        let data = number.trim_end_matches(';').strip_prefix("*99").and_then(|rest| rest.strip_suffix('#'));
        match data {
            Some(rest) => {
                let id = rest.rsplit('*').next().and_then(context_id).unwrap_or(1);
                self.dial_context(port, id)
            }
            None => Answer::end(End::NoCarrier).taking(self.profile.timing.bearer),
        }
    }

    fn dial_context(&mut self, port: usize, id: u8) -> Answer {
        let time = self.profile.timing.bearer;
        if self.bearer_fault(id).is_some() || self.packet.call.is_some() {
            return Answer::end(End::NoCarrier).taking(time);
        }
        let answer = Answer { turn: Turn::Data, ..Answer::end(End::Connect) };
        answer.taking(time).does(Effect::Activate(id)).does(Effect::Call(port, id))
    }
}

fn context_id(text: &str) -> Option<u8> {
    text.parse().ok().filter(|id| (1..=MAX_CONTEXT).contains(id))
}

fn given_addresses(id: u8, given: &Addresses) -> String {
    let v4 = given.v4.map(|(address, _)| format!(",\"{address}\""));
    let v6 = given.v6.map(|(address, _)| format!(",\"{}\"", dotted(&address.octets())));
    format!("+CGPADDR: {id}{}{}", v4.unwrap_or_default(), v6.unwrap_or_default())
}

/// `+CGCONTRDP` (3GPP TS 27.007, 10.1.23): a line per family, addresses and masks in dotted numbers.
fn parameters(id: u8, context: &Context, given: &Addresses) -> Option<String> {
    let apn = &context.granted;
    let dns = |v6: bool| {
        let mut servers =
            given.dns.iter().filter(|server| server.is_ipv6() == v6).map(|server| match server {
                std::net::IpAddr::V4(v4) => v4.to_string(),
                std::net::IpAddr::V6(v6) => dotted(&v6.octets()),
            });
        format!("\"{}\",\"{}\"", servers.next().unwrap_or_default(), servers.next().unwrap_or_default())
    };
    let mut lines = Vec::new();
    if let Some((address, length)) = given.v4 {
        let gateway = given.gateway_v4.map(|gateway| gateway.to_string()).unwrap_or_default();
        let local = format!("{address}.{}", mask_v4(length));
        let mtu = given.mtu;
        lines.push(format!(
            "+CGCONTRDP: {id},5,\"{apn}\",\"{local}\",\"{gateway}\",{},\"\",\"\",0,0,{mtu}",
            dns(false)
        ));
    }
    if let Some((address, length)) = given.v6 {
        let gateway = given.gateway_v6.map(|gateway| dotted(&gateway.octets())).unwrap_or_default();
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        let local = format!("{}.{}", dotted(&address.octets()), dotted(&Ipv6Addr::from(mask).octets()));
        lines.push(format!("+CGCONTRDP: {id},5,\"{apn}\",\"{local}\",\"{gateway}\",{}", dns(true)));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn mask_v4(length: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0))
}

fn dotted(octets: &[u8]) -> String {
    octets.iter().map(u8::to_string).collect::<Vec<_>>().join(".")
}

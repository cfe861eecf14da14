//! The expressions of a rule, as far as they decide where a packet that is forwarded goes.
//!
//! Source: linux/netfilter/nf_tables.h. Numbers are big-endian; what is compared is in the order in which the kernel
//! keeps it.

use super::read::{be32, nested, text};

/// What stands in an expression's list: its name and its data.
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
/// Inside of data: a value or a verdict.
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
/// `NFT_REG_VERDICT`: what is written there decides.
const VERDICT_REGISTER: u32 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// Something of the packet into a register.
    Load {
        to: usize,
        what: Load,
    },
    /// A constant into a register.
    Set {
        to: usize,
        value: Vec<u8>,
    },
    /// `to = from & mask ^ flip`.
    Mask {
        from: usize,
        to: usize,
        mask: Vec<u8>,
        flip: Vec<u8>,
    },
    /// Goes on only if the register holds (or does not hold) this.
    Compare {
        from: usize,
        equal: bool,
        value: Vec<u8>,
    },
    /// Goes on only if the register's value is (or is not) in the set; a map decides at once.
    Lookup {
        from: usize,
        set: String,
        invert: bool,
        decides: bool,
    },
    Decide(Verdict),
    /// The packet gets another source.
    Translate,
    /// Changes nothing of the way.
    Passing,
    /// Never goes on for the first packet of a flow.
    Never,
    /// May or may not go on.
    Unknown,
}

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    InName,
    InIndex,
    OutName,
    OutIndex,
    /// The family: 2 or 10.
    Family,
    /// Octets of the network header.
    Network {
        offset: u32,
        length: u32,
    },
    /// What connection tracking knows: the flow is new.
    State,
    /// What became of the flow: nothing yet.
    Status,
    Else,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Return,
    Continue,
    Jump(String),
    Goto(String),
}

/// Reads the expression in one element of a rule's list.
pub(super) fn read(element: &[u8]) -> Expression {
    let name = nested(element, EXPR_NAME).map(text).unwrap_or_default();
    let data = nested(element, EXPR_DATA).unwrap_or_default();
    let read = match name.as_str() {
        "meta" => meta(data),
        "ct" => ct(data),
        "payload" => payload(data),
        "cmp" => compare(data),
        "bitwise" => bitwise(data),
        "lookup" => lookup(data),
        "immediate" => immediate(data),
        "masq" => Some(Expression::Translate),
        "nat" => nat(data),
        "target" => nested(data, 1).map(|name| target(&text(name))),
        "reject" => Some(Expression::Decide(Verdict::Drop)),
        "match" => nested(data, 1).and_then(|name| matching(&text(name), data)),
        "counter" | "log" | "notrack" | "flow_offload" | "objref" | "dup" | "dynset" | "last" => {
            Some(Expression::Passing)
        }
        _ => None,
    };
    read.unwrap_or(Expression::Unknown)
}

/// A register's place among the 64 octets: 1 to 4 have 16 each, 8 to 23 have 4 each.
fn register(number: u32) -> Option<usize> {
    let place = match number {
        1..=4 => (number - 1) * 16,
        8..=23 => (number - 8) * 4,
        _ => return None,
    };
    usize::try_from(place).ok()
}

fn register_in(data: &[u8], attribute: u16) -> Option<usize> {
    register(be32(nested(data, attribute)?)?)
}

fn meta(data: &[u8]) -> Option<Expression> {
    const DREG: u16 = 1;
    const KEY: u16 = 2;
    let Some(to) = register_in(data, DREG) else {
        // It sets something (a mark, a priority).
        return Some(Expression::Passing);
    };
    let what = match be32(nested(data, KEY)?)? {
        4 => Load::InIndex,
        5 => Load::OutIndex,
        6 => Load::InName,
        7 => Load::OutName,
        15 => Load::Family,
        _ => Load::Else,
    };
    Some(Expression::Load { to, what })
}

fn ct(data: &[u8]) -> Option<Expression> {
    const DREG: u16 = 1;
    const KEY: u16 = 2;
    let Some(to) = register_in(data, DREG) else { return Some(Expression::Passing) };
    let what = match be32(nested(data, KEY)?)? {
        0 => Load::State,
        2 => Load::Status,
        _ => Load::Else,
    };
    Some(Expression::Load { to, what })
}

fn payload(data: &[u8]) -> Option<Expression> {
    const NETWORK_HEADER: u32 = 1;
    let Some(to) = register_in(data, 1) else { return Some(Expression::Passing) };
    let number = |attribute| be32(nested(data, attribute)?);
    let what = match number(2)? {
        NETWORK_HEADER => Load::Network { offset: number(3)?, length: number(4)? },
        _ => Load::Else,
    };
    Some(Expression::Load { to, what })
}

fn compare(data: &[u8]) -> Option<Expression> {
    let equal = match be32(nested(data, 2)?)? {
        0 => true,
        1 => false,
        _ => return None,
    };
    let value = nested(nested(data, 3)?, DATA_VALUE)?.to_vec();
    Some(Expression::Compare { from: register_in(data, 1)?, equal, value })
}

fn bitwise(data: &[u8]) -> Option<Expression> {
    const MASK_AND_FLIP: u32 = 0;
    if nested(data, 6).and_then(be32).unwrap_or(MASK_AND_FLIP) != MASK_AND_FLIP {
        return None;
    }
    let value = |attribute| Some(nested(nested(data, attribute)?, DATA_VALUE)?.to_vec());
    let (from, to) = (register_in(data, 1)?, register_in(data, 2)?);
    Some(Expression::Mask { from, to, mask: value(4)?, flip: value(5)? })
}

fn lookup(data: &[u8]) -> Option<Expression> {
    const INVERT: u32 = 1;
    let decides = match nested(data, 3).and_then(be32) {
        None => false,
        Some(VERDICT_REGISTER) => true,
        // A map to data: the value is not known, and it may hold nothing.
        Some(_) => return None,
    };
    let flags = nested(data, 5).and_then(be32).unwrap_or(0);
    let set = text(nested(data, 1)?);
    Some(Expression::Lookup { from: register_in(data, 2)?, set, invert: flags & INVERT != 0, decides })
}

fn immediate(data: &[u8]) -> Option<Expression> {
    let number = be32(nested(data, 1)?)?;
    let content = nested(data, 2)?;
    if number == VERDICT_REGISTER {
        return verdict(content).map(Expression::Decide);
    }
    Some(Expression::Set { to: register(number)?, value: nested(content, DATA_VALUE)?.to_vec() })
}

fn nat(data: &[u8]) -> Option<Expression> {
    const SOURCE: u32 = 0;
    let kind = be32(nested(data, 1)?)?;
    Some(if kind == SOURCE { Expression::Translate } else { Expression::Passing })
}

/// A target of iptables that nftables carries out.
fn target(name: &str) -> Expression {
    match name {
        "MASQUERADE" | "SNAT" | "NETMAP" => Expression::Translate,
        "REJECT" => Expression::Decide(Verdict::Drop),
        _ => Expression::Passing,
    }
}

/// A match of iptables that nftables carries out.
fn matching(name: &str, data: &[u8]) -> Option<Expression> {
    match name {
        // A remark takes every packet.
        "comment" => Some(Expression::Passing),
        "conntrack" => {
            let revision = be32(nested(data, 2)?)?;
            state(revision, nested(data, 3)?)
        }
        _ => None,
    }
}

/// The states that `-m conntrack --ctstate` takes, by `struct xt_conntrack_mtinfo1` to `3`
/// (linux/netfilter/xt_conntrack.h), in the machine's own order of octets.
fn state(revision: u32, info: &[u8]) -> Option<Expression> {
    const MATCH_FLAGS: usize = 146;
    const INVERT_FLAGS: usize = 148;
    const STATES: usize = 150;
    const BY_STATE: u16 = 1;
    /// `XT_CONNTRACK_STATE_BIT(IP_CT_NEW)`
    const NEW: u16 = 1 << 3;
    let number = |place: usize| Some(u16::from_ne_bytes(info.get(place..place + 2)?.try_into().ok()?));
    let states = match revision {
        1 => u16::from(*info.get(STATES)?),
        2 | 3 => number(STATES)?,
        _ => return None,
    };
    let (by, inverted) = (number(MATCH_FLAGS)?, number(INVERT_FLAGS)? & BY_STATE != 0);
    if by & BY_STATE == 0 {
        return None;
    }
    match ((states & NEW != 0) != inverted, by == BY_STATE) {
        (false, _) => Some(Expression::Never),
        (true, true) => Some(Expression::Passing),
        // It looks at something else as well.
        (true, false) => None,
    }
}

/// What is decided, out of data.
pub(super) fn verdict(data: &[u8]) -> Option<Verdict> {
    let verdict = nested(data, DATA_VERDICT)?;
    let chain = || nested(verdict, VERDICT_CHAIN).map(text);
    Some(match be32(nested(verdict, VERDICT_CODE)?)?.cast_signed() {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        -1 => Verdict::Continue,
        -3 => Verdict::Jump(chain()?),
        -4 => Verdict::Goto(chain()?),
        -5 => Verdict::Return,
        _ => return None,
    })
}

/// The value in data.
pub(super) fn value(data: &[u8]) -> Option<Vec<u8>> {
    nested(data, DATA_VALUE).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [(4 + value.len() as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn number(kind: u16, value: u32) -> Vec<u8> {
        attribute(kind, &value.to_be_bytes())
    }

    fn expression(name: &[u8], data: &[Vec<u8>]) -> Expression {
        read(&[attribute(EXPR_NAME, name), attribute(EXPR_DATA, &data.concat())].concat())
    }

    /// As iptables-nft writes `-m conntrack --ctstate …`.
    fn conntrack(revision: u32, flags: u16, inverted: u16, states: u16) -> Expression {
        let mut info = vec![0; 146];
        info.extend([flags, inverted].map(u16::to_ne_bytes).concat());
        if revision == 1 {
            info.extend([states as u8, 0]);
        } else {
            info.extend([states, 0].map(u16::to_ne_bytes).concat());
        }
        info.resize(164, 0);
        expression(b"match\0", &[attribute(1, b"conntrack\0"), number(2, revision), attribute(3, &info)])
    }

    #[test]
    fn expressions_of_nftables_and_of_iptables_are_known() {
        let value = |kind, bytes: &[u8]| attribute(kind, &attribute(DATA_VALUE, bytes));
        for (read, expected) in [
            (expression(b"masq\0", &[]), Expression::Translate),
            (expression(b"nat\0", &[number(1, 0)]), Expression::Translate),
            (expression(b"nat\0", &[number(1, 1)]), Expression::Passing),
            (expression(b"target\0", &[attribute(1, b"MASQUERADE\0")]), Expression::Translate),
            (expression(b"target\0", &[attribute(1, b"LOG\0")]), Expression::Passing),
            (expression(b"match\0", &[attribute(1, b"comment\0")]), Expression::Passing),
            (expression(b"match\0", &[attribute(1, b"conntrack\0")]), Expression::Unknown),
            (conntrack(3, 1, 0, 0b110), Expression::Never),
            (conntrack(3, 1, 1, 0b110), Expression::Passing),
            (conntrack(2, 1, 0, 0b1000), Expression::Passing),
            (conntrack(1, 1, 0, 0b1000), Expression::Passing),
            (conntrack(1, 1, 0, 0b110), Expression::Never),
            (conntrack(3, 3, 0, 0b1000), Expression::Unknown),
            (conntrack(3, 2, 0, 0b1000), Expression::Unknown),
            (conntrack(9, 1, 0, 0b110), Expression::Unknown),
            (expression(b"reject\0", &[]), Expression::Decide(Verdict::Drop)),
            (
                expression(b"meta\0", &[number(1, 8), number(2, 7)]),
                Expression::Load { to: 0, what: Load::OutName },
            ),
            (expression(b"meta\0", &[number(3, 1), number(2, 3)]), Expression::Passing),
            (
                expression(b"payload\0", &[number(1, 2), number(2, 1), number(3, 12), number(4, 3)]),
                Expression::Load { to: 16, what: Load::Network { offset: 12, length: 3 } },
            ),
            (
                expression(b"cmp\0", &[number(1, 1), number(2, 1), value(3, b"eth")]),
                Expression::Compare { from: 0, equal: false, value: b"eth".to_vec() },
            ),
            (expression(b"cmp\0", &[number(1, 1), number(2, 3), value(3, b"eth")]), Expression::Unknown),
            (
                expression(b"bitwise\0", &[number(1, 1), number(2, 1), value(4, &[1]), value(5, &[0])]),
                Expression::Mask { from: 0, to: 0, mask: vec![1], flip: vec![0] },
            ),
            (
                expression(b"lookup\0", &[attribute(1, b"wans\0"), number(2, 1), number(3, 0)]),
                Expression::Lookup { from: 0, set: "wans".to_owned(), invert: false, decides: true },
            ),
            (expression(b"fib\0", &[]), Expression::Unknown),
        ] {
            assert_eq!(read, expected);
        }
    }
}

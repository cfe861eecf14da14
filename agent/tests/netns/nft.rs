//! A table `inet test` of nftables, written without the `nft` program.

use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

// linux/netfilter/nf_tables.h and nfnetlink.h
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_FLOW_TABLE: u16 = 22;
const REQUEST_AND_ACK: u16 = 1 | 4;
const CREATE_APPEND: u16 = 0x400 | 0x800;
const INET: u8 = 1;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;

#[derive(Default)]
pub struct Table {
    messages: Vec<(u16, u16, Vec<u8>)>,
}

impl Table {
    pub fn new() -> Self {
        Self::default().with(NEW_TABLE, CREATE_APPEND, text(1, "test"))
    }

    /// What leaves by one of these is translated: the first by its own rule, the others behind a jump.
    pub fn masquerade(self, interfaces: &[&str]) -> Self {
        let mut table = self.chain("post", Some((4, 100)), "nat", ACCEPT).chain("hop", None, "", ACCEPT);
        for (place, interface) in interfaces.iter().enumerate() {
            let chain = if place == 0 { None } else { Some("hop") };
            let last = chain.map_or_else(|| expression("masq", &[]), jump);
            table = table.rule("post", &[matches(7, interface), last].concat());
        }
        table.rule("hop", &expression("masq", &[]))
    }

    /// Of what is to be forwarded only that passes that comes in by `interface`.
    pub fn forward_only(self, interface: &str) -> Self {
        let accept = verdict(&number(1, ACCEPT));
        self.chain("fwd", Some((2, 0)), "filter", DROP).rule("fwd", &[matches(6, interface), accept].concat())
    }

    /// A table of flows over `interface`.
    pub fn flows(self, interface: &str) -> Self {
        let devices = nested(3, &text(1, interface));
        let hook = nested(3, &[number(1, 0), number(2, 0), devices].concat());
        self.with(NEW_FLOW_TABLE, CREATE_APPEND, [text(1, "test"), text(2, "ft"), hook].concat())
    }

    /// Puts it in the place of what was there.
    pub fn install(self) -> Result<(), i32> {
        // Deleting what is not there is no failure once it was made.
        let mut all = vec![(NEW_TABLE, CREATE_APPEND, text(1, "test")), (DELETE_TABLE, 0, text(1, "test"))];
        all.extend(self.messages);
        send(&all)
    }

    fn chain(self, name: &str, hook: Option<(u32, u32)>, kind: &str, policy: u32) -> Self {
        let mut body = [text(1, "test"), text(3, name)].concat();
        if let Some((hook, priority)) = hook {
            body.extend(nested(4, &[number(1, hook), number(2, priority)].concat()));
            body.extend([number(5, policy), text(7, kind)].concat());
        }
        self.with(NEW_CHAIN, CREATE_APPEND, body)
    }

    fn rule(self, chain: &str, expressions: &[u8]) -> Self {
        let body = [text(1, "test"), text(2, chain), nested(4, expressions)].concat();
        self.with(NEW_RULE, CREATE_APPEND, body)
    }

    fn with(mut self, kind: u16, flags: u16, body: Vec<u8>) -> Self {
        self.messages.push((kind, flags, body));
        self
    }
}

/// `meta key == interface`, the name as the kernel keeps it: 16 bytes, filled up with zeroes.
fn matches(key: u32, interface: &str) -> Vec<u8> {
    let mut padded = interface.as_bytes().to_vec();
    padded.resize(16, 0);
    let load = expression("meta", &[number(2, key), number(1, 1)].concat());
    let data = nested(3, &attribute(1, &padded));
    [load, expression("cmp", &[number(1, 1), number(2, 0), data].concat())].concat()
}

fn jump(chain: &str) -> Vec<u8> {
    verdict(&[number(1, (-3_i32).cast_unsigned()), text(2, chain)].concat())
}

fn verdict(content: &[u8]) -> Vec<u8> {
    expression("immediate", &[number(1, 0), nested(2, &nested(2, content))].concat())
}

fn expression(name: &str, data: &[u8]) -> Vec<u8> {
    nested(1, &[text(1, name), nested(2, data)].concat())
}

/// A batch, and an acknowledgement for each of its messages.
fn send(messages: &[(u16, u16, Vec<u8>)]) -> Result<(), i32> {
    let mut batch = message(BATCH_BEGIN, 0, 0, SUBSYSTEM, &[], 0);
    for (sequence, (kind, flags, body)) in (1_u32..).zip(messages) {
        let flags = flags | REQUEST_AND_ACK;
        batch.extend(message(SUBSYSTEM << 8 | kind, flags, INET, 0, body, sequence));
    }
    batch.extend(message(BATCH_END, 0, 0, SUBSYSTEM, &[], 0));
    let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(&batch, 0).unwrap();
    for _ in messages {
        let (bytes, _) = socket.recv_from_full().unwrap();
        let code = i32::from_ne_bytes(bytes[16..20].try_into().unwrap());
        if code != 0 {
            return Err(-code);
        }
    }
    Ok(())
}

fn message(kind: u16, flags: u16, family: u8, resource: u16, body: &[u8], sequence: u32) -> Vec<u8> {
    let mut out = (20 + body.len() as u32).to_ne_bytes().to_vec();
    out.extend(kind.to_ne_bytes());
    out.extend((flags | 1).to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend(0_u32.to_ne_bytes());
    out.extend([family, 0]);
    out.extend(resource.to_be_bytes());
    out.extend(body);
    out
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut out = [(4 + value.len() as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn nested(kind: u16, value: &[u8]) -> Vec<u8> {
    attribute(kind | 1 << 15, value)
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), &[0]].concat())
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

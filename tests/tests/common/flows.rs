//! What the gateway's connection tracking remembers.

use netlink_packet_netfilter::conntrack::{ConntrackAttribute, ConntrackMessage, IPTuple, ProtoTuple, Tuple};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};
use rtnetlink::packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use shunt_lab::Namespace;
use std::net::IpAddr;

/// One tracked IPv4 flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Where its replies go: the address that it was translated to.
    pub(crate) replies_to: IpAddr,
    /// The port that its first packet came from.
    pub(crate) port: u16,
}

/// All IPv4 flows with ports that are tracked in `namespace`.
pub(crate) fn tracked(namespace: &Namespace) -> Vec<Flow> {
    namespace.run(dump).unwrap()
}

fn dump() -> Vec<Flow> {
    let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let get = ConntrackMessage::Get(Vec::new());
    let body = NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0), get);
    let mut request = NetlinkMessage::new(header, NetlinkPayload::from(body));
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0).unwrap();
    let mut flows = Vec::new();
    loop {
        let (bytes, _) = socket.recv_from_full().unwrap();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<NetfilterMessage>::deserialize(rest).unwrap();
            rest =
                &rest[usize::try_from(message.header.length).unwrap().next_multiple_of(4).min(rest.len())..];
            match message.payload {
                NetlinkPayload::Done(_) => return flows,
                NetlinkPayload::Error(error) => panic!("the kernel lists no flows: {error}"),
                NetlinkPayload::InnerMessage(message) => flows.extend(flow(&message)),
                _ => {}
            }
        }
    }
}

fn flow(message: &NetfilterMessage) -> Option<Flow> {
    let NetfilterMessageInner::Conntrack(ConntrackMessage::New(attributes)) = &message.inner else {
        return None;
    };
    let (mut replies_to, mut port) = (None, None);
    for attribute in attributes {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(tuple) => port = source_port(tuple),
            ConntrackAttribute::CtaTupleReply(tuple) => replies_to = destination(tuple),
            _ => {}
        }
    }
    Some(Flow { replies_to: replies_to?, port: port? })
}

fn destination(tuple: &[Tuple]) -> Option<IpAddr> {
    tuple.iter().find_map(|part| match part {
        Tuple::Ip(ends) => ends.iter().find_map(|end| match end {
            IPTuple::DestinationAddress(address) => Some(*address),
            _ => None,
        }),
        _ => None,
    })
}

fn source_port(tuple: &[Tuple]) -> Option<u16> {
    tuple.iter().find_map(|part| match part {
        Tuple::Proto(parts) => parts.iter().find_map(|part| match part {
            ProtoTuple::SourcePort(port) => Some(*port),
            _ => None,
        }),
        _ => None,
    })
}

//! The requests by which an interface is given what a bearer wants, or has it taken away.

use super::super::error::KernelError;
use super::super::model::{Address, Interface, family_of};
use super::super::rtnl::{RTM_DELADDR, RTM_NEWADDR, RTM_NEWLINK, address_family};
use super::super::socket::RequestSocket;
use super::whole;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressProtocol};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use std::net::IpAddr;

pub(super) fn add_address(
    request: &mut RequestSocket,
    interface: &Interface,
    address: IpAddr,
    protocol: u8,
) -> Result<(), KernelError> {
    let mut message = address_message(interface.index, address, whole(address));
    // The network gave the address to nobody else: to look for a duplicate first would cost a second.
    let flags = AddressFlags::Noprefixroute | AddressFlags::Nodad;
    message.attributes.push(AddressAttribute::Flags(flags));
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::from(protocol)));
    match request.execute(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &message) {
        Err(refusal) if refusal.code != libc::EEXIST => {
            let what = format!("put the bearer's address {address} onto {}", interface.name);
            Err(KernelError::refused(what, refusal))
        }
        _ => Ok(()),
    }
}

/// Deleting what is not there is no failure.
pub(super) fn delete_address(
    request: &mut RequestSocket,
    interface: &str,
    address: &Address,
) -> Result<(), KernelError> {
    let message = address_message(address.index, address.address, address.prefix);
    match request.execute(RTM_DELADDR, 0, &message) {
        Err(refusal) if !matches!(refusal.code, libc::EADDRNOTAVAIL | libc::ENODEV) => {
            let what = format!("take the bearer's address {} off {interface}", address.address);
            Err(KernelError::refused(what, refusal))
        }
        _ => Ok(()),
    }
}

pub(super) fn set_mtu(
    request: &mut RequestSocket,
    interface: &Interface,
    mtu: u32,
) -> Result<(), KernelError> {
    let mut message = LinkMessage::default();
    message.header.index = interface.index;
    message.attributes.push(LinkAttribute::Mtu(mtu));
    let what = || format!("set the MTU of {} to {mtu}", interface.name);
    request.execute(RTM_NEWLINK, 0, &message).map_err(|refusal| KernelError::refused(what(), refusal))
}

pub(super) fn raise(request: &mut RequestSocket, interface: &Interface) -> Result<(), KernelError> {
    let mut message = LinkMessage::default();
    message.header.index = interface.index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    let what = || format!("put {} up", interface.name);
    request.execute(RTM_NEWLINK, 0, &message).map_err(|refusal| KernelError::refused(what(), refusal))
}

fn address_message(index: u32, address: IpAddr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = address_family(family_of(address));
    message.header.prefix_len = prefix;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(address));
    message.attributes.push(AddressAttribute::Address(address));
    message
}

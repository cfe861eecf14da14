//! Takes away what bearers put onto interfaces: all of it when the kernel is given back, and at the start what is on
//! interfaces that no modem of the config is behind any more.

use super::super::error::{KernelError, family_name};
use super::super::model::{Address, Interface};
use super::super::rtnl::{self, RTM_GETADDR, RTM_GETLINK, address_family};
use super::super::socket::RequestSocket;
use super::kept::Kept;
use super::request::{delete_address, set_mtu};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use shunt_decision::Family;

/// Removes our addresses from all interfaces but those of `spare`, and puts their largest packets back. An interface that
/// was put up stays up. What could not be done is told, and the rest is done all the same.
pub(crate) fn clear(
    request: &mut RequestSocket,
    kept: &mut Kept,
    has_ipv6: bool,
    spare: &[&str],
) -> Vec<KernelError> {
    let (interfaces, addresses) = match look(request, has_ipv6) {
        Ok(seen) => seen,
        Err(error) => return vec![error],
    };
    let mut failures = Vec::new();
    for interface in interfaces.iter().filter(|interface| !spare.contains(&interface.name.as_str())) {
        let name = &interface.name;
        let ours = |address: &&Address| address.index == interface.index && kept.is_ours(name, address);
        let before = failures.len();
        for address in addresses.iter().filter(ours) {
            failures.extend(delete_address(request, name, address).err());
        }
        if let Some(mtu) = kept.mtu_before(name, interface.mtu) {
            failures.extend(set_mtu(request, interface, mtu).err());
        }
        if failures.len() == before {
            kept.forget(name);
        }
    }
    let is_there = |name: &str| interfaces.iter().any(|interface| interface.name == name);
    let gone: Vec<_> = kept
        .interfaces()
        .filter(|name| !is_there(name) && !spare.contains(&name.as_str()))
        .cloned()
        .collect();
    gone.iter().for_each(|name| kept.forget(name));
    // The failure is in the log.
    let _told = kept.finish();
    failures
}

/// All interfaces, and all addresses.
fn look(request: &mut RequestSocket, has_ipv6: bool) -> Result<(Vec<Interface>, Vec<Address>), KernelError> {
    let mut query = LinkMessage::default();
    query.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    let interfaces = request.dump(RTM_GETLINK, &query, |list, payload| list.extend(rtnl::interface(payload)));
    let interfaces =
        interfaces.map_err(|refusal| KernelError::refused("list the interfaces".to_owned(), refusal))?;
    let mut addresses = Vec::new();
    for family in Family::ALL.into_iter().filter(|family| *family == Family::V4 || has_ipv6) {
        let mut query = AddressMessage::default();
        query.header.family = address_family(family);
        let list = request.dump(RTM_GETADDR, &query, |list, payload| list.extend(rtnl::address(payload)));
        let what = || format!("list the {} addresses", family_name(family));
        addresses.append(&mut list.map_err(|refusal| KernelError::refused(what(), refusal))?);
    }
    Ok((interfaces, addresses))
}

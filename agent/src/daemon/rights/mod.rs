//! The one right without which nothing works, looked at before anything is touched: one clear sentence at the start
//! is better than a gateway that warns of every route. And those that the agent does not need, given up before it begins.

mod accounts;
mod give_up;

pub(super) use give_up::{Place, give_up};

/// The bit of `CAP_NET_ADMIN` (capabilities(7)): routes, rules, marks and the canary's interface need it.
const CAP_NET_ADMIN: u32 = 12;

/// Where the kernel tells what the calling thread may do.
const STATUS: &str = "/proc/thread-self/status";

/// The caller may not change the kernel's network. Completes "failed to …".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "change routes and rules: permission denied, CAP_NET_ADMIN is missing; run as root, or by the service \
     (`systemctl start shunt`)"
)]
pub struct RightsError;

/// Whether the caller may change routes and rules. Where the kernel does not tell, it will refuse by itself.
pub(super) fn check() -> Result<(), RightsError> {
    let status = std::fs::read_to_string(STATUS).unwrap_or_default();
    if has_net_admin(&status) == Some(false) { Err(RightsError) } else { Ok(()) }
}

fn has_net_admin(status: &str) -> Option<bool> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let set = u64::from_str_radix(set.trim(), 16).ok()?;
    Some(set >> CAP_NET_ADMIN & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_is_read_from_what_the_kernel_tells() {
        for (status, expected) in [
            ("Name:\tshunt\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n", Some(true)),
            ("CapEff:\t0000000000001000\n", Some(true)),
            ("CapPrm:\t0000000000001000\nCapEff:\t0000000000002000\n", Some(false)),
            ("CapEff:\tall\n", None),
            ("", None),
        ] {
            assert_eq!(has_net_admin(status), expected, "{status:?}");
        }
    }
}

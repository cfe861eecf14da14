//! Delay and loss by the kernel's own `sch_netem`, where a machine has it: the laboratory's relay does without.

use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use std::time::Duration;

/// What happens to the packets that leave by an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impairment {
    /// How much later each of them leaves.
    pub delay: Duration,
    /// By how much that differs, either way, by chance.
    pub jitter: Duration,
    /// How many of a thousand are lost.
    pub loss_per_mille: u32,
}

/// The kernel counts scheduling time in units of 64 ns (`PSCHED_SHIFT` of `net/pkt_sched.h`).
const NANOSECONDS_PER_TICK: u128 = 64;

/// Packets that may be under way at once; `tc` has the same default.
const LIMIT: u32 = 1_000;

/// `TCA_OPTIONS` of `linux/rtnetlink.h`; what it holds is the queue's own business.
const OPTIONS: u16 = 2;

impl Impairment {
    /// The request that makes it the only queue of an interface.
    pub(crate) fn message(&self, interface: u32) -> TcMessage {
        let mut message = TcMessage::default();
        message.header.index = i32::try_from(interface).unwrap_or(i32::MAX);
        message.header.parent = TcHandle::ROOT;
        message.attributes.push(TcAttribute::Kind("netem".to_owned()));
        message.attributes.push(TcAttribute::Other(DefaultNla::new(OPTIONS, self.options())));
        message
    }

    /// `struct tc_netem_qopt` of `linux/pkt_sched.h`: latency, limit, loss, gap, duplicate, jitter.
    fn options(&self) -> Vec<u8> {
        // All of the range of 32 bits is certainty.
        let loss = u64::from(u32::MAX) * u64::from(self.loss_per_mille.min(1_000)) / 1_000;
        let loss = u32::try_from(loss).unwrap_or(u32::MAX);
        let fields = [ticks(self.delay), LIMIT, loss, 0, 0, ticks(self.jitter)];
        fields.into_iter().flat_map(u32::to_ne_bytes).collect()
    }
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() / NANOSECONDS_PER_TICK).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tc qdisc add dev x root netem delay 20ms 2ms loss 50%` writes it.
    #[test]
    fn an_impairment_is_written_as_the_kernel_reads_it() {
        let time = Duration::from_millis;
        let half = Impairment { delay: time(20), jitter: time(2), loss_per_mille: 500 };
        let fields: Vec<u32> =
            half.options().chunks(4).map(|it| u32::from_ne_bytes(it.try_into().unwrap())).collect();
        assert_eq!(fields, [312_500, 1_000, u32::MAX / 2, 0, 0, 31_250]);
        let none = Impairment { loss_per_mille: 1_000, ..half };
        assert_eq!(none.options()[8..12], u32::MAX.to_ne_bytes());
    }
}

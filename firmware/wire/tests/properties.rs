//! What must hold for every message and every noise.

use proptest::prelude::*;
use shunt_wire::{
    Decoder, FRAME_BYTES, Frame, Hello, Message, Name, Received, ResetCause, Role, Seconds, Stage, Status,
    encode,
};

fn message() -> impl Strategy<Value = Message> {
    let hello = ("[ -~]{0,32}", any::<bool>(), any::<bool>()).prop_map(|(software, mcu, modem_rail)| {
        let role = if mcu { Role::Mcu } else { Role::Agent };
        Message::Hello(Hello {
            role,
            software: Name::try_from(software.as_str()).unwrap_or_default(),
            modem_rail,
        })
    });
    let cause = prop::sample::select(vec![ResetCause::Unknown, ResetCause::PowerOn, ResetCause::Software]);
    let stage = prop::sample::select(vec![Stage::Grace, Stage::Alert, Stage::HostReset]);
    let status = (any::<[u32; 4]>(), cause, stage).prop_map(
        |([uptime, host_resets, feeds, damaged_frames], reset_cause, stage)| {
            let uptime = Seconds(uptime);
            Message::Status(Status { uptime, reset_cause, stage, host_resets, feeds, damaged_frames })
        },
    );
    prop_oneof![
        hello,
        Just(Message::Feed),
        any::<u32>().prop_map(|seconds| Message::Lease(Seconds(seconds))),
        Just(Message::StatusRequest),
        status,
        any::<u16>().prop_map(|sequence| Message::NotUnderstood { sequence }),
    ]
}

fn bytes(frame: &Frame) -> Vec<u8> {
    encode(frame, &mut [0; FRAME_BYTES]).map(<[u8]>::to_vec).unwrap_or_default()
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Received> {
    bytes.iter().filter_map(|byte| decoder.receive(*byte)).collect()
}

proptest! {
    #[test]
    fn every_message_comes_back(sequence in any::<u16>(), message in message()) {
        let frame = Frame { sequence, message };
        prop_assert_eq!(decode(&mut Decoder::new(), &bytes(&frame)), [Received::Frame(frame)]);
    }

    /// Whatever came before, the next frame is taken: noise costs itself alone.
    #[test]
    fn noise_of_any_length_costs_no_frame_after_it(
        noise in proptest::collection::vec(any::<u8>(), 0..600),
        message in message(),
    ) {
        let mut decoder = Decoder::new();
        decode(&mut decoder, &noise);
        let frame = Frame { sequence: 9, message };
        let last = decode(&mut decoder, &bytes(&frame)).pop();
        prop_assert_eq!(last, Some(Received::Frame(frame)));
    }

    /// A frame that was cut short, with or without its end, costs itself alone.
    #[test]
    fn a_truncated_frame_costs_itself_alone(message in message(), keep in any::<prop::sample::Index>()) {
        let frame = Frame { sequence: 10, message };
        let whole = bytes(&frame);
        let mut decoder = Decoder::new();
        let cut = keep.index(whole.len().saturating_sub(1));
        prop_assert_eq!(decode(&mut decoder, whole.get(..cut).unwrap_or_default()), []);
        prop_assert_eq!(decode(&mut decoder, &whole), [Received::Frame(frame)]);
    }
}

//! The bytes on the line, written down. A firmware in the field speaks exactly these: a change here needs a
//! new version. They were worked out apart from this code.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use shunt_wire::{
    Decoder, FRAME_BYTES, Frame, Hello, Message, Name, Received, ResetCause, Role, Seconds, Stage, Status,
    encode,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vectors() -> Vec<(Frame, &'static str)> {
    let name = |text: &str| Name::try_from(text).unwrap();
    let hello = |role, modem_rail| Message::Hello(Hello { role, software: name("0.1.0"), modem_rail });
    let status = Status {
        uptime: Seconds(86_400),
        reset_cause: ResetCause::Watchdog,
        stage: Stage::Guarding,
        host_resets: 2,
        feeds: 86_000,
        damaged_frames: 1,
    };
    [
        (0, hello(Role::Agent, false), "0002010101010705302e312e3003b4d400"),
        (0, hello(Role::Mcu, true), "00020101010b0105302e312e3001468300"),
        (1, Message::Feed, "00030101040165d500"),
        (0xffff, Message::Feed, "000701ffff01c92e00"),
        (2, Message::Lease(Seconds(600)), "000301020602d80459bd00"),
        (3, Message::StatusRequest, "000301030403479b00"),
        (4, Message::Status(status), "000301040e0480a305030102f09f050151e200"),
        (5, Message::NotUnderstood { sequence: 258 }, "0003010506058202afde00"),
    ]
    .into_iter()
    .map(|(sequence, message, bytes)| (Frame { sequence, message }, bytes))
    .collect()
}

#[test]
fn each_message_has_its_bytes_and_comes_back() {
    for (frame, golden) in vectors() {
        let mut buffer = [0; FRAME_BYTES];
        let bytes = encode(&frame, &mut buffer).unwrap();
        assert_eq!(hex(bytes), golden, "{frame:?}");
        let mut decoder = Decoder::new();
        let received: Vec<_> = bytes.iter().filter_map(|byte| decoder.receive(*byte)).collect();
        assert_eq!(received, [Received::Frame(frame)]);
        assert_eq!(decoder.damaged_frames(), 0);
    }
}

#[test]
fn a_flipped_bit_is_always_seen() {
    for (frame, _) in vectors() {
        let mut buffer = [0; FRAME_BYTES];
        let len = encode(&frame, &mut buffer).unwrap().len();
        for bit in 8..(len - 1) * 8 {
            let mut bytes = buffer[..len].to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut decoder = Decoder::new();
            let received: Vec<_> = bytes.iter().filter_map(|byte| decoder.receive(*byte)).collect();
            assert_eq!(received, [], "bit {bit} of {frame:?}");
        }
    }
}

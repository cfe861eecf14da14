//! What must hold for every message and every noise.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers are part of the test")]

mod model;

use proptest::prelude::*;
use shunt_wire::{
    Capabilities, Counts, Decoder, FRAME_BYTES, Frame, Happened, Hello, HostResetCause, LOG_PART, Line, Log,
    LogEntry, Message, Name, Outcome, Received, Reply, Request, ResetCause, Role, Seconds, Speech, Stage,
    Status, Timeouts, encode,
};

fn seconds() -> impl Strategy<Value = Seconds> {
    prop_oneof![any::<u32>(), Just(u32::MAX)].prop_map(Seconds)
}

fn hello() -> impl Strategy<Value = Message> {
    ("[ -~]{0,32}", "[ -~]{0,32}", any::<bool>(), any::<u32>(), any::<u16>()).prop_map(
        |(software, board, mcu, session, capabilities)| {
            Message::Hello(Hello {
                role: if mcu { Role::Mcu } else { Role::Agent },
                software: Name::try_from(software.as_str()).unwrap(),
                board: Name::try_from(board.as_str()).unwrap(),
                session,
                capabilities: Capabilities(capabilities),
            })
        },
    )
}

fn cause() -> impl Strategy<Value = ResetCause> {
    prop::sample::select(ResetCause::ALL.to_vec())
}

fn status() -> impl Strategy<Value = Message> {
    let stage = prop::sample::select(vec![
        Stage::Grace,
        Stage::Guarding,
        Stage::Leased,
        Stage::Alert,
        Stage::ModemOff,
        Stage::ModemSettling,
        Stage::ShutdownRequested,
        Stage::BackingOff,
        Stage::HostReset,
        Stage::Unarmed,
    ]);
    let last = prop::sample::select(vec![None, Some(HostResetCause::Silence), Some(HostResetCause::Asked)]);
    let flags = (any::<bool>(), any::<bool>(), any::<Option<u16>>(), any::<u8>());
    (any::<[u32; 9]>(), cause(), stage, last, flags).prop_map(
        |(numbers, reset_cause, stage, last_host_reset, (modem_power, stuck, supply, resets_in_a_row))| {
            let [uptime, left, feeds, damaged_frames, host_resets, modem_cycles, boots, own_hangs, log_next] =
                numbers;
            Message::Status(Status {
                uptime: Seconds(uptime),
                reset_cause,
                stage,
                left: Seconds(left),
                modem_power,
                line: if stuck { Line::Stuck } else { Line::Good },
                supply,
                feeds,
                damaged_frames,
                last_host_reset,
                counts: Counts { host_resets, resets_in_a_row, modem_cycles, boots, own_hangs },
                log_next,
            })
        },
    )
}

fn arm() -> impl Strategy<Value = Message> {
    (proptest::array::uniform11(seconds()), any::<bool>(), any::<u8>()).prop_map(
        |(times, cut_modem, most_resets)| {
            let [
                boot_grace,
                feed_timeout,
                alert,
                modem_off,
                modem_settle,
                shutdown,
                reset_hold,
                backoff_shortest,
                backoff_longest,
                backoff_healthy,
                longest_lease,
            ] = times;
            Message::Arm(Timeouts {
                boot_grace,
                feed_timeout,
                alert,
                cut_modem,
                modem_off,
                modem_settle,
                shutdown,
                reset_hold,
                backoff_shortest,
                backoff_longest,
                backoff_healthy,
                most_resets,
                longest_lease,
            })
        },
    )
}

fn log() -> impl Strategy<Value = Message> {
    let what = prop_oneof![
        cause().prop_map(Happened::McuBooted),
        seconds().prop_map(Happened::Leased),
        any::<u8>().prop_map(Happened::HostReset),
        prop::sample::select(vec![
            Happened::Armed,
            Happened::Disarmed,
            Happened::Fed,
            Happened::LeaseOver,
            Happened::Alert,
            Happened::ModemCut,
            Happened::ModemCutAsked,
            Happened::ShutdownRequested,
            Happened::ResetAsked,
            Happened::HeldBack,
            Happened::LineStuck,
            Happened::BootLoader,
        ]),
    ];
    let entry = (seconds(), what).prop_map(|(at, what)| LogEntry { at, what });
    (any::<u32>(), any::<u32>(), proptest::collection::vec(entry, 0..=LOG_PART)).prop_map(
        |(first, next, entries)| Message::Log(Log { first, next, entries: entries.into_iter().collect() }),
    )
}

fn message() -> impl Strategy<Value = Message> {
    let outcome = prop_oneof![
        Just(Outcome::Done),
        seconds().prop_map(Outcome::Capped),
        seconds().prop_map(Outcome::TooSoon),
        prop::sample::select(vec![
            Outcome::HelloFirst,
            Outcome::NotFitted,
            Outcome::BadTimes,
            Outcome::NotNow,
            Outcome::WrongKey,
        ]),
    ];
    prop_oneof![
        hello(),
        Just(Message::Feed),
        seconds().prop_map(Message::Lease),
        Just(Message::StatusRequest),
        status(),
        any::<u16>().prop_map(|sequence| Message::NotUnderstood { sequence }),
        arm(),
        Just(Message::Disarm),
        Just(Message::CycleModem),
        Just(Message::ResetHost),
        any::<u32>().prop_map(|from| Message::LogRequest { from }),
        log(),
        any::<u32>().prop_map(|key| Message::EnterBootLoader { key }),
        (any::<u16>(), outcome).prop_map(|(sequence, outcome)| Message::Answer { sequence, outcome }),
    ]
}

/// What the MCU makes of a message.
fn request(message: &Message) -> Request {
    match message {
        Message::Hello(hello) if hello.role == Role::Mcu => Request::NotForUs,
        Message::Hello(hello) => Request::Hello { session: hello.session },
        Message::Feed => Request::Feed,
        Message::Lease(seconds) => Request::Lease(*seconds),
        Message::StatusRequest => Request::StatusRequest,
        Message::Arm(timeouts) => Request::Arm(*timeouts),
        Message::Disarm => Request::Disarm,
        Message::CycleModem => Request::CycleModem,
        Message::ResetHost => Request::ResetHost,
        Message::LogRequest { from } => Request::LogRequest { from: *from },
        Message::EnterBootLoader { key } => Request::EnterBootLoader { key: *key },
        Message::Status(_) | Message::NotUnderstood { .. } | Message::Log(_) | Message::Answer { .. } => {
            Request::NotForUs
        }
    }
}

/// The same message as the MCU says it; `None` where it does not.
fn reply(message: &Message) -> Option<Reply> {
    Some(match message {
        Message::Status(status) => Reply::Status(*status),
        Message::NotUnderstood { sequence } => Reply::NotUnderstood { sequence: *sequence },
        Message::Log(log) => Reply::Log(log.clone()),
        Message::Answer { sequence, outcome } => Reply::Answer { sequence: *sequence, outcome: *outcome },
        _ => return None,
    })
}

fn bytes<M: Speech>(frame: &Frame<M>) -> Vec<u8> {
    encode(frame, &mut [0; FRAME_BYTES]).map(<[u8]>::to_vec).unwrap()
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Received> {
    bytes.iter().filter_map(|byte| decoder.receive(*byte)).collect()
}

proptest! {
    /// So none is too long for a frame either.
    #[test]
    fn every_message_comes_back(sequence in any::<u16>(), message in message()) {
        let frame = Frame { sequence, message };
        prop_assert_eq!(decode(&mut Decoder::new(), &bytes(&frame)), [Received::Frame(frame)]);
    }

    #[test]
    fn the_mcu_takes_every_message_as_it_is_meant(sequence in any::<u16>(), message in message()) {
        let expected = Frame { sequence, message: request(&message) };
        let mut decoder = Decoder::new();
        let sent = bytes(&Frame { sequence, message });
        let received: Vec<_> = sent.iter().filter_map(|byte| decoder.receive_request(*byte)).collect();
        prop_assert_eq!(received, [Received::Frame(expected)]);
    }

    #[test]
    fn what_the_mcu_says_has_the_bytes_of_the_message(sequence in any::<u16>(), message in message()) {
        if let Some(reply) = reply(&message) {
            prop_assert_eq!(bytes(&Frame { sequence, message: reply }), bytes(&Frame { sequence, message }));
        }
    }

    /// Damage that the CRC did not see, or a peer in error: what is a request by postcard is one for the MCU, and what
    /// is none is answered as not understood. Two exceptions, both to the peer's good: names in a hello that are too
    /// long or no text, and what only an MCU says, which gets no answer in any case.
    #[test]
    fn any_message_is_understood_as_by_postcard(
        number in 0u8..16,
        rest in proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..8, Just(0x80)], 0..60),
    ) {
        let mut message = vec![number];
        message.extend(rest);
        let line = model::framed(1, 77, &message);
        let mut decoder = Decoder::new();
        let ours = line.iter().find_map(|byte| decoder.receive_request(*byte));
        let theirs = decode(&mut Decoder::new(), &line).pop();
        match (ours, theirs) {
            (Some(Received::Frame(ours)), Some(Received::Frame(theirs))) => {
                prop_assert_eq!(ours.message, request(&theirs.message));
            }
            (Some(Received::Frame(Frame { message, .. })), Some(Received::Unknown { .. })) => {
                prop_assert!(matches!(message, Request::Hello { .. } | Request::NotForUs), "{message:?}");
            }
            (ours, theirs) => prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}")),
        }
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

    /// What a newer peer appends to a message, and a message that only it knows, cost nothing else.
    #[test]
    fn a_newer_peers_message_is_told_and_the_next_one_taken(
        number in 14u8..0x80,
        rest in proptest::collection::vec(any::<u8>(), 0..80),
        message in message(),
    ) {
        let mut decoder = Decoder::new();
        let mut newer = vec![number];
        newer.extend(rest);
        let received = decode(&mut decoder, &model::framed(1, 77, &newer));
        prop_assert_eq!(received, [Received::Unknown { version: 1, sequence: 77 }]);
        let frame = Frame { sequence: 78, message };
        prop_assert_eq!(decode(&mut decoder, &bytes(&frame)), [Received::Frame(frame)]);
    }

    #[test]
    fn any_bytes_keep_the_model(stream in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..700)) {
        model::wire(&stream);
    }
}

#[test]
fn the_model_has_a_fuzz_target() {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/fuzz_targets/wire.rs");
    assert!(std::fs::read_to_string(target).unwrap().contains("model::wire"));
}

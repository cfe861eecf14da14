//! The bytes on the line, written down. A firmware in the field speaks exactly these: a change here needs a
//! new version. They were worked out apart from this code.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use shunt_wire::{
    BOOT_LOADER_KEY, Capabilities, Counts, Decoder, FRAME_BYTES, Frame, Happened, Hello, HostResetCause,
    Line, Log, LogEntry, Message, Name, Outcome, Received, Reply, ResetCause, Role, Seconds, Stage, Status,
    Timeouts, VERSION, encode,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hello(role: Role, board: &str, session: u32, capabilities: Capabilities) -> Message {
    let name = |text: &str| Name::try_from(text).unwrap();
    Message::Hello(Hello { role, software: name("0.1.0"), board: name(board), session, capabilities })
}

fn status() -> Status {
    Status {
        uptime: Seconds(86_400),
        reset_cause: ResetCause::Watchdog,
        stage: Stage::Guarding,
        left: Seconds(30),
        modem_power: true,
        line: Line::Good,
        supply: Some(3304),
        feeds: 86_000,
        damaged_frames: 1,
        last_host_reset: Some(HostResetCause::Silence),
        counts: Counts { host_resets: 2, resets_in_a_row: 1, modem_cycles: 3, boots: 9, own_hangs: 1 },
        log_next: 40,
    }
}

fn timeouts() -> Timeouts {
    Timeouts {
        boot_grace: Seconds(300),
        feed_timeout: Seconds(30),
        alert: Seconds(30),
        cut_modem: true,
        modem_off: Seconds(10),
        modem_settle: Seconds(60),
        shutdown: Seconds(60),
        reset_hold: Seconds(10),
        backoff_shortest: Seconds(600),
        backoff_longest: Seconds(14_400),
        backoff_healthy: Seconds(1_800),
        most_resets: 0,
        longest_lease: Seconds(3_600),
    }
}

fn log() -> Log {
    let booted = LogEntry { at: Seconds(0), what: Happened::McuBooted(ResetCause::Watchdog) };
    let reset = LogEntry { at: Seconds(630), what: Happened::HostReset(2) };
    Log { first: 38, next: 40, entries: [booted, reset].into_iter().collect() }
}

fn vectors() -> Vec<(Frame, &'static str)> {
    let able = Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::SUPPLY_VOLTAGE)
        .with(Capabilities::LASTING_MEMORY);
    [
        (
            0,
            hello(Role::Agent, "", 0x1234_5678, Capabilities::default()),
            "0002010101010705302e312e3006f8acd1910103139a00",
        ),
        (
            0,
            hello(Role::Mcu, "stm32g030", 9, able),
            "0002010101160105302e312e300973746d333267303330092f62cd00",
        ),
        (1, Message::Feed, "00030101040165d500"),
        (0xffff, Message::Feed, "000701ffff01c92e00"),
        (2, Message::Lease(Seconds(600)), "000301020602d80459bd00"),
        (3, Message::StatusRequest, "000301030403479b00"),
        (4, Message::Status(status()), "00030104090480a30503011e010901e819f09f0501010902010309012809ad00"),
        (5, Message::NotUnderstood { sequence: 258 }, "0003010506058202afde00"),
        (6, Message::Arm(timeouts()), "000301061106ac021e1e010a3c3c0ad804c070880e05901c077700"),
        (7, Message::Disarm, "000301070407030700"),
        (8, Message::CycleModem, "000301080408ddda00"),
        (9, Message::ResetHost, "000301090409ccfd00"),
        (10, Message::LogRequest { from: 38 }, "0003010a050a26997800"),
        (11, Message::Log(log()), "0003010b050b262802010803f6040c027e6800"),
        (12, Message::EnterBootLoader { key: BOOT_LOADER_KEY }, "0003010c090cf4debd9306dcc400"),
        (13, Message::Answer { sequence: 8, outcome: Outcome::Done }, "0003010d030d080332a100"),
        (
            14,
            Message::Answer { sequence: 8, outcome: Outcome::TooSoon(Seconds(90)) },
            "0003010e070d08045a506e00",
        ),
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

/// Of a newer firmware's log what is known is read, up to the first entry that is not: how long that is, nobody here knows.
#[test]
fn a_log_is_read_up_to_what_a_newer_firmware_made() {
    let entries: [&[u8]; 3] = [&[1, 1], &[2, 99, 7, 8], &[3, 3]];
    let known = [Happened::Armed, Happened::Fed];
    for (order, read) in [([0, 2, 1], 2), ([0, 1, 2], 1), ([1, 0, 2], 0)] {
        let content: Vec<u8> = order.iter().flat_map(|at| entries[*at]).copied().collect();
        let block = [&[VERSION, 1, 1, 11, 40, 43, 3][..], &content].concat();
        let crc = shunt_wire::checksum(&block).to_le_bytes();
        let block = [&block[..], &crc].concat();
        assert!(!block.contains(&0), "no stuffing");
        let bytes = [&[0, block.len() as u8 + 1][..], &block, &[0]].concat();
        let mut decoder = Decoder::new();
        let received = bytes.iter().find_map(|byte| decoder.receive(*byte));
        let Some(Received::Frame(Frame { message: Message::Log(log), .. })) = received else {
            panic!("{received:?}");
        };
        assert_eq!((log.first, log.next), (40, 43));
        let what: Vec<_> = log.entries.iter().map(|entry| entry.what).collect();
        assert_eq!(what, known[..read]);
    }
}

/// The MCU's hello has names that are written in its program.
#[test]
fn the_mcus_own_words_have_these_bytes_too() {
    let capabilities = Capabilities::MODEM_RAIL
        .with(Capabilities::SHUTDOWN_LINE)
        .with(Capabilities::HOST_RESET)
        .with(Capabilities::SUPPLY_VOLTAGE)
        .with(Capabilities::LASTING_MEMORY);
    let hello = Reply::Hello { software: "0.1.0", board: "stm32g030", session: 9, capabilities };
    for (sequence, message, golden) in [
        (0, hello, "0002010101160105302e312e300973746d333267303330092f62cd00"),
        (4, Reply::Status(status()), "00030104090480a30503011e010901e819f09f0501010902010309012809ad00"),
        (11, Reply::Log(log()), "0003010b050b262802010803f6040c027e6800"),
    ] {
        let mut buffer = [0; FRAME_BYTES];
        assert_eq!(hex(encode(&Frame { sequence, message }, &mut buffer).unwrap()), golden);
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

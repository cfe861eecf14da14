//! The modem in virtual time.

use super::fault::Deed;
use super::*;
use crate::random::Random;
use shunt_decision::Timestamp;
use std::time::Duration;

struct Bench {
    modem: Modem,
    now: Timestamp,
    said: String,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let now = Timestamp::ZERO;
        let mut bench = Self {
            modem: Modem::new(Profile::default(), Network::default(), seed, now),
            now,
            said: String::new(),
        };
        bench.modem.set_power(true, now);
        bench
    }

    /// Lets time pass until the condition holds; tells how long it took.
    fn until(&mut self, condition: impl Fn(&Modem) -> bool) -> Duration {
        let begin = self.now;
        while !condition(&self.modem) {
            self.now = self.modem.poll_timeout().expect("something is due until then");
            self.modem.handle_timeout(self.now);
            self.listen();
        }
        self.now.since(begin)
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.modem.handle_timeout(self.now);
        self.listen();
    }

    fn listen(&mut self) {
        while let Some(output) = self.modem.poll_output() {
            match output {
                Output::Bytes { port: 0, bytes } => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                Output::Ports(true) => (0..2).for_each(|port| self.modem.set_open(port, true, self.now)),
                Output::Bytes { .. } | Output::Ports(false) | Output::Bearer(_) => {}
            }
        }
    }

    /// What the first port says to a line within ten seconds.
    fn ask(&mut self, line: &str) -> String {
        self.said.clear();
        self.modem.receive(0, format!("{line}\r").as_bytes(), self.now);
        self.pass(Duration::from_secs(10));
        self.said.clone()
    }
}

#[test]
fn an_ec25_takes_its_time_from_power_to_a_bearer() {
    let timing = Timing::ec25();
    let mut bench = Bench::new(1);
    let took = bench.until(|modem| modem.power() == Power::On);
    assert_eq!(took, timing.enumerate + timing.boot);
    assert!(bench.said.starts_with("\r\nRDY\r\n"), "{}", bench.said);
    assert_eq!(bench.until(Modem::registered), timing.card + timing.register);
    assert_eq!(bench.modem.bearer(), Bearer::default(), "the host has asked for none yet");
    let said = bench.ask("AT+QNETDEVCTL=1,1");
    assert!(said.ends_with("\r\nOK\r\n"), "{said}");
    assert_eq!(bench.modem.bearer().addresses, Some(Addresses::default()));
    assert!(bench.modem.bearer().passes);
}

#[test]
fn the_same_seed_gives_the_same_modem() {
    let day = |seed| {
        let mut bench = Bench::new(seed);
        bench.until(Modem::registered);
        bench.modem.fault(Fault::Garbage { count: 2 }, bench.now);
        bench.ask("AT+CSQ") + &bench.ask("AT+QENG=\"servingcell\"")
    };
    assert_eq!(day(5), day(5));
    assert_ne!(day(5), day(6));
}

#[test]
fn a_fault_ends_by_its_own_rung_and_by_a_fresh_start() {
    use Cure::{Bearer, Detach, Never, PowerCut, Radio, Rebind, Reopen, Reset};
    let ladder = [Reopen, Bearer, Detach, Radio, Reset, Rebind, PowerCut, Never];
    let deeds =
        [Deed::Reopen(0), Deed::Bearer, Deed::Detach, Deed::Radio, Deed::Reset, Deed::Rebind, Deed::PowerCut];
    // A row for each deed, a column for each cure.
    let table = deeds.map(|deed| ladder.map(|cure| u8::from(Fault::Hang(cure).ends_by(deed))));
    assert_eq!(
        table,
        [
            [1, 0, 0, 0, 0, 0, 0, 0],
            [0, 1, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0, 0, 0],
            [0, 1, 1, 1, 0, 0, 0, 0],
            [1, 1, 1, 1, 1, 0, 0, 0],
            [1, 0, 0, 0, 0, 1, 0, 0],
            [1, 1, 1, 1, 1, 1, 1, 0],
        ]
    );
    assert!(!Fault::PortHang(1, Reopen).ends_by(Deed::Reopen(0)), "the other port");
}

#[test]
fn a_fault_ends_by_time_even_across_a_reset() {
    let mut bench = Bench::new(1);
    bench.until(Modem::registered);
    bench.modem.fault(Fault::Hang(Cure::After(Duration::from_secs(60))), bench.now);
    assert_eq!(bench.ask("AT"), "");
    bench.modem.set_power(false, bench.now);
    bench.modem.set_power(true, bench.now);
    bench.pass(Duration::from_secs(30));
    assert_eq!((bench.ask("AT").as_str(), bench.modem.faults().len()), ("", 1));
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.ask("AT"), "AT\r\r\nOK\r\n");
}

#[test]
fn a_full_storage_leaves_messages_at_the_network() {
    let mut bench = Bench::new(1);
    for number in 0..50 {
        assert!(bench.modem.deliver("+4917", &format!("message {number}"), bench.now));
    }
    bench.until(Modem::registered);
    assert_eq!(bench.modem.waiting(), 50 - Profile::default().storage);
    bench.ask("AT+CMGD=1,4");
    assert_eq!(bench.modem.waiting(), 0);
    assert!(!bench.modem.deliver("+4917", &"x".repeat(161), bench.now), "more than one message");
}

#[test]
fn typing_works_byte_by_byte_and_lines_are_bounded() {
    let mut bench = Bench::new(1);
    bench.until(Modem::registered);
    bench.said.clear();
    for byte in b"noise AT+CSX\x08Q\r\n" {
        bench.modem.receive(0, &[*byte], bench.now);
    }
    bench.pass(Duration::from_secs(1));
    assert!(bench.said.ends_with("\r\r\n+CSQ: 24,99\r\n\r\nOK\r\n"), "{:?}", bench.said);
    bench.modem.receive(0, &[b'A'; 100_000], bench.now);
    bench.modem.receive(0, b"\r", bench.now);
    bench.pass(Duration::from_secs(1));
    assert!(bench.ask("AT").ends_with("OK\r\n"));
    assert!(bench.ask("AT+NOTHING").ends_with("ERROR\r\n"));
    assert_eq!(bench.modem.last_unknown(), Some("+NOTHING"));
}

/// Whatever is done to it, a modem that is mended and started anew works, and no message is lost.
#[test]
fn ten_thousand_random_deeds_leave_a_modem_that_works() {
    let mut random = Random::new(3);
    let mut bench = Bench::new(3);
    let (mut delivered, mut read) = (0, 0);
    for _ in 0..100 {
        for _ in 0..100 {
            let cures = [
                Cure::After(Duration::from_secs(20)),
                Cure::Reopen,
                Cure::Bearer,
                Cure::Radio,
                Cure::Reset,
                Cure::Rebind,
                Cure::PowerCut,
            ];
            let cure = cures[random.number() as usize % cures.len()];
            let now = bench.now;
            match random.number() % 24 {
                0 => bench.modem.set_power(false, now),
                1..=3 => bench.modem.set_power(true, now),
                4 => bench.modem.rebind(now),
                5 => bench.modem.drop_bearer(now),
                6 => bench.modem.fault(Fault::Hang(cure), now),
                7 => bench.modem.fault(Fault::Stall(cure), now),
                8 => bench.modem.fault(Fault::CardLost(cure), now),
                9 => bench.modem.fault(Fault::Cut { count: 2 }, now),
                10 => bench.modem.fault(Fault::Storm { count: 9, every: Duration::from_millis(5) }, now),
                11 => delivered += u32::from(bench.modem.deliver("+4917", "x", now)),
                12 => bench.modem.receive(0, b"AT+CFUN=1,1\r", now),
                13 => bench.modem.receive(1, b"ATD*99***1#\r", now),
                14 => bench.modem.receive(0, b"AT+CMGS=20\r0011", now),
                15 => bench.modem.receive(0, b"\x1a\x1bAT+QUIMSLOT=1\r", now),
                16 => bench.modem.receive(1, b"+++", now),
                17 => bench.modem.mend(now),
                18 => bench.modem.set_open(1, random.number().is_multiple_of(2), now),
                19 => bench.modem.receive(0, b"AT+CFUN=4;+CFUN=1\r", now),
                _ => {
                    let noise: Vec<u8> = (0..40).map(|_| random.number() as u8).collect();
                    bench.modem.receive(0, &noise, now);
                }
            }
            bench.pass(Duration::from_millis(random.number() % 3_000));
        }
        bench.modem.mend(bench.now);
        bench.modem.set_power(false, bench.now);
        bench.modem.set_power(true, bench.now);
        bench.until(Modem::registered);
        let list = bench.ask("AT+CMGL=4");
        read += u32::try_from(list.matches("+CMGL: ").count()).unwrap();
        assert!(bench.ask("AT+CMGD=0,4").ends_with("OK\r\n"), "{}", bench.said);
    }
    assert!(delivered > 200, "{delivered}");
    assert_eq!(read, delivered);
}

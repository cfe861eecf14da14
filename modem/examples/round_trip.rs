//! What a command costs over a pty: the time from `Session::command` to its reply, the other side answering at once.
//!
//!     cargo run --release -p shunt-modem --example round_trip

#![allow(clippy::print_stdout, reason = "it has nothing else to say its figure by")]

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use shunt_modem::at::{Class, Command, Echo};
use shunt_modem::{Session, Timing};
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Commands that are measured, and before them some that are not.
const COMMANDS: usize = 10_000;
const BEFORE: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    unlockpt(&master)?;
    // A pty that nobody has open reads as ended at its other side.
    let _kept_open = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    let path = PathBuf::from(ptsname(&master, Vec::new())?.into_string()?);
    let mut session = Session::open(&path, 115_200, Echo::On, Timing::default())?;
    thread::spawn(move || answer(File::from(master)));

    let mut took = Vec::with_capacity(COMMANDS);
    for number in 0..BEFORE + COMMANDS {
        let command = Command::new("AT+CSQ", Class::SingleLine("+CSQ:"))?;
        let start = Instant::now();
        session.command(command, Duration::from_secs(5)).await?;
        if number >= BEFORE {
            took.push(start.elapsed());
        }
    }
    took.sort_unstable();
    let share = |percent: usize| took.get(COMMANDS * percent / 100).copied().unwrap_or_default();
    println!("{COMMANDS} commands: median {:?}, 99 of 100 within {:?}", share(50), share(99));
    Ok(())
}

/// Echoes every line and answers it.
fn answer(mut modem: File) -> std::io::Result<()> {
    let mut line = Vec::new();
    let mut bytes = [0; 64];
    loop {
        let read = modem.read(&mut bytes)?;
        for byte in bytes.iter().take(read) {
            line.push(*byte);
            if *byte == b'\r' {
                let lines: &[u8] = if line.starts_with(b"AT+") { b"\r\n+CSQ: 20,99\r\n" } else { b"" };
                modem.write_all(&[&line, lines, b"\r\nOK\r\n"].concat())?;
                line.clear();
            }
        }
    }
}

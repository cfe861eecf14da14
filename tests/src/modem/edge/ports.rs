//! The modem's ports as files: they come, go, are opened and closed.

use super::Endpoint;
use super::tree::{self, Switch};
use crate::modem::core::Modem;
use crate::sys::{self, OpenWatch};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Read at once from one port.
const CHUNK: usize = 1024;
/// An EC25's AT port is its third; the first two are for diagnosis and positions.
const FIRST_NUMBER: u32 = 2;

/// All ports of the modem.
#[derive(Debug)]
pub(super) struct Ports {
    endpoints: Vec<Endpoint>,
    usb: (u16, u16),
    switch: Option<Switch>,
    watch: OpenWatch,
    lines: Vec<Line>,
    paths: Vec<PathBuf>,
    next_number: u32,
}

#[derive(Debug)]
enum Line {
    Pty { master: File, slave: File, link: PathBuf, planted: bool, watch: i32, openers: u32 },
    Socket { listener: UnixListener, path: PathBuf, host: Option<UnixStream> },
}

impl Ports {
    /// The ports of a modem with these ids on USB; they come later.
    pub(super) fn new(endpoints: Vec<Endpoint>, usb: (u16, u16)) -> io::Result<Self> {
        let tree = endpoints.iter().find_map(|endpoint| match endpoint {
            Endpoint::Pty(directory) => Some(directory),
            Endpoint::Line(_) | Endpoint::Socket(_) => None,
        });
        Ok(Self {
            switch: tree.map(|directory| Switch::new(directory)).transpose()?,
            endpoints,
            usb,
            watch: OpenWatch::new()?,
            lines: Vec::new(),
            paths: Vec::new(),
            next_number: FIRST_NUMBER,
        })
    }

    /// Where the ports are now.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The ports come.
    pub(super) fn come(&mut self) {
        self.go(false);
        // What cannot be set back is found as it was, and the test that needs it fails.
        let _as_it_was = self.switch.as_ref().map(Switch::reset);
        for (port, endpoint) in self.endpoints.iter().enumerate() {
            let line = match endpoint {
                Endpoint::Pty(directory) => {
                    let name = format!("ttyUSB{}", self.next_number);
                    self.next_number += 1;
                    tree::plant(directory, &name, port, self.usb)
                        .and_then(|link| open_pty(link, true, &self.watch))
                }
                Endpoint::Line(path) => open_pty(path.clone(), false, &self.watch),
                Endpoint::Socket(path) => open_socket(path.clone()),
            };
            // Without one port the others are no modem.
            let Ok(line) = line else { return self.go(false) };
            self.lines.push(line);
        }
        self.paths = self.lines.iter().map(|line| line.path().to_owned()).collect();
    }

    /// The ports go: whoever has one open reads its end. The device stays on the bus if it is `shut_out`.
    pub(super) fn go(&mut self, shut_out: bool) {
        self.paths.clear();
        for line in self.lines.drain(..) {
            // Nobody can find it any more; that is all that matters.
            let _gone_already = match &line {
                Line::Pty { link, planted: true, .. } => tree::uproot(link, shut_out),
                Line::Pty { link, planted: false, .. } => std::fs::remove_file(link),
                Line::Socket { path, .. } => std::fs::remove_file(path),
            };
        }
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let switch = self.switch.as_ref().map(Switch::descriptor);
        self.lines.iter().map(Line::descriptor).chain([self.watch.file().as_fd()]).chain(switch)
    }

    /// What the modem says. What a host does not read in time is lost, as with a real port.
    pub(super) fn write(&mut self, port: usize, bytes: &[u8]) {
        let _lost = match self.lines.get_mut(port) {
            Some(Line::Pty { master, openers: 1.., .. }) => master.write(bytes),
            Some(Line::Socket { host: Some(host), .. }) => host.write(bytes),
            Some(Line::Pty { .. } | Line::Socket { .. }) | None => Ok(0),
        };
    }

    /// Takes in what there is: who came, who left, and what they said.
    pub(super) fn take(&mut self, modem: &mut Modem) {
        for on in self.switch.as_mut().map(Switch::take).unwrap_or_default() {
            if on != modem.is_authorized() {
                modem.set_authorized(on, shunt::clock::now());
            }
        }
        self.take_openings(modem);
        for (port, line) in self.lines.iter_mut().enumerate() {
            line.take(port, modem);
        }
    }

    fn take_openings(&mut self, modem: &mut Modem) {
        for (number, opened) in self.watch.take() {
            let found = self.lines.iter_mut().enumerate().find_map(|(port, line)| match line {
                Line::Pty { watch, openers, slave, .. } if *watch == number => Some((port, openers, slave)),
                Line::Pty { .. } | Line::Socket { .. } => None,
            });
            let Some((port, openers, slave)) = found else { continue };
            *openers = if opened { *openers + 1 } else { openers.saturating_sub(1) };
            if !opened && *openers == 0 {
                // It fails only when the pty is gone, and then nobody needs it.
                let _gone = sys::reset_pty(slave);
            }
            if (opened && *openers == 1) || (!opened && *openers == 0) {
                modem.set_open(port, opened, shunt::clock::now());
            }
        }
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.go(false);
    }
}

impl Line {
    fn path(&self) -> &Path {
        match self {
            Self::Pty { link, .. } => link,
            Self::Socket { path, .. } => path,
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pty { master, .. } => master.as_fd(),
            Self::Socket { listener, host: None, .. } => listener.as_fd(),
            Self::Socket { host: Some(host), .. } => host.as_fd(),
        }
    }

    fn take(&mut self, port: usize, modem: &mut Modem) {
        let now = shunt::clock::now();
        let mut chunk = [0; CHUNK];
        match self {
            Self::Pty { master, .. } => {
                while let Ok(length @ 1..) = master.read(&mut chunk) {
                    modem.receive(port, chunk.get(..length).unwrap_or_default(), now);
                }
            }
            Self::Socket { listener, host: host @ None, .. } => {
                if let Ok((stream, _)) = listener.accept()
                    && stream.set_nonblocking(true).is_ok()
                {
                    *host = Some(stream);
                    modem.set_open(port, true, now);
                }
            }
            Self::Socket { host, .. } => loop {
                match host.as_mut().map(|stream| stream.read(&mut chunk)) {
                    Some(Ok(length @ 1..)) => {
                        modem.receive(port, chunk.get(..length).unwrap_or_default(), now)
                    }
                    Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => return,
                    Some(Ok(_) | Err(_)) | None => {
                        *host = None;
                        modem.set_open(port, false, now);
                        return;
                    }
                }
            },
        }
    }
}

fn open_pty(link: PathBuf, planted: bool, watch: &OpenWatch) -> io::Result<Line> {
    let (master, slave, path) = sys::open_pty()?;
    let number = watch.add(&path)?;
    std::os::unix::fs::symlink(path, &link)?;
    Ok(Line::Pty { master, slave, link, planted, watch: number, openers: 0 })
}

fn open_socket(path: PathBuf) -> io::Result<Line> {
    let listener = UnixListener::bind(&path)?;
    listener.set_nonblocking(true)?;
    Ok(Line::Socket { listener, path, host: None })
}

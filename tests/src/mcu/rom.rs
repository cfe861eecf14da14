//! The boot loader in the ROM of the STM32G030, as ST's AN3155 and AN2606 tell of it, and the flash and RAM that it writes:
//! bytes in, bytes out.
//!
//! It is as strict as the notes are, and no kinder: it waits for ever for what it was promised; it takes whole double words
//! only, where the flash is erased, and does not tell when that was not so; it takes the first byte for the speed, and is deaf
//! when that was another one. What it cannot show is the line's parity, which a pty does not have.
//!
//! The agent's own tests use this very file.

#[path = "program.rs"]
mod program;
#[path = "wrong.rs"]
mod wrong;

pub use program::program;
use program::{names, whole};
pub use wrong::{Boot, Wrong};

/// Where things are.
const FLASH: u32 = 0x0800_0000;
const FLASH_BYTES: usize = 32 * 1024;
const PAGE: usize = 2 * 1024;
const RAM: u32 = 0x2000_0000;
const RAM_BYTES: usize = 8 * 1024;
/// The loader's own part of the RAM.
const OWN_RAM: usize = 0x1000;

const ACK: u8 = 0x79;
const NACK: u8 = 0x1f;
const SPEED: u8 = 0x7f;
const GET: u8 = 0x00;
const GET_ID: u8 = 0x02;
const READ: u8 = 0x11;
const GO: u8 = 0x21;
const WRITE: u8 = 0x31;
const ERASE: u8 = 0x44;
const COMMANDS: [u8; 11] = [GET, 0x01, GET_ID, READ, GO, WRITE, ERASE, 0x63, 0x73, 0x82, 0x92];

/// From here on a number of pages means a whole bank, and this one all of the flash.
const BANKS: usize = 0xfff0;
const ALL: &[u8] = &[0xff, 0xff];

/// The product number of the STM32G030.
const PRODUCT: u16 = 0x466;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Speed,
    Deaf,
    Command,
    Complement(u8),
    Address(u8),
    Count(u32),
    Data(u32),
    Pages,
}

/// The loader and its memory.
#[derive(Debug, Clone)]
pub struct Rom {
    flash: Vec<u8>,
    ram: Vec<u8>,
    state: State,
    buffer: Vec<u8>,
    /// The first word was erased when the supply came on (`EMPTY` in `FLASH_ACR`).
    empty: bool,
    dead: bool,
    wrong: Wrong,
    /// What the program before has, for a stubborn part.
    before: Vec<u8>,
    writes: usize,
    erased: Vec<usize>,
    trusted: Vec<u8>,
    /// It was left by a program in RAM that resets the part.
    left: bool,
    /// A double word that was written in half: whoever reads it stops (ECC), until the page is erased.
    torn: Option<usize>,
    stopped: bool,
}

impl Rom {
    /// A part with this in its flash, whose supply came on.
    #[must_use]
    pub fn new(program: &[u8]) -> Self {
        let mut flash = program.to_vec();
        flash.resize(FLASH_BYTES, 0xff);
        let before = flash.clone();
        let mut rom = Self {
            flash,
            ram: vec![0xa5; RAM_BYTES],
            state: State::Speed,
            buffer: Vec::new(),
            empty: false,
            dead: false,
            wrong: Wrong::Nothing,
            before,
            writes: 0,
            erased: Vec::new(),
            trusted: Vec::new(),
            left: false,
            torn: None,
            stopped: false,
        };
        rom.power();
        rom
    }

    /// This is wrong from now on; writes are counted anew.
    pub fn set_wrong(&mut self, wrong: Wrong) {
        self.wrong = wrong;
        self.dead = false;
        self.writes = 0;
        self.before.clone_from(&self.flash);
    }

    /// The supply went while the double word there was written.
    pub fn tear(&mut self, at: usize) {
        self.torn = Some(at);
    }

    /// The loader is started anew, by a pin or by the program.
    pub fn enter(&mut self) {
        self.state = State::Speed;
        self.buffer.clear();
        self.left = false;
        self.stopped = false;
    }

    /// The supply goes and comes.
    pub fn power(&mut self) -> Boot {
        self.empty = self.flash.iter().take(4).all(|byte| *byte == 0xff);
        self.ram.fill(0xa5);
        self.reset()
    }

    /// The part is reset, without BOOT0.
    pub fn reset(&mut self) -> Boot {
        self.enter();
        if self.empty {
            return Boot::Loader;
        }
        match whole(&self.flash).or_else(|| self.real()) {
            Some((board, version)) => Boot::Program(board, version),
            None => Boot::Dead,
        }
    }

    /// This image of a real firmware is whole, where each byte of it is there.
    pub fn trust(&mut self, image: &[u8]) {
        self.trusted = image.to_vec();
    }

    fn real(&self) -> Option<(String, String)> {
        let there = !self.trusted.is_empty() && self.flash.starts_with(&self.trusted);
        let mut places = (0..self.trusted.len()).filter(|_| there);
        places.find_map(|at| names(self.trusted.get(at..)?))
    }

    /// Whether a program in RAM resets the part now.
    pub fn take_left(&mut self) -> bool {
        std::mem::take(&mut self.left)
    }

    /// Whether something else than the speed came first: only a reset helps.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.state == State::Deaf
    }

    /// The flash.
    #[must_use]
    pub fn flash(&self) -> &[u8] {
        &self.flash
    }

    /// Writes to the flash since something was last made wrong, and the pages that were erased since it is there.
    #[must_use]
    pub fn wear(&self) -> (usize, &[usize]) {
        (self.writes, &self.erased)
    }

    /// Takes a byte, and gives what it answers.
    pub fn receive(&mut self, byte: u8) -> Vec<u8> {
        let answer = if self.dead || self.stopped { Vec::new() } else { self.take(byte) };
        if self.dead || self.stopped { Vec::new() } else { answer }
    }

    fn take(&mut self, byte: u8) -> Vec<u8> {
        match self.state {
            State::Speed if byte == SPEED => self.then(State::Command, &[ACK]),
            // The loader measures this byte whatever it is, and its speed is wrong from then on.
            State::Speed => self.then(State::Deaf, &[]),
            State::Deaf => Vec::new(),
            State::Command => self.then(State::Complement(byte), &[]),
            State::Complement(command) if byte == !command && COMMANDS.contains(&command) => {
                self.command(command)
            }
            State::Complement(_) => self.refuse(),
            State::Address(command) => {
                self.gather(byte, 5).map_or_else(Vec::new, |block| self.address(command, &block))
            }
            State::Count(address) => {
                self.gather(byte, 2).map_or_else(Vec::new, |block| self.read(address, &block))
            }
            State::Data(address) => {
                self.writes += usize::from(self.buffer.is_empty() && in_flash(address));
                let now = self.writes.checked_sub(1).filter(|_| in_flash(address));
                if self.buffer.len() == 2 && Some(self.wrong) == now.map(Wrong::LostAtWrite) {
                    self.wrong = Wrong::Nothing;
                    return Vec::new();
                }
                let length = self.buffer.first().map_or(usize::from(byte), |first| usize::from(*first)) + 3;
                self.gather(byte, length).map_or_else(Vec::new, |block| self.write(address, &block, now))
            }
            State::Pages => {
                let low = self.buffer.get(1).unwrap_or(&byte);
                let count = self.buffer.first().map_or(0, |high| u16::from_be_bytes([*high, *low]).into());
                // The highest numbers stand for whole banks, and no pages follow.
                let length = if count >= BANKS { 3 } else { 2 * count + 5 };
                self.gather(byte, length).map_or_else(Vec::new, |block| self.erase(&block))
            }
        }
    }

    fn then(&mut self, state: State, answer: &[u8]) -> Vec<u8> {
        self.state = state;
        self.buffer.clear();
        answer.to_vec()
    }

    fn refuse(&mut self) -> Vec<u8> {
        self.then(State::Command, &[NACK])
    }

    /// All of a block, when it is there.
    fn gather(&mut self, byte: u8, length: usize) -> Option<Vec<u8>> {
        self.buffer.push(byte);
        (self.buffer.len() >= length).then(|| std::mem::take(&mut self.buffer))
    }

    fn command(&mut self, command: u8) -> Vec<u8> {
        if self.wrong == Wrong::Protected && !matches!(command, GET | 0x01 | GET_ID) {
            return self.refuse();
        }
        let product = if let Wrong::Product(other) = self.wrong { other } else { PRODUCT };
        match command {
            GET => {
                let mut answer = vec![ACK, 11, 0x31];
                answer.extend(COMMANDS);
                answer.push(ACK);
                self.then(State::Command, &answer)
            }
            GET_ID => {
                let [high, low] = product.to_be_bytes();
                self.then(State::Command, &[ACK, 1, high, low, ACK])
            }
            READ | GO | WRITE => self.then(State::Address(command), &[ACK]),
            ERASE => self.then(State::Pages, &[ACK]),
            _ => self.refuse(),
        }
    }

    fn address(&mut self, command: u8, block: &[u8]) -> Vec<u8> {
        let Some(address) = unsummed(block).and_then(|bytes| bytes.first_chunk()).copied() else {
            return self.refuse();
        };
        let address = u32::from_be_bytes(address);
        match command {
            READ if self.place(address, 1).is_some() => self.then(State::Count(address), &[ACK]),
            WRITE if address.is_multiple_of(4) && self.place(address, 1).is_some() => {
                self.then(State::Data(address), &[ACK])
            }
            GO if self.place(address, 8).is_some() => {
                self.left = self.resets(address);
                self.then(State::Speed, &[ACK])
            }
            _ => self.refuse(),
        }
    }

    /// Whether what lies in RAM there clears `EMPTY` and asks for a reset, as far as its numbers tell.
    fn resets(&mut self, address: u32) -> bool {
        let code: Vec<u8> = self.place(address, 48).unwrap_or_default().to_vec();
        let has = |word: u32| code.chunks_exact(4).any(|chunk| chunk == word.to_le_bytes());
        self.empty &= !(has(0x4002_2000) && has(1 << 16));
        address >= RAM && has(address + 9) && has(0xe000_ed0c) && has(0x05fa_0004)
    }

    fn read(&mut self, address: u32, block: &[u8]) -> Vec<u8> {
        let &[count, complement] = block else { return self.refuse() };
        let length = usize::from(count) + 1;
        let Some(content) = self.place(address, length).filter(|_| complement == !count) else {
            return self.refuse();
        };
        let mut answer = vec![ACK];
        answer.extend_from_slice(content);
        let at = address.wrapping_sub(FLASH) as usize;
        self.stopped = self.torn.is_some_and(|torn| in_flash(address) && (at..at + length).contains(&torn));
        self.then(State::Command, &answer)
    }

    fn write(&mut self, address: u32, block: &[u8], number: Option<usize>) -> Vec<u8> {
        if Some(self.wrong) == number.map(Wrong::DeadAtWrite) {
            // The supply of the line goes in the midst of it: half is written.
            let half = block.get(1..((block.len() / 2) & !7) | 1).unwrap_or_default();
            self.store(address, half);
            self.torn = Some(address.wrapping_sub(FLASH) as usize + half.len());
            self.dead = true;
            return Vec::new();
        }
        if Some(self.wrong) == number.map(Wrong::RefusedAtWrite) {
            self.wrong = Wrong::Nothing;
            return self.refuse();
        }
        let data = unsummed(block).and_then(|bytes| bytes.get(1..)).map(<[u8]>::to_vec);
        let Some(data) = data.filter(|data| self.place(address, data.len()).is_some()) else {
            return self.refuse();
        };
        let aligned = address.is_multiple_of(8) && data.len().is_multiple_of(8);
        if in_flash(address) && !aligned {
            return self.refuse();
        }
        self.store(address, &data);
        self.then(State::Command, &[ACK])
    }

    fn store(&mut self, address: u32, data: &[u8]) {
        if let Some(at) = address.checked_sub(RAM) {
            let place = self.ram.get_mut(at as usize..).and_then(|rest| rest.get_mut(..data.len()));
            if let Some(place) = place {
                place.copy_from_slice(data);
            }
            return;
        }
        let at = address.wrapping_sub(FLASH) as usize;
        for (number, word) in data.chunks_exact(8).enumerate() {
            let begin = at + number * 8;
            let worn = self.wrong == Wrong::Worn(begin / PAGE);
            let other = self.wrong == Wrong::Stubborn && self.before.get(begin..begin + 8) != Some(word);
            // What is not erased stays as it is: the loader does not look.
            let place = self.flash.get_mut(begin..begin + 8);
            let erased = place.filter(|place| place.iter().all(|byte| *byte == 0xff));
            if let Some(place) = erased.filter(|_| !worn && !other) {
                place.copy_from_slice(word);
            }
        }
    }

    fn erase(&mut self, block: &[u8]) -> Vec<u8> {
        let Some(bytes) = unsummed(block) else { return self.refuse() };
        let all: Vec<u8> = (0..FLASH_BYTES / PAGE).flat_map(|page| [0, page as u8]).collect();
        let pages = match bytes {
            ALL => all.as_slice(),
            [_, _, pages @ ..] if !pages.is_empty() => pages,
            _ => return self.refuse(),
        };
        let pages: Vec<usize> = pages
            .chunks_exact(2)
            .map(|page| page.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
            .collect();
        if pages.iter().any(|page| *page >= FLASH_BYTES / PAGE) {
            return self.refuse();
        }
        for page in pages.into_iter().filter(|page| self.wrong != Wrong::Kept(*page)) {
            if let Some(content) = self.flash.get_mut(page * PAGE..(page + 1) * PAGE) {
                content.fill(0xff);
            }
            self.torn = self.torn.filter(|at| at / PAGE != page);
            self.erased.push(page);
        }
        self.then(State::Command, &[ACK])
    }

    /// What the loader may touch.
    fn place(&self, address: u32, length: usize) -> Option<&[u8]> {
        let (memory, at) = match address {
            FLASH..RAM => (&self.flash, (address - FLASH) as usize),
            RAM.. => (&self.ram, (address - RAM) as usize),
            _ => return None,
        };
        if address >= RAM && at < OWN_RAM {
            return None;
        }
        memory.get(at..)?.get(..length)
    }
}

fn in_flash(address: u32) -> bool {
    address < RAM
}

/// A block without its checksum, if that is right.
fn unsummed(block: &[u8]) -> Option<&[u8]> {
    let (_, bytes) = block.split_last()?;
    (block.iter().fold(0, |sum, byte| sum ^ byte) == 0).then_some(bytes)
}

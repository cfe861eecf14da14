//! Short messages on the wire (3GPP TS 23.040, 23.038), as far as a network and a modem need them: what a phone
//! submits is read, and what the network delivers is written.
//!
//! This is written apart from the agent's own coder on purpose, so that the two are checks of each other.

/// The basic alphabet, by its codes.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension, reached by an escape.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];
const ESCAPE: u8 = 0x1b;
/// User data of one message, in octets.
const USER_DATA: usize = 140;
/// Characters of UCS-2 beside a header of concatenation.
const PART_UNITS: usize = 67;
/// TP-UDHI: the user data begins with a header.
const HEADER_FLAG: u8 = 0x40;
/// Data coding schemes that are written here.
const GSM7: u8 = 0x00;
const UCS2: u8 = 0x08;

/// The text as it goes over the air: its coding, its length as the coding counts it, and its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// TP-DCS.
    pub(super) coding: u8,
    /// Whether it begins with a header.
    pub(super) header: bool,
    /// TP-UDL: septets for the basic alphabet, else octets.
    pub(super) length: u8,
    pub(super) octets: Vec<u8>,
}

/// A message from the modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Submit {
    pub(super) to: String,
    pub(super) body: Body,
}

/// A message to the modem, or one that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deliver {
    pub(super) from: String,
    /// The service centre's time stamp, as `yy/MM/dd,hh:mm:ss+zz` reads.
    pub(super) time: String,
    pub(super) body: Body,
}

impl Body {
    /// Codes a text, which must fit into one message.
    pub(super) fn of(text: &str) -> Option<Self> {
        if let Some(septets) = septets(text) {
            let octets = pack(&septets, 0);
            let length = u8::try_from(septets.len()).ok()?;
            return (octets.len() <= USER_DATA).then_some(Self {
                coding: GSM7,
                header: false,
                length,
                octets,
            });
        }
        let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let length = u8::try_from(octets.len()).ok()?;
        (octets.len() <= USER_DATA).then_some(Self { coding: UCS2, header: false, length, octets })
    }

    /// Codes a text in UCS-2, in as many messages as it takes (23.040, 9.2.3.24.1).
    pub(super) fn parts_of(text: &str, reference: u8) -> Option<Vec<Self>> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let parts: Vec<&[u16]> = units.chunks(PART_UNITS).collect();
        let of = u8::try_from(parts.len()).ok()?;
        let body = |(number, part): (u8, &[u16])| {
            let mut octets = vec![5, 0, 3, reference, of, number];
            octets.extend(part.iter().flat_map(|unit| unit.to_be_bytes()));
            Some(Self { coding: UCS2, header: true, length: u8::try_from(octets.len()).ok()?, octets })
        };
        (1..=of).zip(parts).map(body).collect()
    }

    /// The text, without a header.
    pub(super) fn text(&self) -> String {
        let header =
            if self.header { self.octets.first().map_or(0, |length| usize::from(*length) + 1) } else { 0 };
        match self.coding & 0x0c {
            0x08 => {
                let octets = self.octets.get(header..).unwrap_or_default();
                let units: Vec<u16> =
                    octets.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
                String::from_utf16_lossy(&units)
            }
            0x04 => self.octets.iter().skip(header).map(|octet| char::from(*octet)).collect(),
            _ => {
                let skipped = (header * 8).div_ceil(7);
                let all = unpack(&self.octets, usize::from(self.length));
                letters(all.get(skipped..).unwrap_or_default())
            }
        }
    }
}

impl Submit {
    /// Reads a TPDU (TS 23.040, 9.2.2.2).
    pub(super) fn read(tpdu: &[u8]) -> Option<Self> {
        let (first, rest) = tpdu.split_first()?;
        if first & 0x03 != 0x01 {
            return None;
        }
        let (_reference, rest) = rest.split_first()?;
        let (to, rest) = read_address(rest)?;
        let (_protocol, rest) = rest.split_first()?;
        let (coding, rest) = rest.split_first()?;
        // TP-VPF: none, relative (1 octet), or one of the two of 7 octets.
        let validity = match first & 0x18 {
            0x00 => 0,
            0x10 => 1,
            _ => 7,
        };
        let (length, octets) = rest.get(validity..)?.split_first()?;
        let body = Body {
            coding: *coding,
            header: first & HEADER_FLAG != 0,
            length: *length,
            octets: octets.to_vec(),
        };
        body.is_whole().then_some(Self { to, body })
    }
}

impl Body {
    /// Whether there are as many octets as the length says.
    fn is_whole(&self) -> bool {
        let length = usize::from(self.length);
        let octets = if self.coding & 0x0c == 0 { (length * 7).div_ceil(8) } else { length };
        self.octets.len() == octets
    }
}

impl Deliver {
    /// Writes a TPDU (TS 23.040, 9.2.2.1).
    pub(super) fn write(&self) -> Vec<u8> {
        // SMS-DELIVER, no more messages waiting.
        let mut tpdu = vec![0x04 | if self.body.header { HEADER_FLAG } else { 0 }];
        tpdu.extend(address(&self.from));
        tpdu.extend([0, self.body.coding]);
        tpdu.extend(stamp(&self.time));
        tpdu.push(self.body.length);
        tpdu.extend(&self.body.octets);
        tpdu
    }
}

/// Writes a TPDU (TS 23.040, 9.2.2.2) without a validity period.
pub(super) fn submit(to: &str, body: &Body) -> Vec<u8> {
    let mut tpdu = vec![0x01 | if body.header { HEADER_FLAG } else { 0 }, 0];
    tpdu.extend(address(to));
    tpdu.extend([0, body.coding, body.length]);
    tpdu.extend(&body.octets);
    tpdu
}

/// A number: its digits, its type, and the digits by halves, swapped. Names are written in the basic alphabet.
pub(super) fn address(number: &str) -> Vec<u8> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let packed = pack(&septets(number).unwrap_or_default(), 0);
        let mut address = vec![u8::try_from(packed.len() * 2).unwrap_or(0), 0xd0];
        address.extend(packed);
        return address;
    }
    let kind = if number.starts_with('+') { 0x91 } else { 0x81 };
    let mut address = vec![u8::try_from(digits.len()).unwrap_or(0), kind];
    for pair in digits.as_bytes().chunks(2) {
        let half = |index| pair.get(index).map_or(0x0f, |byte: &u8| byte - b'0');
        address.push(half(1) << 4 | half(0));
    }
    address
}

fn read_address(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (digits, rest) = bytes.split_first()?;
    let (kind, rest) = rest.split_first()?;
    let digits = usize::from(*digits);
    let (octets, rest) = rest.split_at_checked(digits.div_ceil(2))?;
    if kind & 0x70 == 0x50 {
        return Some((letters(&unpack(octets, digits * 4 / 7)), rest));
    }
    let mut number = if kind & 0x70 == 0x10 { String::from("+") } else { String::new() };
    let halves = octets.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]);
    number.extend(
        halves
            .take(digits)
            .map(|half| char::from(b"0123456789*#abc?".get(usize::from(half)).copied().unwrap_or(b'?'))),
    );
    Some((number, rest))
}

/// A time stamp: seven pairs of digits, swapped; the zone in quarters of an hour.
fn stamp(time: &str) -> Vec<u8> {
    let digits: Vec<u8> = time.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    let mut octets: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[tens, ones]| ones << 4 | tens).collect();
    octets.resize(7, 0);
    octets
}

/// The codes of a text in the basic alphabet and its extension, if it has no other letters.
pub(super) fn septets(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::new();
    for letter in text.chars() {
        if let Some((code, _)) = EXTENSION.iter().find(|(_, c)| *c == letter) {
            septets.extend([ESCAPE, *code]);
        } else {
            septets.push(u8::try_from(BASIC.chars().position(|c| c == letter && c != '\u{1b}')?).ok()?);
        }
    }
    Some(septets)
}

fn letters(septets: &[u8]) -> String {
    let mut text = String::new();
    let mut escaped = false;
    for code in septets {
        if !escaped && *code == ESCAPE {
            escaped = true;
            continue;
        }
        let basic = BASIC.chars().nth(usize::from(*code));
        let extended = EXTENSION.iter().find(|(c, _)| c == code).map(|(_, letter)| *letter);
        text.extend(if escaped { extended.or(basic) } else { basic });
        escaped = false;
    }
    text
}

/// Seven bits each, the first one lowest, after `fill` empty bits.
fn pack(septets: &[u8], fill: usize) -> Vec<u8> {
    let mut octets = vec![0; (septets.len() * 7 + fill).div_ceil(8)];
    for (number, septet) in septets.iter().enumerate() {
        for bit in 0..7 {
            if septet >> bit & 1 == 1 {
                let at = fill + number * 7 + bit;
                if let Some(octet) = octets.get_mut(at / 8) {
                    *octet |= 1 << (at % 8);
                }
            }
        }
    }
    octets
}

fn unpack(octets: &[u8], count: usize) -> Vec<u8> {
    let bit = |at: usize| octets.get(at / 8).map_or(0, |octet| octet >> (at % 8) & 1);
    (0..count).map(|number| (0..7).fold(0, |septet, at| septet | bit(number * 7 + at) << at)).collect()
}

/// Octets as they stand on an AT line.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// Octets from an AT line.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basic_alphabet_has_its_codes() {
        assert_eq!(BASIC.chars().count(), 128);
        for (letter, code) in [('@', 0), ('Δ', 0x10), (' ', 0x20), ('A', 0x41), ('Ä', 0x5b), ('à', 0x7f)] {
            assert_eq!(septets(&letter.to_string()), Some(vec![code]), "{letter}");
        }
        assert_eq!(septets("€"), Some(vec![ESCAPE, 0x65]));
        assert_eq!(septets("中"), None);
    }

    #[test]
    fn a_submitted_message_is_read() {
        // The example that is told most often: "hellohello" in the basic alphabet.
        let tpdu = unhex("11000B916407281553F80000AA0AE8329BFD4697D9EC37").unwrap();
        let submit = Submit::read(&tpdu).unwrap();
        assert_eq!((submit.to.as_str(), submit.body.text().as_str()), ("+46708251358", "hellohello"));
        assert_eq!(Submit::read(&tpdu[..tpdu.len() - 1]), None);
        assert_eq!(Body::of("hellohello").unwrap().octets, submit.body.octets);
    }

    #[test]
    fn a_message_to_the_modem_is_written() {
        // The same source's example of a delivered message: from 27838890001, 1999-03-29 15:16:59 +02:00.
        let time = "99/03/29,15:16:59+08".to_owned();
        let body = Body::of("hellohello").unwrap();
        let deliver = Deliver { from: "+27838890001".into(), time, body };
        assert_eq!(hex(&deliver.write()), "040B917238880900F10000993092516195800AE8329BFD4697D9EC37");
    }

    #[test]
    fn texts_come_back_as_they_went() {
        for text in ["", "€[]{}~^|\\", "Grüße", "中文 😀", &"x".repeat(160)] {
            assert_eq!(Body::of(text).unwrap().text(), text);
        }
        assert_eq!(Body::of(&"x".repeat(161)), None);
    }

    #[test]
    fn a_header_is_no_text() {
        let mut octets = vec![5, 0, 3, 7, 2, 1];
        let packed = pack(&septets("part one").unwrap(), 1);
        octets.extend(packed);
        let body = Body { coding: GSM7, header: true, length: 7 + 8, octets };
        assert_eq!(body.text(), "part one");
        assert!(body.is_whole());
    }
}

//! Rolling codes: HOTP (RFC 4226) and TOTP (RFC 6238), by HMAC of RustCrypto.

use crate::UnixTime;
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The shortest secret in bytes (RFC 4226 4, R6: at least 128 bits).
const SECRET_BYTES_MIN: usize = 16;
/// The longest: one block of SHA-256, behind which a key is only hashed.
const SECRET_BYTES_MAX: usize = 64;

/// The characters of base32 (RFC 4648 6), and how many bits each has.
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE32_BITS: u32 = 5;

/// A step of time codes (RFC 6238 5.2).
const STEP_SECONDS: u64 = 30;

/// How far back a code is looked for to tell one that was used from a wrong one. As far as the default look-ahead.
const LOOK_BACK: u64 = 10;

/// The secret that codes are made with. It is shown nowhere.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why a secret is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not base32.
    #[error("failed to read a secret: it is not in base32; use the letters A to Z and the digits 2 to 7")]
    NotBase32,
    /// Too short or too long.
    #[error(
        "failed to read a secret: it has {bytes} bytes; make one of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}, best \
         20, from /dev/urandom"
    )]
    Length {
        /// How many it has.
        bytes: usize,
    },
}

/// How codes roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rolling {
    /// By counter (HOTP): needs no clock.
    Counter {
        /// How many codes may have been made and not sent.
        look_ahead: u8,
    },
    /// By time (TOTP), in steps of 30 s: needs a clock that is right.
    Time {
        /// How many steps the clock may be off either way.
        skew: u8,
    },
}

/// The hash beneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hash {
    /// SHA-1, the only one that all authenticator programs know. As HMAC it is not broken.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How long codes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digits {
    /// Six.
    #[default]
    Six,
    /// Seven.
    Seven,
    /// Eight.
    Eight,
}

/// A code as it was sent. It is shown nowhere: within the look-ahead it may still be good.
#[derive(Clone)]
pub(crate) struct Code {
    value: u32,
    digits: usize,
}

/// What a code was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Right: the next code must be of this counter or step, or a later one.
    Right {
        /// One behind the one it was.
        next: u64,
    },
    /// It was right once.
    Used,
    /// Wrong.
    Wrong,
    /// The time is not known.
    NoClock,
}

impl Secret {
    /// From bytes of a random generator.
    ///
    /// # Errors
    ///
    /// With fewer than 16 bytes, or more than 64.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(SecretError::Length { bytes: bytes.len() });
        }
        Ok(Self(bytes.to_vec()))
    }

    /// From base32, as authenticator programs take it. Spaces, line ends and the fill at the end are passed over, the case
    /// does not matter.
    ///
    /// # Errors
    ///
    /// When `text` is not base32, or has fewer than 16 bytes or more than 64.
    pub fn from_base32(text: &str) -> Result<Self, SecretError> {
        let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
        for c in text.trim_end_matches(['=', '\n', '\r', ' ']).chars().filter(|c| !c.is_ascii_whitespace()) {
            let value = BASE32.find(c.to_ascii_uppercase()).and_then(|value| u32::try_from(value).ok());
            // The byte that is held up to the moment of it, and no more: older bits are shifted out.
            bits = bits << BASE32_BITS | value.ok_or(SecretError::NotBase32)?;
            held += BASE32_BITS;
            if held >= 8 {
                held -= 8;
                let [byte, ..] = (bits >> held).to_le_bytes();
                bytes.push(byte);
            }
        }
        Self::new(&bytes)
    }

    /// Tells two secrets apart, and nothing about either.
    pub(crate) fn print(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = mac::<Hmac<Sha256>, 32>(&self.0, b"shunt remote control");
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The code of a counter (RFC 4226 5.3).
    fn code(&self, counter: u64, hash: Hash, digits: Digits) -> u32 {
        let counter = counter.to_be_bytes();
        let value = match hash {
            Hash::Sha1 => truncated(&mac::<Hmac<Sha1>, 20>(&self.0, &counter)),
            Hash::Sha256 => truncated(&mac::<Hmac<Sha256>, 32>(&self.0, &counter)),
        };
        value % digits.modulus()
    }

    /// What `code` is, when `next` is the least counter or step that may still come. All candidates are compared, each in
    /// constant time.
    pub(crate) fn find(
        &self,
        code: &Code,
        next: u64,
        kind: (Rolling, Hash, Digits),
        clock: Option<UnixTime>,
    ) -> Found {
        let (rolling, hash, digits) = kind;
        let (from, to) = match (rolling, clock) {
            (Rolling::Counter { look_ahead }, _) => (next, next.saturating_add(u64::from(look_ahead))),
            (Rolling::Time { skew }, Some(UnixTime(seconds))) => {
                let step = seconds / STEP_SECONDS;
                (step.saturating_sub(u64::from(skew)), step.saturating_add(u64::from(skew)))
            }
            (Rolling::Time { .. }, None) => return Found::NoClock,
        };
        if code.digits != digits.count() {
            return Found::Wrong;
        }
        let (mut hit, mut used) = (0, Choice::from(0));
        let look_back = from.min(next).saturating_sub(LOOK_BACK);
        for counter in look_back..=to {
            let same = self.code(counter, hash, digits).ct_eq(&code.value);
            let open = Choice::from(u8::from(counter >= from && counter >= next));
            // The first that fits: a later one would skip codes that are still good.
            let none_yet = hit.ct_eq(&0);
            hit = u64::conditional_select(&hit, &counter.saturating_add(1), same & open & none_yet);
            used |= same & !open;
        }
        match (hit, bool::from(used)) {
            (0, true) => Found::Used,
            (0, false) => Found::Wrong,
            (next, _) => Found::Right { next },
        }
    }
}

impl Default for Rolling {
    /// By counter. Ten codes may be skipped: somebody who tries a program out presses its button a few times, and with six
    /// digits a guess is right once in 90,000.
    fn default() -> Self {
        Self::Counter { look_ahead: 10 }
    }
}

impl Digits {
    fn count(self) -> usize {
        match self {
            Self::Six => 6,
            Self::Seven => 7,
            Self::Eight => 8,
        }
    }

    fn modulus(self) -> u32 {
        match self {
            Self::Six => 1_000_000,
            Self::Seven => 10_000_000,
            Self::Eight => 100_000_000,
        }
    }
}

impl Code {
    /// From six to eight digits.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let fits = (6..=8).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_digit());
        let value = word.parse().ok().filter(|_| fits)?;
        Some(Self { value, digits: word.len() })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The authentication code of a message. A key of any length is a key of HMAC, so that there is always one.
fn mac<M: Mac + KeyInit, const LEN: usize>(key: &[u8], message: &[u8]) -> [u8; LEN] {
    let mut out = [0; LEN];
    if let Ok(mac) = <M as KeyInit>::new_from_slice(key) {
        let whole = mac.chain_update(message).finalize().into_bytes();
        for (to, from) in out.iter_mut().zip(whole) {
            *to = from;
        }
    }
    out
}

/// Dynamic truncation (RFC 4226 5.3): four bytes from where the last half byte says, without the highest bit.
fn truncated(mac: &[u8]) -> u32 {
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
    let four = mac.get(offset..).and_then(<[u8]>::first_chunk::<4>);
    u32::from_be_bytes(four.copied().unwrap_or_default()) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new(b"12345678901234567890").unwrap()
    }

    #[test]
    fn counter_codes_are_those_of_rfc_4226() {
        // Appendix D.
        let codes =
            [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(secret().code(counter, Hash::Sha1, Digits::Six), code);
        }
    }

    #[test]
    fn time_codes_are_those_of_rfc_6238() {
        // Appendix B, with the key of 32 bytes that its program has for SHA-256.
        let long = Secret::new(b"12345678901234567890123456789012").unwrap();
        for (seconds, sha1, sha256) in [
            (59, 94_287_082, 46_119_246),
            (1_111_111_109, 7_081_804, 68_084_774),
            (1_111_111_111, 14_050_471, 67_062_674),
            (1_234_567_890, 89_005_924, 91_819_424),
            (2_000_000_000, 69_279_037, 90_698_825),
            (20_000_000_000, 65_353_130, 77_737_706),
        ] {
            assert_eq!(secret().code(seconds / STEP_SECONDS, Hash::Sha1, Digits::Eight), sha1);
            assert_eq!(long.code(seconds / STEP_SECONDS, Hash::Sha256, Digits::Eight), sha256);
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        let text = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n";
        assert_eq!(Secret::from_base32(text).unwrap().0, secret().0);
        assert_eq!(Secret::from_base32("MZXW6YTBOI======").unwrap_err(), SecretError::Length { bytes: 6 });
        assert_eq!(Secret::from_base32("gezd-gnbv").unwrap_err(), SecretError::NotBase32);
        assert_eq!(format!("{:?} {:?}", secret(), Code::parse("755224")), "Secret(…) Some(Code(…))");
    }

    #[test]
    fn a_code_is_right_once_and_within_its_window() {
        let counter = (Rolling::default(), Hash::Sha1, Digits::Six);
        let find = |code: &str, next| secret().find(&Code::parse(code).unwrap(), next, counter, None);
        assert_eq!(find("755224", 0), Found::Right { next: 1 });
        assert_eq!(find("755224", 1), Found::Used);
        assert_eq!(find("520489", 0), Found::Right { next: 10 });
        assert_eq!(find("520489", 9), Found::Right { next: 10 });
        assert_eq!(find("520489", 10), Found::Used);
        assert_eq!(find("000000", 0), Found::Wrong);
        // The same number with another length is another code.
        assert_eq!(find("0755224", 0), Found::Wrong);
        let narrow = (Rolling::Counter { look_ahead: 0 }, Hash::Sha1, Digits::Six);
        assert_eq!(secret().find(&Code::parse("287082").unwrap(), 0, narrow, None), Found::Wrong);
    }

    #[test]
    fn a_time_code_is_right_once_while_its_time_lasts() {
        let time = (Rolling::Time { skew: 1 }, Hash::Sha1, Digits::Eight);
        let code = Code::parse("94287082").unwrap();
        let find = |next, clock: Option<u64>| secret().find(&code, next, time, clock.map(UnixTime));
        // Step 1: seconds 30 to 59, and one step more either way.
        for (seconds, found) in [(0, true), (59, true), (89, true), (90, false), (3_000, false)] {
            assert_eq!(matches!(find(0, Some(seconds)), Found::Right { next: 2 }), found, "{seconds}");
        }
        assert_eq!(find(2, Some(59)), Found::Used);
        // The clock was put back: what was used stays used.
        assert_eq!(find(100, Some(59)), Found::Used);
        assert_eq!(find(0, None), Found::NoClock);
    }
}

//! Bytes that are told by their number: whatever they say, they are no lines.

/// Which bytes are counted, and how many are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Counted {
    /// None: bytes make lines.
    #[default]
    No,
    /// The line end of the header is not over; so many follow it.
    Header(u32),
    /// So many that belong to the reply.
    Reply(u32),
    /// So many that repeat the payload.
    Echo(u32),
}

/// What becomes of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is part of a line.
    Line,
    /// It belongs to the reply's data.
    Data,
    /// It is dropped.
    Dropped,
}

impl Counted {
    /// `count` bytes follow a header whose line end has begun with the byte `line_end`.
    pub(crate) fn after_header(count: u32, line_end: u8) -> Self {
        match (count, line_end) {
            (0, _) => Self::No,
            (_, b'\r') => Self::Header(count),
            _ => Self::Reply(count),
        }
    }

    /// `count` bytes repeat a payload.
    pub(crate) fn echo(count: usize) -> Self {
        match u32::try_from(count) {
            Ok(0) | Err(_) => Self::No,
            Ok(count) => Self::Echo(count),
        }
    }

    /// What becomes of `byte`.
    pub(crate) fn take(&mut self, byte: u8) -> Fate {
        match (*self, byte) {
            (Self::No, _) => Fate::Line,
            // `\r\n`, and `\r\r\n` of modems that translate what they send.
            (Self::Header(_), b'\r') => Fate::Dropped,
            (Self::Header(left), b'\n') => {
                *self = Self::Reply(left);
                Fate::Dropped
            }
            (Self::Header(left) | Self::Reply(left), _) => {
                *self = if left > 1 { Self::Reply(left - 1) } else { Self::No };
                Fate::Data
            }
            (Self::Echo(left), _) => {
                *self = if left > 1 { Self::Echo(left - 1) } else { Self::No };
                Fate::Dropped
            }
        }
    }
}

/// The argument of this number in a header, where it is a number.
pub(crate) fn argument(header: &str, prefix: &str, number: u8) -> Option<u32> {
    header.strip_prefix(prefix)?.split(',').nth(usize::from(number))?.trim().parse().ok()
}

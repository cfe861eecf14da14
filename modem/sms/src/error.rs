//! What goes wrong with a message.

/// Why octets are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// Not pairs of hexadecimal digits.
    #[error("failed to read the message: it is not written in hexadecimal digits")]
    NotHex,
    /// It ends within what comes before the text.
    #[error("failed to read the message: it ends within its {field}")]
    Short {
        /// Where it ends.
        field: &'static str,
    },
    /// An address longer than the ten octets that there may be.
    #[error("failed to read the message: its {field} is longer than an address can be")]
    Address {
        /// Whose.
        field: &'static str,
    },
    /// A kind of message that the reader was not asked for.
    #[error("failed to read the message: it is a message of another kind")]
    Kind,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither a number nor a short code.
    #[error(
        "failed to take {text:?} for a number to send to; write it as \"+\" and the digits with the country code, \
         or as the digits of a short code"
    )]
    NotANumber {
        /// What was given.
        text: String,
    },
    /// Not international.
    #[error(
        "failed to take {text:?} for an international number; write it as \"+\", the country code and the rest"
    )]
    NotInternational {
        /// What was given.
        text: String,
    },
}

/// Why a message cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More parts than the format can count.
    #[error("failed to write the message: it would take more than {most} parts; make it shorter", most = crate::pdu::PARTS_MAX)]
    TooLong,
    /// An address that is no number.
    #[error("failed to write the message: its recipient is not a number")]
    Recipient,
}

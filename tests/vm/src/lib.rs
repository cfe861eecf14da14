//! What the emulated gateway says to the tool that started it: lines on the serial console, between the kernel's own.

mod said;

pub use said::{AGENT, GUEST_PATH, Said};

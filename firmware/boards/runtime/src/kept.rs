//! RAM that outlives a reset: start-up code leaves it alone.
//!
//! What it holds is whatever was written last, or anything at all when the supply was lost: who reads it must tell.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;

/// Bytes that outlive every reset, but not the supply, if their `static` is in a link section below `.uninit`.
#[derive(Debug)]
pub struct Kept<const BYTES: usize>(UnsafeCell<MaybeUninit<[u8; BYTES]>>);

// SAFETY: the parts have one core, and on each of them no interrupt handler touches what the main loop touches, but one that
// never returns to it. Bytes are read and written one by one, and any bits are a byte.
unsafe impl<const BYTES: usize> Sync for Kept<BYTES> {}

impl<const BYTES: usize> Kept<BYTES> {
    /// For a `static`; it writes nothing.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a default would be read as zeros")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    // Byte by byte: a volatile copy of the whole array becomes an instruction or two for each of its bytes.

    /// What is there.
    pub fn read(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: `at` is within the array; a volatile read takes the byte as the RAM has it, whether or not this run has
            // written it. Nobody else reads or writes meanwhile, see above.
            *byte = unsafe { ptr::read_volatile(self.place(at)) };
        }
        bytes
    }

    /// Replaces it.
    pub fn write(&self, bytes: &[u8; BYTES]) {
        for (at, byte) in bytes.iter().enumerate() {
            // SAFETY: as above.
            unsafe { ptr::write_volatile(self.place(at), *byte) };
        }
    }

    fn place(&self, at: usize) -> *mut u8 {
        self.0.get().cast::<u8>().wrapping_add(at)
    }
}

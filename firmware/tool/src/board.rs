//! The boards, and what their firmware may take.

/// A board that there is firmware for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// Its folder in `firmware/boards`.
    pub name: &'static str,
    /// The target of its processor.
    pub target: &'static str,
    /// What its firmware may take.
    pub budget: Budget,
}

/// What a firmware may take, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Of the flash.
    pub flash: u64,
    /// Of the RAM, the stack included.
    pub ram: u64,
    /// What of that is set aside for the stack.
    pub stack: u64,
}

const KIB: u64 = 1024;

/// Half of the flash of the smallest STM32G030, so that growth stays possible, and what its smaller sister, the
/// STM32C011, has of RAM with a part to spare. The emulated board has far more of both, and is held to the same so that
/// it stays the same program.
///
/// The stack: no recursion, no allocation; it holds the watchdog itself, and two frames and a record at its deepest.
const BUDGET: Budget = Budget { flash: 16 * KIB, ram: 4 * KIB, stack: 3 * KIB };

/// The board that QEMU emulates.
pub const LM3S6965: Board = Board { name: "lm3s6965", target: "thumbv7m-none-eabi", budget: BUDGET };

/// The board that ships.
pub const STM32G030: Board = Board { name: "stm32g030", target: "thumbv6m-none-eabi", budget: BUDGET };

/// All of them.
pub const BOARDS: [Board; 2] = [LM3S6965, STM32G030];

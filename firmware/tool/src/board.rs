//! The boards, and what their firmware may take.

use crate::sizes::Sizes;

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

impl Board {
    /// What of its budget this goes above: whole sentences, none where it is within.
    #[must_use]
    pub fn excess(&self, sizes: Sizes) -> Vec<String> {
        let Budget { flash, ram, stack } = self.budget;
        let excess = |(what, takes, may): (&str, u64, u64)| {
            let name = self.name;
            (takes > may).then(|| {
                format!("failed to fit {name}: it takes {takes} bytes of {what}, and may take {may}")
            })
        };
        [("flash", sizes.flash, flash), ("RAM", sizes.ram + stack, ram)]
            .into_iter()
            .filter_map(excess)
            .collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_above_16_kib_of_flash_or_4_of_ram_with_its_stack_is_too_much() {
        let most = Sizes { flash: 16 * 1024, ram: 1024 };
        for board in BOARDS {
            assert_eq!(board.excess(most), [""; 0]);
            let [flash] = &board.excess(Sizes { flash: most.flash + 1, ..most })[..] else { panic!() };
            assert!(flash.ends_with("takes 16385 bytes of flash, and may take 16384"), "{flash}");
            let [ram] = &board.excess(Sizes { ram: most.ram + 1, ..most })[..] else { panic!() };
            assert!(ram.ends_with("takes 4097 bytes of RAM, and may take 4096"), "{ram}");
        }
    }
}

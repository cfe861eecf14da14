//! The boards' images run as they are, for tests: the one that ships in a model of the STM32G030, in virtual time; the
//! other one in QEMU ([`Emulator`]), in real time.
//!
//! The model goes instruction by instruction.
//! Why: no emulator has this part, and the program that guards a gateway must be seen to do so before it cuts power. What
//! is modelled is what the program touches (memory, flash controller, clocks, pins, one UART, hardware watchdog, tick),
//! as the reference manual RM0454 says; other registers hold what is written to them, and an address where nothing is
//! raises a fault. The processor is that of the crate `rp2040-emu`.
//!
//! Time is counted in clocks of 16 MHz. What is not modelled: wait states of the flash, and the drift of clocks.

#[cfg(feature = "stm32g030")]
mod bus;
mod emulator;
#[cfg(feature = "stm32g030")]
mod flash;
#[cfg(feature = "stm32g030")]
mod gpio;
#[cfg(feature = "stm32g030")]
mod iwdg;
#[cfg(feature = "stm32g030")]
mod load;
#[cfg(feature = "stm32g030")]
mod part;
#[cfg(feature = "stm32g030")]
mod tick;
#[cfg(feature = "stm32g030")]
mod uart;

pub use emulator::{Emulator, EmulatorError, Output, OutputChange, PATIENCE};
#[cfg(feature = "stm32g030")]
pub use gpio::{PIN_HOST_RESET, PIN_LAMP, PIN_MODEM_OFF, PIN_SHUTDOWN, PinChange};
#[cfg(feature = "stm32g030")]
pub use load::LoadError;
#[cfg(feature = "stm32g030")]
pub use part::{Reset, Stm32g030};

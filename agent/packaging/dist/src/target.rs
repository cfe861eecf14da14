//! The processors that Shunt is shipped for, and what each kind of package calls them.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Rust's name.
    pub triple: &'static str,
    /// Debian's name of the architecture.
    pub debian: &'static str,
    /// OpenWrt's names of all processors that the binary runs on: a package must name the one of its gateway.
    pub openwrt: &'static [&'static str],
    /// The C compiler that ring, and where it is also the linker the whole binary, is built by, with its Debian package.
    pub compiler: (&'static str, &'static str),
    /// The C library that is linked into the binary.
    pub libc: &'static str,
}

/// All that is built unless told otherwise. Each binary is static: it runs whatever C library the gateway has.
pub const TARGETS: [Target; 3] = [
    Target {
        triple: "x86_64-unknown-linux-musl",
        debian: "amd64",
        openwrt: &["x86_64"],
        compiler: ("cc", "gcc"),
        libc: "musl",
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        debian: "arm64",
        openwrt: &["aarch64_generic", "aarch64_cortex-a53", "aarch64_cortex-a72", "aarch64_cortex-a76"],
        compiler: ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
        libc: "musl",
    },
    Target {
        triple: "armv7-unknown-linux-gnueabihf",
        debian: "armhf",
        // Rust's code for it needs ARMv7 and VFPv3 with 16 registers, so all of OpenWrt's ARMv7 processors with an FPU.
        openwrt: &[
            "arm_cortex-a5_vfpv4",
            "arm_cortex-a7_vfpv4",
            "arm_cortex-a7_neon-vfpv4",
            "arm_cortex-a8_vfpv3",
            "arm_cortex-a9_vfpv3-d16",
            "arm_cortex-a9_neon",
            "arm_cortex-a15_neon-vfpv4",
        ],
        compiler: ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
        libc: "glibc",
    },
];

impl Target {
    /// The one that Rust calls `triple`.
    #[must_use]
    pub fn named(triple: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.triple == triple)
    }
}

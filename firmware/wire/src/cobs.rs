//! Consistent overhead byte stuffing: a block without zero bytes, at most one byte in 254 longer.

/// A code byte tells at most so many bytes, itself included.
const LONGEST_RUN: u8 = 0xff;

/// The length that `bytes` can grow to by stuffing.
pub(crate) const fn stuffed_len(bytes: usize) -> usize {
    bytes + bytes / (LONGEST_RUN as usize - 1) + 1
}

/// Stuffs `source` into `target`; `None` when that is too small.
pub(crate) fn stuff(source: &[u8], target: &mut [u8]) -> Option<usize> {
    let (mut code_at, mut len, mut run) = (0, 1, 1u8);
    for byte in source {
        if *byte != 0 {
            *target.get_mut(len)? = *byte;
            len += 1;
            run += 1;
        }
        if *byte == 0 || run == LONGEST_RUN {
            *target.get_mut(code_at)? = run;
            code_at = len;
            len += 1;
            run = 1;
        }
    }
    *target.get_mut(code_at)? = run;
    Some(len)
}

/// Takes the stuffing out of `block` in place and gives the new length; `None` when `block` is no
/// stuffed block (a code points beyond its end, or a zero is within).
#[allow(clippy::manual_contains, reason = "its search by whole words takes 300 bytes of the MCU's flash")]
pub(crate) fn unstuff(block: &mut [u8]) -> Option<usize> {
    let (mut read, mut write) = (0, 0);
    while read < block.len() {
        let code = *block.get(read)?;
        if code == 0 {
            return None;
        }
        let run = usize::from(code) - 1;
        let data = read + 1..read + 1 + run;
        if block.get(data.clone())?.iter().any(|byte| *byte == 0) {
            return None;
        }
        block.copy_within(data, write);
        write += run;
        read += 1 + run;
        if code != LONGEST_RUN && read < block.len() {
            *block.get_mut(write)? = 0;
            write += 1;
        }
    }
    Some(write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_papers_examples() {
        let cases: [(&[u8], &[u8]); 6] = [
            (&[], &[1]),
            (&[0], &[1, 1]),
            (&[0, 0], &[1, 1, 1]),
            (&[0x11, 0x22, 0, 0x33], &[3, 0x11, 0x22, 2, 0x33]),
            (&[0x11, 0, 0, 0], &[2, 0x11, 1, 1, 1]),
            (&[1, 2, 3], &[4, 1, 2, 3]),
        ];
        for (plain, stuffed) in cases {
            let mut buffer = [0; 16];
            let len = stuff(plain, &mut buffer).unwrap();
            assert_eq!(&buffer[..len], stuffed);
            let len = unstuff(&mut buffer[..len]).unwrap();
            assert_eq!(&buffer[..len], plain);
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for bad in [&mut [0][..], &mut [3, 1], &mut [3, 1, 0], &mut [0xff, 1]] {
            assert_eq!(unstuff(bad), None);
        }
        assert_eq!(stuff(&[1, 2, 3], &mut [0; 3]), None);
    }

    proptest! {
        #[test]
        fn stuffing_is_undone(plain in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>(), 1u8..4], 0..600)) {
            let mut buffer = [0xaa; 700];
            let len = stuff(&plain, &mut buffer).unwrap();
            prop_assert!(len <= stuffed_len(plain.len()));
            prop_assert!(!buffer[..len].contains(&0));
            let len = unstuff(&mut buffer[..len]).unwrap();
            prop_assert_eq!(&buffer[..len], &plain[..]);
        }

        #[test]
        fn nothing_panics(mut block in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(len) = unstuff(&mut block) {
                prop_assert!(len <= block.len());
            }
        }
    }
}

//! What the receiver must hold whatever the line brings; `tests/properties.rs` and the fuzz target lead it.

use shunt_wire::{Decoder, FRAME_BYTES, Frame, Message, Received, encode};

/// CRC-16/IBM-3740 bit by bit, as a check of the crate's.
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc
}

/// A frame on the line around a message of any bytes, by code of its own. For blocks below 254 bytes.
pub(crate) fn framed(version: u8, sequence: u16, message: &[u8]) -> Vec<u8> {
    let mut block = vec![version];
    block.extend(sequence.to_le_bytes());
    block.extend(message);
    block.extend(crc(&block).to_le_bytes());
    let mut line = vec![0];
    for run in block.split(|byte| *byte == 0) {
        line.push(run.len() as u8 + 1);
        line.extend(run);
    }
    line.push(0);
    line
}

/// Feeds `line` to a decoder. What comes out of it must be what a frame of the same content carries, and after
/// it a feed is heard, whatever the line brought.
pub(crate) fn wire(line: &[u8]) {
    let mut decoder = Decoder::new();
    let mut mcu = Decoder::new();
    let mut frames = 0;
    for byte in line {
        let (received, request) = (decoder.receive(*byte), mcu.receive_request(*byte));
        assert_eq!(received.is_some(), request.is_some(), "both ends see the same frames");
        let Some(received) = received else { continue };
        assert_eq!(*byte, 0, "a frame came out before its end");
        frames += 1;
        if let Received::Frame(frame) = received {
            let mut buffer = [0; FRAME_BYTES];
            let again = encode(&frame, &mut buffer).expect("what was received can be sent");
            let mut other = Decoder::new();
            let back = again.iter().find_map(|byte| other.receive(*byte));
            assert_eq!(back, Some(Received::Frame(frame)));
        }
    }
    assert_eq!(decoder.damaged_frames(), mcu.damaged_frames(), "and the same noise");
    let ends = line.iter().filter(|byte| **byte == 0).count();
    assert!(frames + decoder.damaged_frames() as usize <= ends, "more blocks than ends");
    let mut last = None;
    for byte in framed(1, 0xfffe, &[1]) {
        last = decoder.receive(byte);
    }
    assert_eq!(last, Some(Received::Frame(Frame { sequence: 0xfffe, message: Message::Feed })));
}

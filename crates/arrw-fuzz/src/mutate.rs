//! Changes inputs.
#![expect(clippy::ptr_arg, reason = "all changes have one form")]

use arrw_log::fuzz::Target;

use crate::limits::{CHANGES_MAX, INPUT_BYTES_MAX};
use crate::rng::Rng;

/// Bytes at which parsers turn.
const BYTES: &[u8] = b"\x00\x01\x7f\x80\xff\n\r\t \"'\\{}[]:,.;/?&=%+-*>~#@09azAZ";

/// Numbers at which parsers turn, as 8 bytes.
const NUMBERS: &[u64] = &[
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    1 << 24,
    0x7fff_ffff,
    0xffff_ffff,
    (1 << 53) - 1,
    1 << 60,
    (1 << 60) + 1,
    0x7fff_ffff_ffff_ffff,
    u64::MAX - 1,
    u64::MAX,
];

/// The same as digits, and some that are none of 64 bits.
const DIGITS: &[&str] = &[
    "0",
    "-1",
    "00",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740993",
    "1152921504606846977",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "0.1",
];

/// A change of an input; `other` is another one.
type Change = fn(&mut Rng, bytes: &mut Vec<u8>, other: &[u8], words: &[&str]);

/// All changes. Those that stand twice are made twice as often.
const CHANGES: &[Change] = &[
    flip_a_bit,
    set_a_byte,
    set_a_byte,
    set_any_byte,
    insert_bytes,
    remove_a_block,
    remove_a_block,
    copy_a_block,
    repeat_a_block,
    swap_blocks,
    splice,
    take_a_block_of_the_other,
    insert_a_word,
    insert_a_word,
    overwrite_with_a_word,
    set_a_number,
    add_to_a_number,
    set_digits,
    cut,
];

/// A changed copy of `input`.
pub(crate) fn mutated(rng: &mut Rng, target: &Target, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.below(CHANGES_MAX) {
        let change = CHANGES[rng.index(CHANGES.len())];
        change(rng, &mut bytes, other, target.words);
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

fn flip_a_bit(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let at = rng.index(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << rng.below(8);
    }
}

fn set_a_byte(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let at = rng.index(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte = BYTES[rng.index(BYTES.len())];
    }
}

fn set_any_byte(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let at = rng.index(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte = rng.byte();
    }
}

fn insert_bytes(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let count = rng.length(64);
    let new: Vec<u8> = match rng.below(3) {
        0 => vec![BYTES[rng.index(BYTES.len())]; count],
        1 => (0..count).map(|_| BYTES[rng.index(BYTES.len())]).collect(),
        _ => (0..count).map(|_| rng.byte()).collect(),
    };
    insert(rng, bytes, &new);
}

fn remove_a_block(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let (from, to) = block(rng, bytes);
    bytes.drain(from..to);
}

fn copy_a_block(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let (from, to) = block(rng, bytes);
    let copied = bytes[from..to].to_vec();
    insert(rng, bytes, &copied);
}

/// Nests and grows: the only change that makes long inputs of short ones.
fn repeat_a_block(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let (from, to) = block(rng, bytes);
    let room = INPUT_BYTES_MAX.saturating_sub(bytes.len());
    let times = rng.length(room / (to - from).max(1) + 1);
    let repeated = bytes[from..to].repeat(times);
    bytes.splice(to..to, repeated);
}

fn swap_blocks(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let (from, to) = block(rng, bytes);
    let moved: Vec<u8> = bytes.drain(from..to).collect();
    insert(rng, bytes, &moved);
}

fn splice(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8], _: &[&str]) {
    bytes.truncate(rng.index(bytes.len() + 1));
    bytes.extend_from_slice(&other[rng.index(other.len() + 1)..]);
}

fn take_a_block_of_the_other(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8], _: &[&str]) {
    let (from, to) = block(rng, other);
    insert(rng, bytes, &other[from..to]);
}

fn insert_a_word(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], words: &[&str]) {
    if let Some(word) = rng.pick(words) {
        insert(rng, bytes, word.as_bytes());
    }
}

fn overwrite_with_a_word(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], words: &[&str]) {
    if let Some(word) = rng.pick(words) {
        let at = rng.index(bytes.len() + 1);
        let to = (at + word.len()).min(bytes.len());
        bytes.splice(at..to, word.bytes());
    }
}

/// Sets 1, 2, 4 or 8 bytes to a number, the lowest byte first.
fn set_a_number(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let width = 1 << rng.below(4);
    let number = match rng.below(4) {
        0 => bytes.len() as u64,
        _ => NUMBERS[rng.index(NUMBERS.len())],
    };
    let at = rng.index(bytes.len());
    let to = (at + width).min(bytes.len());
    for (byte, new) in bytes[at..to].iter_mut().zip(number.to_le_bytes()) {
        *byte = new;
    }
}

/// Adds up to 16 to a byte, or takes it away, with what carries over to the next ones.
fn add_to_a_number(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let at = rng.index(bytes.len());
    let mut number = [0; 8];
    let width = number.len().min(bytes.len() - at);
    number[..width].copy_from_slice(&bytes[at..at + width]);
    let added = 1 + rng.below(16);
    let changed = match rng.below(2) {
        0 => u64::from_le_bytes(number).wrapping_add(added),
        _ => u64::from_le_bytes(number).wrapping_sub(added),
    };
    bytes[at..at + width].copy_from_slice(&changed.to_le_bytes()[..width]);
}

fn set_digits(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    let is_digit = |at: usize, bytes: &[u8]| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut from = rng.index(bytes.len());
    while from < bytes.len() && !is_digit(from, bytes) {
        from += 1;
    }
    let mut to = from;
    while is_digit(to, bytes) {
        to += 1;
    }
    if from < to {
        bytes.splice(from..to, DIGITS[rng.index(DIGITS.len())].bytes());
    }
}

fn cut(rng: &mut Rng, bytes: &mut Vec<u8>, _: &[u8], _: &[&str]) {
    bytes.truncate(rng.index(bytes.len() + 1));
}

fn insert(rng: &mut Rng, bytes: &mut Vec<u8>, new: &[u8]) {
    let at = rng.index(bytes.len() + 1);
    bytes.splice(at..at, new.iter().copied());
}

/// Where a block starts and ends; empty when there is nothing.
fn block(rng: &mut Rng, bytes: &[u8]) -> (usize, usize) {
    let from = rng.index(bytes.len());
    let to = (from + rng.length(bytes.len())).min(bytes.len());
    (from, to)
}

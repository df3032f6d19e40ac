//! Files of lines that are compressed, as their names say: `.gz` and `.zst`.
//!
//! An export is a row of members (gzip) or frames (zstd), each whole by itself. So it can be gone on with, and
//! every tool reads it as one file.

use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// How much work zstd does: its default.
const ZSTD_LEVEL: i32 = 3;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Plain,
    Gzip,
    Zstd,
}

/// What a file ends with that is gone on with.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Bytes up to the end of the last whole line of the last whole part.
    pub(crate) whole: u64,
    /// The last line before that, without its end.
    pub(crate) line: Vec<u8>,
    /// The beginning of the line behind that, as far as it can be read.
    pub(crate) torn: Vec<u8>,
}

impl Compression {
    pub(crate) fn of(file: &Path) -> Self {
        let ends_with = |end: &str| file.extension().is_some_and(|it| it.eq_ignore_ascii_case(end));
        match (ends_with("gz"), ends_with("zst")) {
            (true, _) => Self::Gzip,
            (false, true) => Self::Zstd,
            (false, false) => Self::Plain,
        }
    }

    /// Reads the lines of a file from its start.
    pub(crate) fn reader(self, file: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
        Ok(match self {
            Self::Plain => Box::new(BufReader::new(file)),
            Self::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))),
            Self::Zstd => Box::new(BufReader::new(zstd::Decoder::new(file)?)),
        })
    }

    /// Lines as a part of a file, which may be appended to it.
    pub(crate) fn part(self, lines: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(lines.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(lines)?;
                encoder.finish()
            }
            Self::Zstd => zstd::encode_all(lines, ZSTD_LEVEL),
        }
    }

    /// Finds where a file can be gone on with.
    pub(crate) fn end(self, file: impl Read + Seek) -> io::Result<End> {
        let mut reader = BufReader::new(file);
        let mut end = End::default();
        if self == Self::Plain {
            scan_lines(&mut reader, &mut end)?;
            return Ok(end);
        }
        while !reader.fill_buf()?.is_empty() {
            let mut part = End::default();
            let read = match self {
                Self::Zstd => {
                    let decoder = zstd::Decoder::with_buffer(&mut reader)?.single_frame();
                    scan_lines(&mut BufReader::new(decoder), &mut part)
                }
                Self::Gzip | Self::Plain => {
                    let decoder = flate2::bufread::GzDecoder::new(&mut reader);
                    scan_lines(&mut BufReader::new(decoder), &mut part)
                }
            };
            // A part that is cut off, or ends in the middle of a line, is given up as a whole.
            if read.is_err() || !part.torn.is_empty() {
                end.torn = if part.line.is_empty() { part.torn } else { part.line };
                break;
            }
            end.whole = reader.stream_position()?;
            if !part.line.is_empty() {
                end.line = part.line;
            }
        }
        Ok(end)
    }
}

/// Reads lines to the end, or to what cannot be read, and notes the last of them.
fn scan_lines(reader: &mut impl BufRead, end: &mut End) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if line.last() != Some(&b'\n') {
            end.torn = line;
            return read.map(drop);
        }
        end.whole += line.len() as u64;
        line.pop();
        std::mem::swap(&mut line, &mut end.line);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const ALL: [Compression; 3] = [Compression::Plain, Compression::Gzip, Compression::Zstd];

    fn parts(compression: Compression, parts: &[&str]) -> Vec<Vec<u8>> {
        parts.iter().map(|lines| compression.part(lines.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn parts_are_one_file() {
        for compression in ALL {
            let file = parts(compression, &["one\ntwo\n", "three\n"]).concat();
            let mut text = String::new();
            let mut reader = compression.reader(Cursor::new(file.clone())).unwrap();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "one\ntwo\nthree\n");
            let end = compression.end(Cursor::new(&file)).unwrap();
            assert_eq!((end.whole, &end.line[..]), (file.len() as u64, &b"three"[..]));
            assert!(end.torn.is_empty());
        }
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_gone_on_with_behind_a_whole_part() {
        for compression in ALL {
            let parts = parts(compression, &["one\ntwo\n", "three\n"]);
            let file = parts.concat();
            for cut in 0..file.len() {
                let end = compression.end(Cursor::new(&file[..cut])).unwrap();
                assert!(end.whole <= cut as u64, "{compression:?} {cut}");
                let expected: &[u8] = match compression {
                    Compression::Plain if cut < 4 => b"",
                    Compression::Plain if cut < 8 => b"one",
                    Compression::Plain => b"two",
                    Compression::Gzip | Compression::Zstd if cut < parts[0].len() => b"",
                    Compression::Gzip | Compression::Zstd => b"two",
                };
                assert_eq!(end.line, expected, "{compression:?} {cut}");
                if compression != Compression::Plain {
                    let whole = if expected.is_empty() { 0 } else { parts[0].len() as u64 };
                    assert_eq!(end.whole, whole, "{compression:?} {cut}");
                }
            }
        }
    }

    #[test]
    fn names_tell_how_a_file_is_compressed() {
        let check = |name: &str, expected| {
            assert_eq!(Compression::of(Path::new(name)), expected, "{name}");
        };
        check("events.ndjson", Compression::Plain);
        check("events.ndjson.gz", Compression::Gzip);
        check("EVENTS.ZST", Compression::Zstd);
        check("-", Compression::Plain);
        check("gz", Compression::Plain);
    }
}

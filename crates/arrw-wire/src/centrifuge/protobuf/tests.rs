//! Lengths of all sizes.

use super::*;
use crate::centrifuge::message::{Read, Text, Write};

#[test]
fn parts_of_any_length_lead_back() {
    for len in [0, 1, 126, 127, 128, 129, 16_383, 16_384, 70_000] {
        let text = "x".repeat(len);
        let mut frame = vec![7];
        append_delimited(&mut frame, |to| {
            to.inside((3, "a"), |to| to.text((1, "b"), &text));
            to.flag((4, "c"), &true);
        });
        let mut rest = &frame[1..];
        let message = take_delimited(&mut rest).unwrap();
        assert!(rest.is_empty());
        let (mut read, mut is_set) = (Text::default(), false);
        let reader = Reader::new(message, 0);
        let outer = &[("a", 3), ("c", 4)];
        let whole = reader.whole(|from| {
            from.fields(outer, |from, number| match number {
                3 => from.inside(|from| from.fields(&[("b", 1)], |from, _| from.text(&mut read))),
                _ => from.flag(&mut is_set),
            })
        });
        assert_eq!((whole, read.len(), is_set), (Ok(()), len, true));
    }
}

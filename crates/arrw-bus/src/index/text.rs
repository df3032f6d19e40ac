//! The text of a token, beside what the table knows of it if it is short.

/// Bytes of a short text: what fits beside the length into the size of three pointers.
const SHORT_BYTES_MAX: usize = 22;

/// A text that is not changed. Most tokens are short: comparing one then needs no second access to
/// memory, and keeping it no allocation.
#[derive(Debug)]
pub(super) enum Text {
    Short { bytes: [u8; SHORT_BYTES_MAX], used: u8 },
    Long(Box<[u8]>),
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(used)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short { bytes, used }
            }
            _ => Self::Long(text.as_bytes().into()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, used } => bytes.get(..usize::from(*used)).unwrap_or(bytes),
            Self::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_kept_as_it_is() {
        for bytes in [0, 1, SHORT_BYTES_MAX, SHORT_BYTES_MAX + 1, 255, 256, 1_000] {
            let text = "x".repeat(bytes);
            let kept = Text::new(&text);
            assert_eq!(kept.as_bytes(), text.as_bytes());
            assert_eq!(matches!(kept, Text::Short { .. }), bytes <= SHORT_BYTES_MAX, "{bytes}");
        }
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Text>(), 24);
    }
}

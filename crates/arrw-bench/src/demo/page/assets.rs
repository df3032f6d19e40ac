//! The files of the page, which are in this program, as they are sent: compressed once.

use std::io::Write;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Each path, its type, and the file.
const FILES: [(&str, &str, &str); 7] = [
    ("/", "text/html; charset=utf-8", include_str!("../../../assets/demo/index.html")),
    ("/app.css", "text/css; charset=utf-8", include_str!("../../../assets/demo/app.css")),
    ("/app.js", "text/javascript; charset=utf-8", include_str!("../../../assets/demo/app.js")),
    ("/plots.js", "text/javascript; charset=utf-8", include_str!("../../../assets/demo/plots.js")),
    ("/centrifuge.js", "text/javascript; charset=utf-8", CENTRIFUGE),
    ("/icon.svg", "image/svg+xml", include_str!("../../../assets/demo/icon.svg")),
    ("/licences", "text/plain; charset=utf-8", LICENCES),
];

/// The client of Centrifuge. `centrifuge.txt` beside it says where it is from.
const CENTRIFUGE: &str = include_str!("../../../assets/demo/centrifuge.js");

/// What must go with the texts and with that client wherever they go.
const LICENCES: &str = concat!(
    include_str!("../../../../../examples/data/LICENSE-WordNet"),
    "\n\ncentrifuge.js:\n\n",
    include_str!("../../../assets/demo/centrifuge.LICENSE"),
);

/// A file.
#[derive(Debug)]
pub(super) struct Asset {
    path: &'static str,
    pub(super) kind: &'static str,
    pub(super) plain: &'static [u8],
    pub(super) gzip: Vec<u8>,
}

/// All files.
#[derive(Debug)]
pub(super) struct Assets(Vec<Asset>);

impl Assets {
    pub(super) fn pack() -> anyhow::Result<Self> {
        let packed = FILES.iter().map(|(path, kind, text)| {
            let plain = text.as_bytes();
            let gzip = gzip(plain).with_context(|| format!("cannot compress `{path}`"))?;
            Ok(Asset { path, kind, plain, gzip })
        });
        packed.collect::<anyhow::Result<_>>().map(Self)
    }

    pub(super) fn find(&self, path: &str) -> Option<&Asset> {
        self.0.iter().find(|it| it.path == path)
    }
}

/// Bytes compressed as well as can be.
pub(super) fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    Ok(packer.finish()?)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::demo::limits::PAGE_BYTES_MAX;

    /// What a browser transfers besides the files: heads of requests and answers, and figures of the past.
    const OTHER_BYTES: usize = 40 * 1024;

    #[test]
    fn the_page_is_small() {
        let assets = Assets::pack().unwrap();
        let bytes: usize = assets.0.iter().map(|it| it.gzip.len()).sum();
        assert!(bytes + OTHER_BYTES <= PAGE_BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn the_client_is_the_one_that_was_published() {
        let told = include_str!("../../../assets/demo/centrifuge.txt");
        let licence = include_str!("../../../assets/demo/centrifuge.LICENSE");
        let digest = Sha256::digest(CENTRIFUGE.as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(told.contains(&format!("sha256   {digest}\n")), "{digest}");
        assert!(licence.starts_with("The MIT License"));
    }

    #[test]
    fn nothing_is_written_into_the_page_that_its_policy_forbids() {
        let page = FILES[0].2;
        for forbidden in ["<style", " style=", " onclick=", "javascript:", "http://", "//cdn"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/").count());
    }
}

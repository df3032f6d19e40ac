//! WebSockets: the generator of `arrwdb bench sockets`, once with each peer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::context::Context;
use crate::process;
use crate::stage::Failure;
use crate::tools;

use super::Length;

/// The figures that are taken of peers as well.
const FIGURES: [&str; 4] = ["accept", "broadcast.burst", "broadcast.single", "echo"];

/// What is ready to be measured.
pub(crate) struct Sockets {
    /// Each peer by its name, and the program that serves it.
    peers: [(&'static str, PathBuf); 2],
    /// Where libraries are that Debian has and a user need not have installed.
    libraries: PathBuf,
}

impl Sockets {
    /// Installs the peers, and says at once what they lack. `node` is the folder of the npm packages, `libraries` what came
    /// with the programs of Debian.
    pub(crate) fn prepare(
        context: &Context,
        node: &Path,
        libraries: &Path,
    ) -> Result<Self, Failure> {
        let list = context.workspace.root.join("tests/peers/requirements.txt");
        let mut python = tools::python_packages(context, &list)?;
        let program = PathBuf::from(python.get_program());
        python.args(["-c", "import socketify"]).env("LD_LIBRARY_PATH", libraries);
        process::run(&mut python)?;
        let ws = node.join("ws.sh");
        fs::write(&ws, format!("#!/bin/sh\nexec node '{}/sockets.mjs'\n", node.display()))
            .context("write ws.sh")?;
        process::run(context.command("chmod").arg("+x").arg(&ws))?;
        Ok(Self { peers: [("uWebSockets", program), ("ws", ws)], libraries: libraries.to_owned() })
    }

    /// By the name of the peer, what `arrwdb bench` says as JSON.
    pub(crate) fn measure(
        &self,
        context: &Context,
        program: &Path,
        length: Length,
    ) -> Result<Vec<(&'static str, Value)>, Failure> {
        let mut found = Vec::new();
        for (name, peer) in &self.peers {
            let folder = context.fresh_folder("peers-sockets")?;
            let file = folder.join("figures.json");
            let mut command = context.command(program);
            command.args(["bench", "sockets"]).args(FIGURES).arg("--peer").arg(peer);
            command.arg("--json").arg(&file).arg("--dir").arg(&folder);
            command.env("LD_LIBRARY_PATH", &self.libraries);
            if length == Length::Quick {
                command.arg("--quick");
            }
            // Its exit code says whether targets are met, which is not asked here.
            let output = process::capture(&mut command)?;
            let text = fs::read_to_string(&file).with_context(|| {
                let said = String::from_utf8_lossy(&output.stderr);
                format!("no figures with the peer {name}: {said}")
            })?;
            found.push((*name, serde_json::from_str(&text).context("read the figures")?));
        }
        Ok(found)
    }
}

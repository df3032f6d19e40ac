//! Which stages a run has, in order.

use crate::request::Level;
use crate::stage::Stage;
use crate::{
    autobahn, browser, cargo, clients, deploy, examples, format, fuzz, interface, planted, readme,
    tools,
};

/// The stages of a run. A stage whose list is empty (`cargo::SHUTTLE`, `planted::PLANTED`) is not in
/// the plan: an `ok` for nothing would tell a lie.
pub(crate) fn stages(level: Level) -> Vec<Stage> {
    let full = level == Level::Full;
    let mut stages = Vec::new();
    if full {
        stages.push(Stage { name: "tools", run: tools::find_or_install });
    }
    stages.push(Stage { name: "format", run: format::check });
    stages.push(Stage { name: "build", run: cargo::build });
    stages.push(Stage { name: "clippy", run: cargo::clippy });
    stages.push(Stage { name: "house rules", run: cargo::house_rules });
    stages.push(Stage { name: "tests", run: cargo::tests });
    stages.push(Stage { name: "fuzz", run: fuzz::check });
    stages.push(Stage { name: "doc tests", run: cargo::doc_tests });
    stages.push(Stage { name: "docs", run: cargo::docs });
    if !cargo::SHUTTLE.is_empty() {
        stages.push(Stage { name: "shuttle", run: cargo::shuttle });
    }
    if full && !planted::PLANTED.is_empty() {
        stages.push(Stage { name: "planted bugs", run: planted::check });
    }
    stages.push(Stage { name: "examples", run: examples::run });
    if full {
        stages.push(Stage { name: "README", run: readme::check });
        stages.push(Stage { name: "interface", run: interface::check });
        stages.push(Stage { name: "deploy", run: deploy::check });
        stages.push(Stage { name: "autobahn", run: autobahn::check });
        stages.push(Stage { name: "clients", run: clients::check });
        stages.push(Stage { name: "browser", run: browser::check });
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_leaves_out_what_needs_more_than_the_toolchain() {
        let names: Vec<&str> = stages(Level::Core).iter().map(|stage| stage.name).collect();
        for outside in [
            "tools",
            "planted bugs",
            "README",
            "interface",
            "deploy",
            "autobahn",
            "clients",
            "browser",
        ] {
            assert!(!names.contains(&outside), "{names:?}");
        }
        assert!(stages(Level::Core).len() < stages(Level::Full).len());
    }
}

//! The documents that are made of the table.

use super::config::Config;
use super::table::all;

/// A file with every setting at its default, each commented out.
pub(crate) fn to_toml() -> String {
    let mut out = "\
# Settings of `arrwdb serve`. A line whose `#` before the name is taken away is in force; as they stand, all are
# defaults. Variables of the environment win over this file, flags over both: `arrwdb config show` says what is
# in force and why, `arrwdb config check` whether this file is fine.
"
    .to_owned();
    let mut last = None;
    for setting in all() {
        let (group, name) = setting.split();
        if group != last {
            out.push_str(&format!("\n[{}]\n", group.unwrap_or_default()));
            last = group;
        }
        let default = setting.kind.value(&Config::default()).to_toml();
        let allowed = setting.kind.allowed();
        out.push_str(&format!("\n# {}.\n# Must be {allowed}.\n#{name} = {default}\n", setting.doc));
    }
    out.push_str(NAMESPACE);
    out
}

/// Behind all settings, because what follows in the file would belong to the namespace.
const NAMESPACE: &str = "
# Channels whose names begin with a namespace and a colon, such as `chat:room.1`, have the options of that namespace,
# and no others. Each may have every option of `channel.without_namespace`.
#[[channel.namespaces]]
#name = \"chat\"
#presence = true
";

/// The table of docs/settings.md.
#[cfg(test)]
pub(crate) fn to_markdown() -> String {
    let mut out =
        "| setting | flag | default | unit | must be | what it is |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for setting in all() {
        let flag = setting.flag.as_ref().map_or(String::new(), |flag| format!("`--{}`", flag.name));
        let default = setting.kind.value(&Config::default()).to_toml();
        let row = [
            format!("`{}`", setting.key),
            flag,
            format!("`{default}`"),
            setting.kind.unit().to_owned(),
            setting.kind.allowed(),
            setting.doc.to_owned(),
        ];
        out.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    out
}

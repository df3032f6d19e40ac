//! The namespaces of a file: `[[channel.namespaces]]`, each with its name and its options.

use std::collections::BTreeMap;

use arrw_server::limits::{NAMESPACE_NAME_BYTES_MAX, NAMESPACES_MAX};
use arrw_server::nearest;

use super::channel::{self, ChannelConfig};
use super::fault::{Fault, Origin};
use super::given::Given;
use super::table::Setting;

/// The list of all namespaces.
pub(super) const KEY: &str = "channel.namespaces";

/// What its name is below `[[channel.namespaces]]`.
const NAME: &str = "name";

/// What a file says of a namespace.
#[derive(Clone, Debug)]
pub(super) struct SaidNamespace {
    /// Where it begins.
    pub(super) origin: Origin,
    /// Everything that stands below it, by name.
    pub(super) said: Vec<(String, Given, Origin)>,
}

/// Which options of a namespace are said, and where.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) config: ChannelConfig,
    pub(crate) origin: Origin,
    pub(crate) options: Vec<(&'static Setting, Origin)>,
}

/// What comes of all that was said of namespaces. What is wrong with them is added to `faults`.
pub(super) fn read(all: &[SaidNamespace], faults: &mut Vec<Fault>) -> Vec<Namespace> {
    if let Some(beyond) = all.get(NAMESPACES_MAX) {
        let what = format!("`{}` has one namespace too many", beyond.origin);
        let help = format!("there may be {NAMESPACES_MAX}; many channels can share one");
        faults.push(Fault { what, help: Some(help), is_usage: false });
        return Vec::new();
    }
    let read: Vec<Namespace> = all.iter().filter_map(|said| one(said, faults)).collect();
    let mut places = BTreeMap::new();
    for Namespace { name, origin, .. } in &read {
        if let Some(first) = places.insert(name, origin) {
            let what = format!("the namespace `{name}` in `{origin}` is there already");
            let help = Some(format!("put its options together, in `{first}`"));
            faults.push(Fault { what, help, is_usage: false });
        }
    }
    read
}

fn one(namespace: &SaidNamespace, faults: &mut Vec<Fault>) -> Option<Namespace> {
    let (mut config, mut options) = (ChannelConfig::default(), Vec::new());
    let name = name(namespace, faults);
    let shown = name.as_deref().unwrap_or("?");
    for (option, given, origin) in namespace.said.iter().filter(|(name, ..)| name != NAME) {
        let Some(setting) = channel::find(option) else {
            faults.push(unknown(option, origin));
            continue;
        };
        let kind = channel::kind_of(setting)?;
        match kind.set(&mut config, given) {
            Some(()) => options.push((setting, origin.clone())),
            None => {
                let key = format!("{KEY}.{shown}.{option}");
                faults.push(Fault::value(&key, origin, &given.to_string(), &kind.allowed()));
            }
        }
    }
    Some(Namespace { name: name?, config, origin: namespace.origin.clone(), options })
}

fn unknown(option: &str, origin: &Origin) -> Fault {
    let names: Vec<&str> = channel::OPTIONS.iter().map(channel::name_of).chain([NAME]).collect();
    let what = format!("there is no option `{option}` of a namespace, which `{origin}` sets");
    Fault::unknown(what, nearest(option, &names))
}

fn name(namespace: &SaidNamespace, faults: &mut Vec<Fault>) -> Option<String> {
    let Some((_, given, origin)) = namespace.said.iter().find(|(name, ..)| name == NAME) else {
        let what = format!("the namespace in `{}` has no name", namespace.origin);
        let help = Some("write `name = \"chat\"` below `[[channel.namespaces]]`".to_owned());
        faults.push(Fault { what, help, is_usage: false });
        return None;
    };
    let name = given.text().filter(|name| is_name(name));
    if name.is_none() {
        let allowed =
            format!("1 to {NAMESPACE_NAME_BYTES_MAX} letters, digits, `-` and `_`, such as `chat`");
        let key = format!("{KEY}.{NAME}");
        faults.push(Fault::value(&key, origin, &given.to_string(), &allowed));
    }
    name.map(str::to_owned)
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=NAMESPACE_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

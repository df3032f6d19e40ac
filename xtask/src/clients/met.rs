//! What tests met, as they left it, and why some codes cannot be met.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::CLIENTS;

/// A client and a number.
pub(super) type Cell = (String, u16);

/// What was met.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// Every test that held, with the clients that it held with.
    pub(super) tests: BTreeMap<String, BTreeSet<String>>,
    /// The tests by which a client met a code.
    pub(super) codes: BTreeMap<Cell, BTreeSet<String>>,
}

/// Reads lines such as `{"client": "npm JSON", "test": "a name", "codes": [109]}`.
pub(super) fn read(lines: &str) -> anyhow::Result<Met> {
    let mut met = Met::default();
    for line in lines.lines() {
        let wrong = || format!("no line of a test: `{line}`");
        let value: Value = serde_json::from_str(line).with_context(wrong)?;
        let text = |key: &str| value[key].as_str().map(str::to_owned).with_context(wrong);
        let (client, test) = (client(&text("client")?)?, text("test")?);
        for code in value["codes"].as_array().with_context(wrong)? {
            let number = code.as_u64().and_then(|it| u16::try_from(it).ok()).with_context(wrong)?;
            met.codes.entry((client.clone(), number)).or_default().insert(test.clone());
        }
        met.tests.entry(test).or_default().insert(client);
    }
    Ok(met)
}

/// Reads reasons such as `{"npm JSON": {"2502": "the server never sends it"}}`.
pub(super) fn reasons(text: &str) -> anyhow::Result<BTreeMap<Cell, String>> {
    let wrong = || "tests/clients/unmet.json is not an object of clients with codes and reasons";
    let value: Value = serde_json::from_str(text).with_context(wrong)?;
    let mut reasons = BTreeMap::new();
    for (name, codes) in value.as_object().with_context(wrong)? {
        for (number, reason) in codes.as_object().with_context(wrong)? {
            let reason = reason.as_str().filter(|it| !it.is_empty()).with_context(wrong)?;
            let number = number.parse().with_context(wrong)?;
            reasons.insert((client(name)?, number), reason.to_owned());
        }
    }
    Ok(reasons)
}

fn client(name: &str) -> anyhow::Result<String> {
    ensure!(CLIENTS.contains(&name), "no client is called `{name}`; there are {CLIENTS:?}");
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_by_client_and_code() {
        let lines = "{\"client\":\"PyPI\",\"test\":\"b\",\"codes\":[100,109]}\n{\"client\":\"PyPI\",\"test\":\"a\",\"codes\":[109]}\n{\"client\":\"cargo\",\"test\":\"a\",\"codes\":[]}\n";
        let met = read(lines).expect("these are lines");
        let of =
            |number| met.codes[&("PyPI".to_owned(), number)].iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            (of(100), of(109)),
            (vec!["b".to_owned()], vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(met.tests["a"].len(), 2);
    }

    #[test]
    fn what_is_no_line_is_a_fault() {
        for line in ["x", "{}", "{\"client\":\"mine\",\"test\":\"a\",\"codes\":[]}"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(reasons("{\"PyPI\": {\"109\": \"\"}}").is_err());
        assert_eq!(reasons("{\"PyPI\": {\"109\": \"so\"}}").expect("it is right").len(), 1);
    }
}

//! The claims of a token, with their names in Centrifugo.

use std::collections::BTreeSet;
use std::fmt;

use arrw_wire::centrifuge::is_json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Number;
use serde_json::value::RawValue;

use super::{
    Capability, ConnectionToken, Overrides, SubscriptionToken, TokenError, TokenSub, capability,
};

/// Claims of both kinds of tokens, each at most once. Others are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Claims<'a> {
    #[serde(default)]
    sub: String,
    #[serde(default, deserialize_with = "some")]
    exp: Option<Seconds>,
    #[serde(default, deserialize_with = "some")]
    nbf: Option<Seconds>,
    #[serde(default, deserialize_with = "some")]
    iat: Option<Seconds>,
    #[serde(default, deserialize_with = "some")]
    expire_at: Option<Seconds>,
    #[serde(default, deserialize_with = "some")]
    aud: Option<Audience>,
    #[serde(default, deserialize_with = "some")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "some")]
    jti: Option<String>,
    #[serde(default, borrow)]
    info: Option<&'a RawValue>,
    #[serde(default)]
    b64info: Option<String>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
    #[serde(default, borrow)]
    meta: Option<&'a RawValue>,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default, borrow)]
    subs: Option<Members<'a>>,
    #[serde(default, borrow)]
    caps: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default, borrow, rename = "override")]
    overrides: Option<&'a RawValue>,
}

/// What a back end says of a connection, instead of a token, with the same names but for the user's.
#[derive(Debug, Deserialize)]
struct Said<'a> {
    #[serde(default)]
    user: String,
    #[serde(default)]
    expire_at: Option<Seconds>,
    #[serde(default, borrow)]
    info: Option<&'a RawValue>,
    #[serde(default)]
    b64info: Option<String>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
    #[serde(default, borrow)]
    meta: Option<&'a RawValue>,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default, borrow)]
    subs: Option<Members<'a>>,
    #[serde(default, borrow)]
    caps: Option<Vec<&'a RawValue>>,
}

/// Reads what a back end says of a connection, and what its client is told.
///
/// # Errors
/// When it is of another form.
pub(crate) fn of_back_end(json: &[u8]) -> Result<(ConnectionToken, Vec<u8>), TokenError> {
    let said: Said<'_> = object(json, TokenError::Invalid("its result is not what it must be"))?;
    let token = ConnectionToken {
        user: said.user,
        expires_at: said.expire_at.map(|end| end.0).filter(|end| *end != 0),
        issued_at: None,
        id: None,
        info: payload(said.info, said.b64info.as_deref())?,
        meta: payload(said.meta, None)?,
        channels: said.channels.unwrap_or_default(),
        subs: token_subs(said.subs)?,
        capabilities: capabilities(said.caps)?,
    };
    Ok((token, payload(said.data, said.b64data.as_deref())?))
}

/// What is in force from the start of a connection.
#[derive(Debug, Deserialize)]
struct Sub<'a> {
    #[serde(default, borrow)]
    info: Option<&'a RawValue>,
    #[serde(default)]
    b64info: Option<String>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
    #[serde(default, borrow, rename = "override")]
    overrides: Option<&'a RawValue>,
}

/// What is otherwise than the options of a channel.
#[derive(Debug, Deserialize)]
struct Override<'a> {
    #[serde(default, borrow)]
    presence: Option<&'a RawValue>,
    #[serde(default, borrow)]
    join_leave: Option<&'a RawValue>,
    #[serde(default, borrow)]
    force_push_join_leave: Option<&'a RawValue>,
    #[serde(default, borrow)]
    force_recovery: Option<&'a RawValue>,
    #[serde(default, borrow)]
    force_positioning: Option<&'a RawValue>,
}

/// How Centrifugo writes what may also be left out.
#[derive(Debug, Deserialize)]
struct Value {
    #[serde(default)]
    value: bool,
}

const WRONG: TokenError = TokenError::Invalid("its claims are not what they must be");

/// Reads an object. (Members can be read of an array in order, too: that is none.)
pub(super) fn object<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    wrong: TokenError,
) -> Result<T, TokenError> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(wrong);
    }
    // The text of the error would have some of the token.
    serde_json::from_slice(json).map_err(|_error| wrong)
}

impl<'a> Claims<'a> {
    /// Reads claims, which are nested no deeper than a payload may be.
    pub(super) fn read(json: &'a [u8]) -> Result<Self, TokenError> {
        if !is_json(json) {
            return Err(TokenError::Invalid("its claims are not JSON, or nested too deep"));
        }
        object(json, WRONG)
    }

    /// Whose it is, its id, and when it was made: by these it is revoked.
    pub(super) fn identity(&self) -> (&str, Option<&str>, Option<u64>) {
        (&self.sub, self.jti.as_deref(), self.iat.map(|it| it.0))
    }

    pub(super) fn check_issuer(&self, wanted: Option<&str>) -> Result<(), TokenError> {
        if wanted.is_none_or(|wanted| self.iss.as_deref() == Some(wanted)) {
            return Ok(());
        }
        Err(TokenError::Invalid("it is of another issuer"))
    }

    pub(super) fn check_audience(&self, wanted: Option<&str>) -> Result<(), TokenError> {
        let Some(wanted) = wanted else { return Ok(()) };
        let is_for_us = match &self.aud {
            None => false,
            Some(Audience::One(one)) => one == wanted,
            Some(Audience::Some(some)) => some.iter().any(|one| one == wanted),
        };
        if is_for_us { Ok(()) } else { Err(TokenError::Invalid("it is for another audience")) }
    }

    pub(super) fn check_times(&self, now: u64, leeway: u64) -> Result<(), TokenError> {
        let is_early = |from: Seconds| now.saturating_add(leeway) < from.0;
        if self.nbf.is_some_and(is_early) {
            return Err(TokenError::Invalid("it is not good yet"));
        }
        let is_over = |end: Seconds| end.0.saturating_add(leeway) <= now;
        if self.exp.is_some_and(is_over) { Err(TokenError::Expired) } else { Ok(()) }
    }

    /// When what it is for ends: `expire_at` wins over `exp`, and 0 is never.
    fn expires_at(&self) -> Option<u64> {
        match self.expire_at {
            Some(end) => Some(end.0).filter(|end| *end != 0),
            None => self.exp.map(|end| end.0),
        }
    }

    pub(super) fn connection(self) -> Result<ConnectionToken, TokenError> {
        if self.channel.is_some() {
            return Err(TokenError::Invalid("it is for a subscription, not for a connection"));
        }
        let expires_at = self.expires_at();
        Ok(ConnectionToken {
            user: self.sub,
            expires_at,
            issued_at: self.iat.map(|it| it.0),
            id: self.jti,
            info: payload(self.info, self.b64info.as_deref())?,
            meta: payload(self.meta, None)?,
            channels: self.channels.unwrap_or_default(),
            subs: token_subs(self.subs)?,
            capabilities: capabilities(self.caps)?,
        })
    }

    pub(super) fn subscription(self) -> Result<SubscriptionToken, TokenError> {
        let expires_at = self.expires_at();
        let channel = self.channel.filter(|channel| !channel.is_empty());
        let none = TokenError::Invalid("it names no channel");
        Ok(SubscriptionToken {
            user: self.sub,
            channel: channel.ok_or(none)?,
            client: self.client.filter(|client| !client.is_empty()),
            expires_at,
            issued_at: self.iat.map(|it| it.0),
            id: self.jti,
            info: payload(self.info, self.b64info.as_deref())?,
            data: payload(self.data, self.b64data.as_deref())?,
            overrides: overrides(self.overrides)?,
        })
    }
}

fn token_subs(subs: Option<Members<'_>>) -> Result<Vec<(String, TokenSub)>, TokenError> {
    let subs = subs.unwrap_or_default().0.into_iter();
    subs.map(|(channel, sub)| Ok((channel, token_sub(sub)?))).collect()
}

fn capabilities(caps: Option<Vec<&RawValue>>) -> Result<Vec<Capability>, TokenError> {
    caps.unwrap_or_default().into_iter().map(capability::read).collect()
}

fn token_sub(sub: &RawValue) -> Result<TokenSub, TokenError> {
    let sub: Sub<'_> = object(sub.get().as_bytes(), WRONG)?;
    Ok(TokenSub {
        info: payload(sub.info, sub.b64info.as_deref())?,
        data: payload(sub.data, sub.b64data.as_deref())?,
        overrides: overrides(sub.overrides)?,
    })
}

fn overrides(given: Option<&RawValue>) -> Result<Overrides, TokenError> {
    let Some(given) = given else { return Ok(Overrides::default()) };
    let given: Override<'_> = object(given.get().as_bytes(), WRONG)?;
    let value = |given: Option<&RawValue>| {
        let value = given.map(|it| object::<Value>(it.get().as_bytes(), WRONG));
        Ok::<_, TokenError>(value.transpose()?.map(|it| it.value))
    };
    Ok(Overrides {
        presence: value(given.presence)?,
        join_leave: value(given.join_leave)?,
        force_push_join_leave: value(given.force_push_join_leave)?,
        force_recovery: value(given.force_recovery)?,
        force_positioning: value(given.force_positioning)?,
    })
}

/// JSON for clients, given as it is or in base64, which wins: one line, because a line ends a message.
fn payload(json: Option<&RawValue>, base64: Option<&str>) -> Result<Vec<u8>, TokenError> {
    let json = match base64.filter(|text| !text.is_empty()) {
        None => json.map_or_else(Vec::new, |json| json.get().as_bytes().to_vec()),
        Some(text) => {
            let wrong = TokenError::Invalid("what it has in base64 is not JSON");
            let json = STANDARD.decode(text).map_err(|_where| wrong)?;
            if !is_json(&json) {
                return Err(wrong);
            }
            json
        }
    };
    // Within a text there is none of them.
    Ok(json.into_iter().filter(|byte| !b"\r\n".contains(byte)).collect())
}

/// What is there must be what it is for: `null` does not make a token without an end.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Seconds since 1970. A fraction is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seconds(u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(value)?;
        if let Some(whole) = number.as_u64() {
            return Ok(Self(whole));
        }
        let float = number.as_f64().unwrap_or(-1.0);
        if !(0.0..=MOST_SECONDS).contains(&float) {
            return Err(D::Error::custom("no time since 1970"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to 2^53, and its fraction is to be cut off"
        )]
        Ok(Self(float as u64))
    }
}

/// 2^53: up to here a float has each whole number.
const MOST_SECONDS: f64 = 9_007_199_254_740_992.0;

/// Whom a token is for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Some(Vec<String>),
}

/// The members of an object, in their order, each once.
#[derive(Debug, Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut names) = (Vec::new(), BTreeSet::new());
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom("a name is there twice"));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

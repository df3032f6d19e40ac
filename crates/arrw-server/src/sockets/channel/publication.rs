//! An event as the publication that clients get.

use std::borrow::Cow;

use arrw::{CONTENT_TYPE_DEFAULT, Event};
use arrw_wire::centrifuge::{ClientInfo, Encoding, News, Publication, Push, Reply, is_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The header of an event that says which client published it. Its value is JSON: `user`, `client`, `conn_info`, `chan_info`.
pub(crate) const PUBLISHER: &str = "client-info";

/// The content type of a payload that a client sent as bytes.
pub(crate) const BYTES: &str = "application/octet-stream";

/// A client, as it is written with what it publishes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Publisher<'a> {
    #[serde(borrow)]
    pub(crate) user: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) client: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) conn_info: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) chan_info: Option<&'a RawValue>,
}

/// Tags of a publication: its name, its value.
pub(crate) type Tags = Vec<(Box<str>, Box<str>)>;

/// The push that tells of an event, made once for all who get it, in one encoding. A payload that is no JSON comes to
/// clients of JSON as a text of its base64.
pub(crate) fn push(channel: &str, event: &Event<'_>, encoding: Encoding) -> Vec<u8> {
    with(event, encoding, |publication| {
        let what = News::Publication(publication);
        Reply::push(Push { id: 0, channel: channel.into(), what }).ready(encoding)
    })
}

/// The same for clients that send nothing, without a reply around it.
pub(crate) fn bare_push(channel: &str, event: &Event<'_>) -> Vec<u8> {
    with(event, Encoding::Json, |publication| {
        let what = News::Publication(publication);
        let mut out = Vec::new();
        Push { id: 0, channel: channel.into(), what }.append_bare(Encoding::Json, &mut out);
        out
    })
}

/// What a publication lends that is not in the event as it is needed.
pub(crate) struct Owned<'a> {
    data: Cow<'a, [u8]>,
    publisher: Option<Publisher<'a>>,
    tags: Vec<(&'a str, &'a str)>,
    offset: u64,
}

impl<'a> Owned<'a> {
    pub(crate) fn of(event: &Event<'a>, encoding: Encoding) -> Self {
        Self {
            data: data(event, encoding),
            publisher: publisher(event),
            tags: tags_of(event).collect(),
            offset: event.offset(),
        }
    }

    pub(crate) fn shown(&self) -> Publication<'_> {
        let info = self.publisher.as_ref().map(|publisher| ClientInfo {
            user: publisher.user.as_ref().into(),
            client: publisher.client.as_ref().into(),
            conn_info: raw(publisher.conn_info),
            chan_info: raw(publisher.chan_info),
        });
        let tags = self.tags.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let (data, tags) = (&*self.data, tags.collect());
        Publication { data, info, offset: self.offset, tags, ..Publication::default() }
    }
}

/// Lends an event to a call as a publication.
fn with<T>(event: &Event<'_>, encoding: Encoding, call: impl FnOnce(Publication<'_>) -> T) -> T {
    call(Owned::of(event, encoding).shown())
}

/// Tags of an event: its headers that are text, but for the one that says who published it.
pub(crate) fn tags_of<'a>(event: &Event<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let headers = event.headers().filter(|(name, _)| *name != PUBLISHER);
    headers.filter_map(|(name, value)| Some((name, str::from_utf8(value).ok()?)))
}

fn publisher<'a>(event: &Event<'a>) -> Option<Publisher<'a>> {
    let (_, value) = event.headers().find(|(name, _)| *name == PUBLISHER)?;
    serde_json::from_slice(value).ok()
}

fn raw(json: Option<&RawValue>) -> &[u8] {
    json.map_or(b"", |json| json.get().as_bytes())
}

fn data<'a>(event: &Event<'a>, encoding: Encoding) -> Cow<'a, [u8]> {
    let payload = event.payload();
    match encoding {
        Encoding::Protobuf => Cow::Borrowed(payload),
        // Whoever embeds the engine may publish anything as JSON: one payload that is none would spoil all that is told with it.
        Encoding::Json if event.content_type() == CONTENT_TYPE_DEFAULT && is_json(payload) => {
            Cow::Borrowed(payload)
        }
        Encoding::Json => Cow::Owned(format!("\"{}\"", STANDARD.encode(payload)).into_bytes()),
    }
}

/// The content type of what a client publishes: JSON when it is that, also of a client that sends bytes.
pub(crate) fn content_type(encoding: Encoding, data: &[u8]) -> Option<&'static str> {
    let is_json = match encoding {
        Encoding::Json => true,
        Encoding::Protobuf => is_json(data),
    };
    if is_json { None } else { Some(BYTES) }
}

/// An event as back ends get it: what it carries and who published it are JSON as it is.
pub(crate) fn to_json(event: &Event<'_>) -> serde_json::Value {
    let owned = Owned::of(event, Encoding::Json);
    let mut shown = serde_json::Map::new();
    let data: Option<Box<RawValue>> = serde_json::from_slice(&owned.data).ok();
    shown.insert("data".to_owned(), serde_json::json!(data));
    shown.insert("offset".to_owned(), owned.offset.into());
    if let Some(publisher) = &owned.publisher {
        shown.insert("info".to_owned(), serde_json::json!(publisher));
    }
    if !owned.tags.is_empty() {
        let tags = owned.tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        shown.insert("tags".to_owned(), tags.collect::<serde_json::Map<_, _>>().into());
    }
    shown.into()
}

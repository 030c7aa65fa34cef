//! Messages as JSON, in the form that Vitess's tools print and others parse.
//!
//! Names as in the .proto files, enums by name, 64-bit numbers as text, bytes as base64. Fields without a
//! value are shown too (a message as `null`, but nothing for an unset `optional` or `oneof`), unless the
//! style is compact. Maps are sorted by key. Reading takes either spelling of names and refuses unknown ones.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage, Value,
};
use serde_json::{Map, Value as Json};
use vterrors::{Error, Result};

/// How messages are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Leave out fields without a value.
    pub compact: bool,
}

/// The descriptors of every package, decoded once; they never change.
static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).ok());

fn descriptor(name: &str) -> Result<MessageDescriptor> {
    let pool =
        POOL.as_ref().ok_or_else(|| Error::internal("the compiled message descriptors cannot be read"))?;
    pool.get_message_by_name(name).ok_or_else(|| Error::internal(format!("there is no message type {name}")))
}

/// An encoded message of the type `name` (`topodata.Tablet`) as indented JSON.
pub fn bytes_to_json(name: &str, bytes: &[u8], style: Style) -> Result<String> {
    let value = bytes_to_value(name, bytes, style)?;
    serde_json::to_string_pretty(&value).map_err(|e| Error::internal(format!("{name} as JSON: {e}")))
}

/// A message as a JSON value.
pub fn to_value<M: Message>(name: &str, message: &M, style: Style) -> Result<Json> {
    bytes_to_value(name, &message.encode_to_vec(), style)
}

/// An encoded message of the type `name` as a JSON value.
pub fn bytes_to_value(name: &str, bytes: &[u8], style: Style) -> Result<Json> {
    let decoded = DynamicMessage::decode(descriptor(name)?, bytes);
    let message = decoded.map_err(|e| Error::invalid(format!("this is no {name}: {e}")))?;
    Ok(message_value(&message, style))
}

/// A message as indented JSON.
pub fn to_json<M: Message>(name: &str, message: &M, style: Style) -> Result<String> {
    bytes_to_json(name, &message.encode_to_vec(), style)
}

/// Several messages as an indented JSON list.
pub fn list_to_json<M: Message>(name: &str, messages: &[M], style: Style) -> Result<String> {
    let values = messages.iter().map(|m| to_value(name, m, style)).collect::<Result<Vec<_>>>()?;
    serde_json::to_string_pretty(&values).map_err(|e| Error::internal(format!("{name} as JSON: {e}")))
}

/// Named messages as an indented JSON object, sorted by name.
pub fn map_to_json<'a, M: Message + 'a>(
    name: &str,
    messages: impl IntoIterator<Item = (&'a String, &'a M)>,
    style: Style,
) -> Result<String> {
    let mut entries = messages
        .into_iter()
        .map(|(key, m)| Ok((key.clone(), to_value(name, m, style)?)))
        .collect::<Result<Vec<_>>>()?;
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let object: Map<String, Json> = entries.into_iter().collect();
    serde_json::to_string_pretty(&object).map_err(|e| Error::internal(format!("{name} as JSON: {e}")))
}

/// Reads a message of the type `name` from JSON; an error says where and what.
pub fn from_json<M: Message + Default>(name: &str, text: &str) -> Result<M> {
    M::decode(&*json_to_bytes(name, text)?).map_err(|e| invalid(name, &e))
}

/// Reads JSON as a message of the type `name`, and encodes that; an error says where and what.
pub fn json_to_bytes(name: &str, text: &str) -> Result<Vec<u8>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message =
        DynamicMessage::deserialize(descriptor(name)?, &mut reader).map_err(|e| invalid(name, &e))?;
    reader.end().map_err(|e| invalid(name, &e))?;
    Ok(message.encode_to_vec())
}

fn invalid(name: &str, e: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("invalid JSON for {name}: {e}"))
}

fn message_value(message: &DynamicMessage, style: Style) -> Json {
    let mut object = Map::new();
    let mut fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
    // As they stand in the .proto file: a field's path ends in its place there.
    fields.sort_by_key(|f| f.path().last().copied());
    for field in fields {
        if message.has_field(&field) {
            object.insert(field.name().to_owned(), field_value(&field, &message.get_field(&field), style));
        } else if !style.compact && field.containing_oneof().is_none() {
            object.insert(field.name().to_owned(), unset_value(&field));
        }
    }
    Json::Object(object)
}

fn unset_value(field: &FieldDescriptor) -> Json {
    if field.is_map() {
        return Json::Object(Map::new());
    }
    if field.is_list() {
        return Json::Array(Vec::new());
    }
    match field.kind() {
        Kind::Message(_) => Json::Null,
        kind => value_json(&kind, &Value::default_value(&kind), Style::default()),
    }
}

fn field_value(field: &FieldDescriptor, value: &Value, style: Style) -> Json {
    match (value, field.kind()) {
        (Value::List(items), kind) => items.iter().map(|v| value_json(&kind, v, style)).collect(),
        (Value::Map(entries), Kind::Message(entry)) => {
            let kind = entry.map_entry_value_field().kind();
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            sorted.into_iter().map(|(k, v)| (key_text(k), value_json(&kind, v, style))).collect()
        }
        (value, kind) => value_json(&kind, value, style),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(v) => v.to_string(),
        MapKey::I32(v) => v.to_string(),
        MapKey::I64(v) => v.to_string(),
        MapKey::U32(v) => v.to_string(),
        MapKey::U64(v) => v.to_string(),
        MapKey::String(v) => v.clone(),
    }
}

fn value_json(kind: &Kind, value: &Value, style: Style) -> Json {
    match value {
        Value::Bool(v) => Json::Bool(*v),
        Value::I32(v) => Json::from(*v),
        Value::U32(v) => Json::from(*v),
        Value::I64(v) => Json::String(v.to_string()),
        Value::U64(v) => Json::String(v.to_string()),
        // The shortest text that reads back as the same f32.
        Value::F32(v) => float_json(v.to_string().parse().unwrap_or_else(|_| f64::from(*v))),
        Value::F64(v) => float_json(*v),
        Value::String(v) => Json::String(v.clone()),
        Value::Bytes(v) => Json::String(BASE64_STANDARD.encode(v)),
        Value::EnumNumber(n) => match kind {
            Kind::Enum(e) => enum_name(e, *n),
            _ => Json::from(*n),
        },
        Value::Message(m) => message_value(m, style),
        // Lists and maps are fields, not values: field_value has them.
        Value::List(_) | Value::Map(_) => Json::Null,
    }
}

/// The first name of a number: a second one is an alias (MASTER of PRIMARY).
fn enum_name(descriptor: &EnumDescriptor, number: i32) -> Json {
    let named = descriptor.values().filter(|v| v.number() == number).min_by_key(|v| v.path().last().copied());
    named.map_or_else(|| Json::from(number), |v| Json::String(v.name().to_owned()))
}

/// Whole numbers without a fraction, as Go writes them.
fn float_json(v: f64) -> Json {
    if v.fract() == 0.0 && v.abs() < 1e15 {
        #[allow(clippy::cast_possible_truncation)]
        return Json::from(v as i64);
    }
    if !v.is_finite() {
        let text = if v.is_nan() {
            "NaN"
        } else if v > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return Json::String(text.to_owned());
    }
    Json::from(v)
}

#[cfg(test)]
mod tests;

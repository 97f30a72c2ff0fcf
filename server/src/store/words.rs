//! Enums as the words that the store keeps: those of their JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, Stored};

/// The word of a closed enum without fields: `in_review`.
pub fn word<T: Serialize>(value: &T) -> Stored<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(StoreError::unreadable("word", other)),
        Err(error) => Err(StoreError::unreadable("word", error)),
    }
}

/// Reads it back.
pub fn from_word<T: DeserializeOwned>(word: &str) -> Stored<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| StoreError::unreadable(format!("word {word:?}"), error))
}

/// A value as JSON text.
pub fn json<T: Serialize>(value: &T) -> Stored<String> {
    serde_json::to_string(value).map_err(|error| StoreError::unreadable("JSON", error))
}

/// Reads it back; `what` names the record where that fails.
pub fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Stored<T> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable(what, error))
}

/// A count or number as the store's BIGINT gives it.
pub fn number(value: i64) -> Stored<u32> {
    u32::try_from(value).map_err(|error| StoreError::unreadable("number", error))
}

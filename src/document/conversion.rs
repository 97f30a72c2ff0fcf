//! A conversion: one expression, or one for each of several columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a column, or each of several columns, is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Conversion {
    /// One expression, for the one column that the mapping names beside it.
    Expression(String),
    /// An expression for each column, by the column's name.
    Columns(BTreeMap<String, String>),
}

impl Conversion {
    /// The expressions, each with the column it is for; `one` is the column that stands beside a
    /// single expression.
    pub fn by_column(&self, one: Option<&str>) -> BTreeMap<String, String> {
        match self {
            Conversion::Expression(sql) => one
                .map(|column| (column.to_owned(), sql.trim().to_owned()))
                .into_iter()
                .collect(),
            Conversion::Columns(map) => map
                .iter()
                .map(|(column, sql)| (column.clone(), sql.trim().to_owned()))
                .collect(),
        }
    }
}

impl From<&str> for Conversion {
    fn from(sql: &str) -> Self {
        Conversion::Expression(sql.to_owned())
    }
}

impl From<String> for Conversion {
    fn from(sql: String) -> Self {
        Conversion::Expression(sql)
    }
}

impl<C: Into<String>, S: Into<String>> FromIterator<(C, S)> for Conversion {
    fn from_iter<I: IntoIterator<Item = (C, S)>>(pairs: I) -> Self {
        Conversion::Columns(
            pairs
                .into_iter()
                .map(|(column, sql)| (column.into(), sql.into()))
                .collect(),
        )
    }
}

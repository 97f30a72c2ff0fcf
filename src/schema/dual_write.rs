//! How a dual write leaves its definition on the target, so that whoever inspects it later knows
//! the defaults and conversions that the triggers hold.

use sha2::{Digest, Sha256};

use super::{DualWrite, HeldColumn, TableName};

/// What the names of all dual-write triggers have in common. On PostgreSQL a `zz_` stands before
/// it: triggers fire in the order of their names, and ours must see what the others made.
pub const TRIGGER_STEM: &str = "bellows_dw_";

/// What stands before the JSON in the marker.
const MARK: &str = "bellows:";

/// Whether the name is that of a trigger that keeps two columns in step.
pub fn is_dual_write_trigger(name: &str) -> bool {
    name.strip_prefix("zz_")
        .unwrap_or(name)
        .starts_with(TRIGGER_STEM)
}

impl DualWrite {
    /// Every column of it, the old ones first.
    pub fn columns(&self) -> impl Iterator<Item = &HeldColumn> {
        self.old.iter().chain(&self.new)
    }

    /// Whether the column is one of its own.
    pub fn names(&self, column: &str) -> bool {
        self.columns().any(|c| c.column == column)
    }

    /// Whether what new applications write reaches the old columns.
    pub fn goes_back(&self) -> bool {
        !self.backward.is_empty()
    }

    /// The stem of the trigger's name: the same for the same table and columns, everywhere.
    pub fn stem(table: &TableName, old: &[String], new: &[String]) -> String {
        let mut hasher = Sha256::new();
        let name = table.to_string();
        for part in [&name].into_iter().chain(old) {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        if old.len() + new.len() > 2 {
            // Where one side ends: a name holds no such character.
            hasher.update([0]);
        }
        for part in new {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        let digest = hasher.finalize();
        let hex: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
        format!("{TRIGGER_STEM}{hex}")
    }

    /// The definition as one line: the comment on the trigger's function on PostgreSQL, a comment
    /// inside each trigger's text on SQLite.
    pub fn marker(&self) -> String {
        // A struct of texts: writing it as JSON cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        // JSON may spell a slash as an escape, and must here: `*/` would end SQLite's comment.
        format!("{MARK}{}", json.replace('/', "\\/"))
    }

    /// Reads a definition out of a function's comment or a trigger's text. `None` where the text
    /// holds no marker, or none that can be read.
    pub fn from_marker(text: &str) -> Option<Self> {
        let json = &text[text.find(MARK)? + MARK.len()..];
        serde_json::Deserializer::from_str(json)
            .into_iter::<DualWrite>()
            .next()
            .and_then(Result::ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_a_comment_and_reads_back() {
        let dual_write = DualWrite {
            old: vec![HeldColumn {
                column: "na\"me".into(),
                default: Some("'*/ drop'::text".into()),
            }],
            new: vec![HeldColumn {
                column: "full_name".into(),
                default: None,
            }],
            forward: [("full_name".into(), "upper(\"na\"\"me\") || '/*'".into())].into(),
            backward: Default::default(),
            trigger: "bellows_dw_00000000".into(),
        };
        let marker = dual_write.marker();
        assert!(!marker.contains("*/"), "{marker}");
        let text = format!("CREATE TRIGGER x AFTER INSERT ON t BEGIN /* {marker} */ SELECT 1; END");
        assert_eq!(DualWrite::from_marker(&text), Some(dual_write));
        assert_eq!(DualWrite::from_marker("SELECT 1"), None);
    }

    #[test]
    fn the_stem_tells_tables_and_columns_apart() {
        let stem = |t: &str, old: &[&str], new: &[&str]| {
            let owned = |side: &[&str]| side.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
            DualWrite::stem(&TableName::parse(t), &owned(old), &owned(new))
        };
        let pair = stem("users", &["a"], &["b"]);
        assert_eq!(pair, stem("public.users", &["a"], &["b"]));
        assert_ne!(pair, stem("users", &["b"], &["a"]));
        assert_ne!(
            stem("users", &["ab"], &["c"]),
            stem("users", &["a"], &["bc"])
        );
        assert_ne!(
            stem("users", &["a", "b"], &["c"]),
            stem("users", &["a"], &["b", "c"])
        );
        assert!(is_dual_write_trigger(&format!("zz_{pair}")));
        assert!(!is_dual_write_trigger("audit"));
    }
}

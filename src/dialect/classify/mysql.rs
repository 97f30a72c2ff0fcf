//! MySQL's and MariaDB's statements by their leading words.

use super::{Cursor, Facts, rows};
use crate::plan::Lock;

/// One statement of MySQL or MariaDB.
pub(super) fn facts(c: Cursor<'_, '_>) -> Facts {
    rows(c, Lock::MetadataWrite).unwrap_or_else(|| Facts::unknown().outside())
}

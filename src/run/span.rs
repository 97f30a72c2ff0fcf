//! Times as people read them.

/// A time in its two largest units: `6 d 23 h`; never less than a second.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

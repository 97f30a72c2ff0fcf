//! The YAML scanner's complaints in the words of someone who has to mend the text.

use saphyr_parser::ScanError;

use super::Problem;
use super::tree::Place;

/// The problem that a scanner's error is.
pub(super) fn explain(text: &str, error: &ScanError) -> Problem {
    let marker = error.marker();
    let mut place = Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    };
    if let Some(tab) = tab_indent(text, place.line) {
        return Problem::at(
            tab,
            "",
            "a tab stands in the indentation, and YAML allows only spaces there",
        );
    }
    let info = error.info();
    let message = if info.contains("mapping values are not allowed") {
        "not YAML: a second `: ` in one line, or a line indented too far; a text with `: ` in it \
         needs quotes"
            .to_owned()
    } else if info.contains("quoted scalar") {
        format!("not YAML: a quote is not closed, or closed too early ({info})")
    } else if info.contains("recursion limit") {
        "nested too deep: no document needs that".to_owned()
    } else if info.contains("simple key expect") || info.contains("did not find expected key") {
        format!(
            "not YAML: a key without `:`, or a line indented differently from those around it ({info})"
        )
    } else if info.contains("flow") || info.contains("',' or") || info.contains("placement of ':'")
    {
        format!("not YAML: `[` or `{{` is not closed, or a comma is missing ({info})")
    } else if info.contains("unknown anchor") {
        "aliases (`*name`) are not supported: write the value out, and put a text that begins \
         with `*` in quotes"
            .to_owned()
    } else if info.contains("cannot start any token") || info.contains("unexpected character") {
        format!("not YAML: a text that begins with `@`, `%` or a backtick needs quotes ({info})")
    } else {
        format!("not YAML: {info}")
    };
    // An unfinished text ends on a line that is not there.
    let lines = text.lines().count().max(1);
    if place.line > lines {
        place = Place {
            line: lines,
            column: 1,
        };
    }
    Problem::at(place, "", message)
}

/// The first tab in the indentation of the line or of its neighbours: the scanner notices it in
/// the line itself, or at the end or the beginning of a scalar that it cuts.
fn tab_indent(text: &str, line: usize) -> Option<Place> {
    let first = line.saturating_sub(1).max(1);
    text.lines()
        .enumerate()
        .skip(first - 1)
        .take(line + 2 - first)
        .find_map(|(index, content)| {
            let blank = content.len() - content.trim_start_matches([' ', '\t']).len();
            content[..blank].find('\t').map(|column| Place {
                line: index + 1,
                column: column + 1,
            })
        })
}

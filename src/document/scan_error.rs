//! The YAML scanner's complaints in the words of someone who has to mend the text.

use saphyr_parser::ScanError;

use super::Problem;
use super::tree::Place;

/// The problem that a scanner's error is; `open` is where the innermost list or mapping began that
/// has not ended.
pub(super) fn explain(text: &str, error: &ScanError, open: Option<Place>) -> Problem {
    let marker = error.marker();
    let mut place = Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    };
    if let Some(problem) = told_by_the_text(text, place.line) {
        return problem;
    }
    let info = error.info();
    let message = if info.contains("mapping values are not allowed") {
        "not YAML: a second `: ` in one line, or a line indented too far; a text with `: ` in it \
         needs quotes"
            .to_owned()
    } else if info.contains("unknown escape") {
        "not YAML: between double quotes a backslash begins an escape, and this is none that is \
         known; write two of them, or use single quotes"
            .to_owned()
    } else if info.contains("quoted scalar") {
        format!("not YAML: a quote is not closed, or closed too early ({info})")
    } else if info.contains("block scalar") {
        "not YAML: behind `|` or `>` the line ends, and the text stands below it, indented"
            .to_owned()
    } else if info.contains("recursion limit") {
        "nested too deep: no document needs that".to_owned()
    } else if info.contains("simple key expect") {
        // It is noticed only where the next key begins.
        if let Some(line) = line_without_colon(text, place.line) {
            place = line;
        }
        "not YAML: a key without `: `, or a line indented differently from those around it"
            .to_owned()
    } else if info.contains("flow") || info.contains("',' or") || info.contains("placement of ':'")
    {
        match open.and_then(|at| Some((at, character(text, at)?))) {
            // It is noticed only where something comes that cannot stand inside.
            Some((at, sign @ ('[' | '{'))) => {
                place = at;
                format!(
                    "not YAML: the `{sign}` that opens here is not closed, or a comma is missing"
                )
            }
            Some(_) | None => {
                format!("not YAML: `[` or `{{` is not closed, or a comma is missing ({info})")
            }
        }
    } else if info.contains("did not find expected") {
        format!(
            "not YAML: a key without `: `, or a line indented differently from those around it \
             ({info})"
        )
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

/// What the text itself tells better than the scanner does. The scanner notices a mistake in its
/// line, or in one beside it.
fn told_by_the_text(text: &str, line: usize) -> Option<Problem> {
    let problem = |index: usize, column: usize, message: &str| {
        let place = Place {
            line: index + 1,
            column: column + 1,
        };
        Some(Problem::at(place, "", message))
    };
    let first = line.saturating_sub(1).max(1);
    let near = text.lines().enumerate().skip(first - 1);
    for (index, content) in near.take(line + 2 - first) {
        if ["<<<<<<< ", ">>>>>>> "]
            .iter()
            .any(|mark| content.starts_with(mark))
        {
            return problem(
                index,
                0,
                "a merge of two versions is not finished here: keep one, and take the marks away",
            );
        }
        let blank = |c: &char| matches!(c, ' ' | '\t') || unseen(*c).is_some();
        let mut indentation = content.chars().take_while(blank).enumerate();
        if let Some((column, sign)) = indentation.find(|(_, c)| *c != ' ') {
            let name = unseen(sign).unwrap_or("a tab");
            let message =
                format!("{name} stands in the indentation, and YAML allows only spaces there");
            return problem(index, column, &message);
        }
        if !content.contains(": ")
            && !content.ends_with(':')
            && let Some(column) = content.chars().position(|c| c == '：')
        {
            return problem(
                index,
                column,
                "not YAML: a key without `: `: the colon `：` of Chinese and Japanese is none in YAML",
            );
        }
    }
    None
}

/// A character that looks like a space or like nothing, by name.
pub(super) fn unseen(c: char) -> Option<&'static str> {
    match c {
        '\u{a0}' | '\u{202f}' => Some("a no-break space"),
        '\u{feff}' => Some("a byte order mark"),
        '\u{200b}'..='\u{200d}' | '\u{2060}' => Some("a blank without width"),
        '\u{2000}'..='\u{200a}' | '\u{3000}' | '\u{1680}' => Some("a blank that is no space"),
        _ => None,
    }
}

/// The last line up to that one without a `:` behind a key, where it is not far away.
fn line_without_colon(text: &str, line: usize) -> Option<Place> {
    let lines: Vec<&str> = text.lines().collect();
    let last = line.min(lines.len());
    let filled = (1..=last).rev().filter(|number| {
        let content = lines[number - 1].trim();
        !content.is_empty() && !content.starts_with('#')
    });
    let number = filled.take(2).find(|number| {
        let content = lines[number - 1];
        !content.contains(": ") && !content.trim_end().ends_with(':')
    })?;
    let content = lines[number - 1];
    Some(Place {
        line: number,
        column: content.len() - content.trim_start_matches(' ').len() + 1,
    })
}

fn character(text: &str, at: Place) -> Option<char> {
    text.lines().nth(at.line - 1)?.chars().nth(at.column - 1)
}

/// Where the anchor or tag stands that a node carries: before it, perhaps in a line above.
pub(super) fn mark_before(text: &str, node: Place) -> Place {
    if matches!(character(text, node), Some('&' | '!')) {
        return node;
    }
    let lines: Vec<&str> = text.lines().take(node.line).collect();
    for (index, content) in lines.iter().enumerate().rev() {
        let own = index + 1 == node.line;
        let upto = if own { node.column - 1 } else { usize::MAX };
        let before: String = content.chars().take(upto).collect();
        let Some(last) = before.split_whitespace().next_back() else {
            continue;
        };
        let start = before.rfind(last).filter(|_| last.starts_with(['&', '!']));
        return start.map_or(node, |start| Place {
            line: index + 1,
            column: before[..start].chars().count() + 1,
        });
    }
    node
}

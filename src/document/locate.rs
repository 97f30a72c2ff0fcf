//! Where in a text something stands whose path is all that is known: what the planner refuses.

use super::tree::{Data, Node, Place, load};
use super::{PROBLEMS_MAX, Problem};

/// Gives problems without a line the place in the text that their path leads to, as far as it
/// leads: what is missing is told where it would stand. In the order of the text.
pub fn locate(yaml: &str, mut problems: Vec<Problem>) -> Vec<Problem> {
    let Ok(root) = load(yaml) else {
        return problems;
    };
    for problem in problems
        .iter_mut()
        .filter(|p| p.line.is_none())
        .take(PROBLEMS_MAX)
    {
        let place = place(&root, &problem.path);
        problem.line = place.map(|p| p.line);
        problem.column = place.map(|p| p.column);
    }
    problems.sort_by_key(|p| (p.line.is_none(), p.line, p.column));
    problems
}

fn place(root: &Node, path: &str) -> Option<Place> {
    let (mut node, mut at) = step(root, "migration").map(|(node, at, _)| (node, at))?;
    let mut rest = path;
    while let Some((next, next_at, left)) = step(node, rest) {
        (node, at, rest) = (next, next_at.or(at), left);
    }
    at
}

/// One step along a path: the node, its place and what is left of the path.
fn step<'n, 'p>(node: &'n Node, path: &'p str) -> Option<(&'n Node, Option<Place>, &'p str)> {
    match &node.data {
        Data::Map(entries) => {
            let path = path.strip_prefix('.').unwrap_or(path);
            // A key may have dots and brackets of its own: the longest that fits is meant.
            let fits = |key: &str| {
                let left = path.strip_prefix(key)?;
                (left.is_empty() || left.starts_with(['.', '['])).then_some(left)
            };
            let (entry, left) = entries
                .iter()
                .filter_map(|entry| fits(&entry.key).map(|left| (entry, left)))
                .max_by_key(|(entry, _)| entry.key.len())?;
            let empty = entry.value.data == Data::Null;
            let value_at = entry.value.at.filter(|_| !empty);
            Some((&entry.value, value_at.or(entry.at), left))
        }
        Data::List(items) => {
            let (index, left) = path.strip_prefix('[')?.split_once(']')?;
            let item = items.get(index.parse::<usize>().ok()?)?;
            Some((item, item.at, left))
        }
        Data::Null | Data::Bool(_) | Data::Number { .. } | Data::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
migration:
  name: a
  phases:
    - phase: 1
      operations:
        - type: enable_dual_write
          table: users
          forward:
            a.b: x
            a: y
          backward:
      validation:
        - check: custom
          sql: |
            SELECT 1
";

    fn found(path: &str) -> Option<(usize, usize)> {
        let problem = Problem::at(None, path, "m");
        let located = locate(TEXT, vec![problem]);
        located[0].line.zip(located[0].column)
    }

    #[test]
    fn a_path_leads_to_its_value_or_to_where_it_would_stand() {
        for (path, place) in [
            ("name", (2, 9)),
            ("phases[0].operations[0].table", (7, 18)),
            ("phases[0].operations[0].forward.a.b", (9, 18)),
            ("phases[0].operations[0].forward.a", (10, 16)),
            ("phases[0].operations[0].backward", (11, 11)),
            ("phases[0].operations[0].newColumn", (6, 11)),
            ("phases[0].validation[0].expect", (13, 11)),
            ("phases[0].validation[0].sql", (15, 13)),
            ("phases[0].gate", (4, 7)),
            ("phases[7].gate", (4, 5)),
            ("", (2, 3)),
            ("database", (2, 3)),
        ] {
            assert_eq!(found(path), Some(place), "{path}");
        }
    }

    #[test]
    fn problems_come_in_the_order_of_the_text() {
        let paths = [
            "phases[0].validation[0].sql",
            "phases[0].operations[0].table",
            "name",
        ];
        let problems = paths.map(|path| Problem::at(None, path, "m"));
        let lines: Vec<_> = locate(TEXT, problems.into())
            .iter()
            .map(|p| p.line)
            .collect();
        assert_eq!(lines, [Some(2), Some(7), Some(15)]);
        // What cannot be read says nothing.
        let problem = Problem::at(None, "name", "m");
        assert_eq!(locate("a: [", vec![problem.clone()]), [problem]);
    }
}

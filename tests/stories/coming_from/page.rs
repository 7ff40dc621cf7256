//! The page as it stands, taken apart: headings, rows of tables, links, and what stands in code.

/// Text of a page in Markdown.
pub(super) struct Page(pub(super) String);

/// A row of a table: the heading that it stands under, the table's head, and its cells.
#[derive(Clone)]
pub(super) struct Row<'p> {
    pub(super) section: &'p str,
    pub(super) head: Vec<&'p str>,
    pub(super) cells: Vec<&'p str>,
}

impl Page {
    /// Every row of every table, without heads and rules.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let (mut section, mut head) = ("", Vec::new());
        let mut rows = Vec::new();
        for line in self.0.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = heading;
            }
            let Some(inner) = line.strip_prefix('|') else {
                head.clear();
                continue;
            };
            let cells: Vec<&str> = inner.trim_end().trim_end_matches('|').split(" |").map(str::trim).collect();
            let is_rule = cells.iter().all(|cell| cell.trim_matches(['-', '|']).is_empty() && cell.contains('-'));
            if head.is_empty() {
                head = cells;
            } else if !is_rule {
                rows.push(Row { section, head: head.clone(), cells });
            }
        }
        rows
    }

    /// Anchors of its headings, as they are linked to.
    pub(super) fn anchors(&self) -> Vec<String> {
        let headings = self.0.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| slug(line.trim_start_matches('#').trim())).collect()
    }

    /// What stands in code, outside of links.
    pub(super) fn code(&self) -> Vec<String> {
        code(&self.0)
    }

    /// Where it links to.
    pub(super) fn links(&self) -> Vec<&str> {
        links(&self.0)
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// Targets of the links in a text.
pub(super) fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// What stands in code in a text, outside of the words of links.
pub(super) fn code(text: &str) -> Vec<String> {
    let mut plain = text.to_owned();
    while let Some(end) = plain.find("](") {
        let start = plain[..end].rfind('[').unwrap_or(end);
        let close = plain[end..].find(')').map_or(plain.len(), |close| end + close + 1);
        plain.replace_range(start..close, "");
    }
    plain.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

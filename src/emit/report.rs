//! One page for people, as HTML and as Markdown, rendered from the same blocks.

use std::collections::BTreeSet;
use std::fmt::Write;

use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::page::{Block, page};
use super::{CaseInput, safe};

/// What the template sees.
#[derive(Serialize)]
struct View {
    /// Ids that stand in a table of the page, so that references can lead there.
    targets: BTreeSet<String>,
    blocks: Vec<Block>,
}

impl View {
    fn of(blocks: Vec<Block>) -> Self {
        let mut targets = BTreeSet::new();
        for block in &blocks {
            let Block::Table { head, rows, .. } = block else { continue };
            let Some(at) = head.iter().position(|name| matches!(*name, "Id" | "Transfer")) else { continue };
            targets.extend(rows.iter().map(|row| row[at].clone()));
        }
        Self { targets, blocks }
    }
}

/// The page as self-contained HTML without scripts.
pub fn report_html(input: &CaseInput<'_>) -> String {
    let mut engine = Environment::new();
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    let view = View::of(page(input));
    engine
        .render_str(include_str!("report.html"), minijinja::value::Serde(&view))
        .expect("the template is fixed and the view has every name in it")
}

/// The page as Markdown.
pub fn report_markdown(input: &CaseInput<'_>) -> String {
    let mut out = String::new();
    for block in page(input) {
        match block {
            Block::Heading { level, text } => {
                let _ = writeln!(out, "{} {}\n", "#".repeat(usize::from(level)), safe::markdown(&text));
            }
            Block::Answer { lines, .. } => {
                let lines: Vec<String> = lines.iter().map(|line| safe::markdown(line)).collect();
                let _ = writeln!(out, "{}\n", lines.join("  \n"));
            }
            Block::Text { text } => {
                let _ = writeln!(out, "{}\n", safe::markdown(&text));
            }
            Block::List { items } => {
                for item in items {
                    let refs =
                        if item.refs.is_empty() { String::new() } else { format!(" ({})", item.refs.join(", ")) };
                    let _ = writeln!(out, "- {}", safe::markdown(&format!("{}{refs}", item.text)));
                }
                out.push('\n');
            }
            Block::Table { head, rows, .. } => {
                let _ = writeln!(out, "| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
                for row in rows {
                    let cells: Vec<String> = row.iter().map(|c| safe::markdown(c)).collect();
                    let _ = writeln!(out, "| {} |", cells.join(" | "));
                }
                out.push('\n');
            }
        }
    }
    out
}

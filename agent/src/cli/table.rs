//! Columns that line up, measured before they are coloured.

use super::style::{Style, Tone};

/// Blanks between two columns.
const GAP: usize = 2;

/// One cell.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// The table with its heads, a line each; a column without any text is left out.
pub(super) fn render(heads: &[&str], rows: &[Vec<Cell>], style: Style) -> String {
    let heads: Vec<Cell> = heads.iter().map(|head| Cell::new(*head, Tone::Faint)).collect();
    let widths: Vec<usize> = (0..heads.len()).map(|column| width(column, &heads, rows)).collect();
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let mut line = String::new();
        let mut pad = 0;
        for (cell, width) in row.iter().zip(&widths) {
            if *width == 0 {
                continue;
            }
            // The blanks come before the next cell, so that no line ends in blanks.
            if !cell.text.is_empty() {
                line.push_str(&" ".repeat(pad));
                line.push_str(&style.paint(cell.tone, &cell.text));
                pad = 0;
            }
            pad += width - cell.text.chars().count() + GAP;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn width(column: usize, heads: &[Cell], rows: &[Vec<Cell>]) -> usize {
    let cell = |row: &[Cell]| row.get(column).map_or(0, |cell| cell.text.chars().count());
    let widest = rows.iter().map(|row| cell(row)).max().unwrap_or(0);
    if widest == 0 { 0 } else { widest.max(cell(heads)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_and_without_colour() {
        let rows = [
            vec![Cell::plain("fiber"), Cell::plain(""), Cell::new("failed", Tone::Bad), Cell::plain("")],
            vec![Cell::plain("x"), Cell::plain(""), Cell::new("healthy", Tone::Good), Cell::plain("über")],
        ];
        let heads = ["A", "B", "C", "D"];
        let plain = render(&heads, &rows, Style { colour: false });
        assert_eq!(plain, "A      C        D\nfiber  failed\nx      healthy  über\n");
        let coloured = render(&heads, &rows, Style { colour: true });
        assert!(coloured.contains("\u{1b}[1;31mfailed\u{1b}[0m\n"), "{coloured:?}");
        assert!(coloured.contains("x      \u{1b}[32mhealthy\u{1b}[0m  über"), "{coloured:?}");
    }
}

//! HTML that is being written. What is not markup of ours goes in as text.

use std::fmt::Write as _;

#[derive(Debug, Default)]
pub(super) struct Html(pub(super) String);

impl Html {
    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, in which backticks enclose code.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for (n, part) in text.split('`').enumerate() {
            if n % 2 == 1 {
                self.code(part);
            } else {
                self.escaped(part);
            }
        }
        self
    }

    pub(super) fn code(&mut self, text: &str) -> &mut Self {
        self.raw("<code>").escaped(text).raw("</code>")
    }

    pub(super) fn escaped(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// To a heading of this page.
    pub(super) fn link(&mut self, id: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"#").escaped(id).raw("\">");
        self.escaped(text).raw("</a>")
    }

    pub(super) fn heading(&mut self, level: u8, id: &str, text: &str) -> &mut Self {
        // Writing to a String does not fail.
        let _ = write!(self.0, "<h{level} id=\"");
        self.escaped(id).raw("\">").escaped(text);
        let _ = write!(self.0, "</h{level}>");
        self
    }

    /// The head of a table; its rows follow, and `</tbody></table>`.
    pub(super) fn table(&mut self, columns: &[&str]) -> &mut Self {
        self.raw("<table><thead><tr>");
        for column in columns {
            self.raw("<th scope=\"col\">").escaped(column).raw("</th>");
        }
        self.raw("</tr></thead><tbody>")
    }
}

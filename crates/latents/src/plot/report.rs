//! A report as one self-contained HTML file.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PlotError, save};

/// A PNG or JPEG picture for a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A file, read when the report is written.
    File(PathBuf),
    /// The bytes of a file.
    Bytes(Vec<u8>),
}

impl From<&Path> for Picture {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for Picture {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&str> for Picture {
    fn from(path: &str) -> Self {
        Self::File(path.into())
    }
}

impl From<String> for Picture {
    fn from(path: String) -> Self {
        Self::File(path.into())
    }
}

impl From<Vec<u8>> for Picture {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A report built up part by part: paragraphs, tables and pictures in the order they are added.
///
/// The file needs nothing else: pictures are embedded, styles are inline, and nothing is loaded from
/// the network. All text is escaped.
///
/// ```
/// use latents::plot::Report;
/// let html = Report::new("Run 7")
///     .paragraph("Loss < 0.1 & falling.")
///     .table("Summary", &[("steps", "2000")])
///     .to_html()?;
/// assert!(html.contains("Loss &lt; 0.1 &amp; falling."));
/// # Ok::<(), latents::plot::PlotError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Paragraph(String),
    Table { heading: String, columns: Vec<String>, rows: Vec<Vec<String>> },
    Picture { picture: Picture, caption: String },
}

impl Report {
    /// An empty report; the title is also its first heading.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), parts: Vec::new() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Part::Paragraph(text.into()))
    }

    /// Adds a table of names and values.
    #[must_use]
    pub fn table<N: AsRef<str>, V: AsRef<str>>(self, heading: impl Into<String>, rows: &[(N, V)]) -> Self {
        let pair = |(name, value): &(N, V)| vec![name.as_ref().into(), value.as_ref().into()];
        self.with(Part::Table { heading: heading.into(), columns: Vec::new(), rows: rows.iter().map(pair).collect() })
    }

    /// Adds a table with named columns; the first cell of a row is its heading, and rows may differ
    /// in length.
    #[must_use]
    pub fn table_with_columns(self, heading: impl Into<String>, columns: &[&str], rows: &[Vec<String>]) -> Self {
        self.with(Part::Table {
            heading: heading.into(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows.to_vec(),
        })
    }

    /// Adds a picture with a caption, which is also its alternative text.
    #[must_use]
    pub fn picture(self, picture: impl Into<Picture>, caption: impl Into<String>) -> Self {
        self.with(Part::Picture { picture: picture.into(), caption: caption.into() })
    }

    /// The report as an HTML document.
    ///
    /// # Errors
    ///
    /// [`PlotError::File`] when a picture cannot be read, [`PlotError::Input`] when it is neither PNG
    /// nor JPEG.
    pub fn to_html(&self) -> Result<String, PlotError> {
        let title = escape(&self.title);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n"
        );
        for part in &self.parts {
            html.push_str(&part.to_html()?);
        }
        html.push_str("</main>\n</body>\n</html>\n");
        Ok(html)
    }

    /// Writes the report to `path` atomically.
    ///
    /// # Errors
    ///
    /// [`PlotError::Output`] for the causes of [`Report::to_html`], [`PlotError::File`] when writing
    /// fails.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        save(path.as_ref(), self.to_html().map(String::into_bytes))
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl Part {
    fn to_html(&self) -> Result<String, PlotError> {
        match self {
            Self::Paragraph(text) => Ok(format!("<p>{}</p>\n", escape(text))),
            Self::Table { heading, columns, rows } => Ok(table_html(heading, columns, rows)),
            Self::Picture { picture, caption } => {
                let source = picture.data_uri()?;
                let caption = escape(caption);
                Ok(format!(
                    "<figure>\n<img src=\"{source}\" alt=\"{caption}\">\n\
                     <figcaption>{caption}</figcaption>\n</figure>\n"
                ))
            }
        }
    }
}

impl Picture {
    /// The picture as a URI that contains it.
    fn data_uri(&self) -> Result<String, PlotError> {
        let read;
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::File(path) => {
                read = fs::read(path).map_err(|cause| PlotError::File { action: "read", path: path.clone(), cause })?;
                &read
            }
        };
        let kind = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            "png"
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            "jpeg"
        } else {
            let name = match self {
                Self::File(path) => path.display().to_string(),
                Self::Bytes(_) => "a picture given as bytes".to_owned(),
            };
            return Err(PlotError::Input(format!("{name} is neither PNG nor JPEG")));
        };
        Ok(format!("data:image/{kind};base64,{}", STANDARD.encode(bytes)))
    }
}

fn table_html(heading: &str, columns: &[String], rows: &[Vec<String>]) -> String {
    let mut html = format!("<h2>{}</h2>\n<div class=\"table\">\n<table>\n", escape(heading));
    if !columns.is_empty() {
        let names = columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name)));
        html.push_str(&format!("<tr>{}</tr>\n", names.collect::<String>()));
    }
    for row in rows {
        let cells = row.iter().enumerate().map(|(index, cell)| match index {
            0 => format!("<th scope=\"row\">{}</th>", escape(cell)),
            _ => format!("<td>{}</td>", escape(cell)),
        });
        html.push_str(&format!("<tr>{}</tr>\n", cells.collect::<String>()));
    }
    html.push_str("</table>\n</div>\n");
    html
}

/// Text made safe for HTML content and quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

const STYLE: &str = "\
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --line: #d1d9e0; \
--back: #ffffff; --stripe: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e8eb; --soft: #9aa4af; --line: #3d444d; --back: #14171b; --stripe: #1d2126; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
main { max-width: 75rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
p { max-width: 45rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); }
tr:nth-child(even) { background: var(--stripe); }
figure { margin: 2rem 0; }
img { display: block; max-width: 100%; height: auto; background: #ffffff; border-radius: 6px; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .5rem; }
";

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn all_text_is_escaped() {
        let evil = "<script>\"&'";
        let html = Report::new(evil)
            .paragraph(evil)
            .table(evil, &[(evil, evil)])
            .table_with_columns(evil, &[evil], &[vec![evil.to_owned(), evil.to_owned()]])
            .picture(PNG.to_vec(), evil)
            .to_html()
            .expect("html");
        assert!(!html.contains("<script>"));
        assert_eq!(html.matches("&lt;script&gt;&quot;&amp;&#39;").count(), 12);
    }

    #[test]
    fn pictures_are_embedded_and_nothing_is_external() {
        let html = Report::new("t").picture(PNG.to_vec(), "c").to_html().expect("html");
        let encoded = STANDARD.encode(PNG);
        assert!(html.contains(&format!("src=\"data:image/png;base64,{encoded}\"")));
        for external in ["http:", "https:", "<link", "<script", "url(", "@import"] {
            assert!(!html.contains(external), "{external}");
        }
    }

    #[test]
    fn unusable_pictures_are_named() {
        let missing = Report::new("t").picture("no/such.png", "c").to_html();
        assert!(matches!(missing, Err(PlotError::File { action: "read", path, .. })
            if path == Path::new("no/such.png")));
        let text = Report::new("t").picture(b"text".to_vec(), "c").to_html();
        assert!(matches!(text, Err(PlotError::Input(_))));
    }

    #[test]
    fn errors_of_writing_carry_the_path() {
        let error = Report::new("t").write("/no/such/folder/report.html").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/report.html"));
        let broken = Report::new("t").picture(Vec::new(), "c").write("report.html");
        assert!(matches!(broken, Err(PlotError::Output { .. })));
        assert!(!Path::new("report.html").exists());
    }

    #[test]
    fn empty_reports_and_tables_are_valid() {
        let none: [(&str, &str); 0] = [];
        let html = Report::new("").table("", &none).to_html().expect("html");
        assert!(html.ends_with("</html>\n"));
        assert_eq!(html.matches("<table>").count(), html.matches("</table>").count());
    }
}

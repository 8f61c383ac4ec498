//! An answer, read to its end.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Empty for a stream, which does not end.
    pub text: String,
    /// Null where the text is not JSON.
    pub body: Value,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// The answer itself, which must have this status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text, self.headers);
        self
    }

    /// The problem's id, without its prefix; empty where the answer is no problem.
    pub fn problem(&self) -> &str {
        let id = self.body["type"].as_str().unwrap_or_default();
        id.strip_prefix("urn:fairgate:problem:").unwrap_or_default()
    }

    /// The text under a name in the body.
    #[track_caller]
    pub fn text_of(&self, name: &str) -> String {
        let found = self.body[name].as_str();
        found.unwrap_or_else(|| panic!("no {name} in {} {}", self.status, self.text)).to_owned()
    }

    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where the answer points or sends the browser; empty where it does not.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// Where the answer sends the browser, which it must do.
    #[track_caller]
    pub fn sent_to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.location()
    }

    /// The value of a cookie that was set.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies()
            .find_map(|text| text.strip_prefix(name)?.strip_prefix('=')?.split(';').next())
            .map(str::to_owned)
    }

    /// Cookies that were set, with what was said of them.
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        let set = self.headers.get_all(header::SET_COOKIE).into_iter();
        set.filter_map(|value| value.to_str().ok())
    }

    /// The value of the first hidden field of this name.
    #[track_caller]
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let found = self.text.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
        found.unwrap_or_else(|| panic!("no field {name} in {}", self.text)).to_owned()
    }
}

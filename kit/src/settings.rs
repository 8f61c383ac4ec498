//! Settings by key lookup: everything is read through [`Env`], every mistake is reported at once,
//! then the process stops.

use std::{collections::HashMap, fmt, str::FromStr, sync::OnceLock};

/// Where settings come from. The process environment in production, a map in tests.
pub trait Env {
    fn get(&self, key: &str) -> Option<String>;
}

/// The process environment, and behind it what [`fall_back_to`] was given. An empty value counts as
/// absent.
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn get(&self, key: &str) -> Option<String> {
        let named = std::env::var(key).ok().filter(|value| !value.trim().is_empty());
        named.or_else(|| Env::get(FALLBACK.get()?, key))
    }
}

static FALLBACK: OnceLock<HashMap<String, String>> = OnceLock::new();

/// Gives [`ProcessEnv`] settings for what the environment does not name. Only the first call does.
pub fn fall_back_to(settings: HashMap<String, String>) {
    // A second call would be a mistake of a tool's, and what was read before it stays as it was.
    let _ = FALLBACK.set(settings);
}

impl Env for HashMap<String, String> {
    fn get(&self, key: &str) -> Option<String> {
        HashMap::get(self, key).cloned().filter(|value| !value.trim().is_empty())
    }
}

/// Reads settings and collects what is wrong with them.
pub struct Settings<'a> {
    env: &'a dyn Env,
    mistakes: Vec<String>,
}

impl<'a> Settings<'a> {
    pub fn new(env: &'a dyn Env) -> Self {
        Self { env, mistakes: Vec::new() }
    }

    /// The value under `key`, or `default` where it is absent or does not parse (which is noted).
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// Like [`Settings::or`], with a range that is checked.
    pub fn or_within<T>(&mut self, key: &str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr<Err: fmt::Display> + PartialOrd + fmt::Display,
    {
        let value = self.or(key, default);
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            self.mistake(format!("{key} is {value}, but must be between {low} and {high}"));
            return low;
        }
        value
    }

    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Option<T> {
        let text = self.env.get(key)?;
        match text.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                // The value itself is not repeated: it may be a secret.
                self.mistake(format!("{key} cannot be read: {error}"));
                None
            }
        }
    }

    /// The text under `key`; its absence is a mistake, with `hint` saying where to get one.
    pub fn required(&mut self, key: &str, hint: &str) -> String {
        match self.env.get(key) {
            Some(value) => value.trim().to_owned(),
            None => {
                self.mistake(format!("{key} is missing: {hint}"));
                String::new()
            }
        }
    }

    /// Adds a mistake found while making something of a value. Where several parts read the same
    /// setting, it is told once.
    pub fn mistake(&mut self, text: String) {
        if !self.mistakes.contains(&text) {
            self.mistakes.push(text);
        }
    }

    pub fn finish(self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(Mistakes(self.mistakes)) }
    }
}

/// Every mistake in the settings, one a line.
#[derive(Debug)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings need mending:")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let env: HashMap<String, String> =
            [("A".to_owned(), "x".to_owned()), ("B".to_owned(), "70".to_owned())].into();
        let mut settings = Settings::new(&env);
        settings.or("A", 1u16);
        settings.or_within("B", 1u32, 1..=60);
        settings.required("C", "set it");
        let text = settings.finish().expect_err("three mistakes").to_string();
        for key in ["A cannot be read", "B is 70", "C is missing"] {
            assert!(text.contains(key), "{text}");
        }
    }
}

//! Configuration from the environment, with all problems reported at once.
//!
//! Invariant: no value reaches the program unless it was parsed. It never touches the process environment itself: the
//! caller passes a lookup, so that tests share nothing.

use std::fmt;
use std::str::FromStr;

/// The exit code for bad configuration: `EX_USAGE` of sysexits.h, so that a supervisor can tell it from a crash.
pub const EXIT_CONFIG: u8 = 64;

/// Reads variables and collects what is wrong with them.
pub struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<EnvProblem>,
}

impl<'a> Env<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: Vec::new(),
        }
    }

    /// The variable parsed, or `default` when it is unset or blank. A bad value is noted and `default` stands in until
    /// [`Env::finish`] refuses.
    pub fn or<T: FromStr>(&mut self, name: &'static str, expected: &'static str, default: T) -> T {
        self.optional(name, expected).unwrap_or(default)
    }

    /// The variable parsed, or `None` when it is unset, blank, or bad (which is noted).
    pub fn optional<T: FromStr>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Option<T> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.problem(name, expected, value);
        }
        parsed
    }

    /// Notes the breach of a rule beyond parsing. `arrived` is printed: never pass a secret.
    pub fn problem(
        &mut self,
        name: &'static str,
        expected: impl Into<String>,
        arrived: impl Into<String>,
    ) {
        self.problems.push(EnvProblem {
            name,
            expected: expected.into(),
            arrived: arrived.into(),
        });
    }

    /// `config`, unless any variable was bad.
    pub fn finish<C>(self, config: C) -> Result<C, EnvProblems> {
        if self.problems.is_empty() {
            Ok(config)
        } else {
            Err(EnvProblems(self.problems))
        }
    }
}

/// One bad variable.
#[derive(Debug)]
pub struct EnvProblem {
    pub name: &'static str,
    pub expected: String,
    pub arrived: String,
}

/// Every bad variable of one start, a line each.
#[derive(Debug, thiserror::Error)]
pub struct EnvProblems(pub Vec<EnvProblem>);

impl fmt::Display for EnvProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad configuration")?;
        for EnvProblem {
            name,
            expected,
            arrived,
        } in &self.0
        {
            write!(f, "\n  {name}: expected {expected}, got {arrived:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_problems_are_reported_at_once() {
        let lookup = |name: &str| match name {
            "A" => Some("x".to_owned()),
            "B" => Some("-1".to_owned()),
            "C" => Some("7".to_owned()),
            _ => None,
        };
        let mut env = Env::new(&lookup);
        let _: u16 = env.or("A", "a port", 1);
        let _: Option<u16> = env.optional("B", "a count");
        let c: u16 = env.or("C", "a size", 1);
        env.problem("C", "an even size", c.to_string());
        let text = env.finish(()).unwrap_err().to_string();
        assert_eq!(
            text,
            "bad configuration\n  A: expected a port, got \"x\"\n  B: expected a count, got \"-1\"\n  C: expected an even size, got \"7\""
        );
    }

    #[test]
    fn unset_and_blank_mean_the_default() {
        let lookup = |name: &str| (name == "BLANK").then(|| "  ".to_owned());
        let mut env = Env::new(&lookup);
        assert_eq!(env.or("BLANK", "a number", 5), 5);
        assert_eq!(env.or("UNSET", "a number", 6), 6);
        assert!(env.finish(()).is_ok());
    }

    #[test]
    fn white_space_around_a_value_is_ignored() {
        let lookup = |_: &str| Some(" 3000 ".to_owned());
        let mut env = Env::new(&lookup);
        assert_eq!(env.or("PORT", "a port", 0_u16), 3000);
    }
}

//! The rules, and what they find.

mod delivery;
mod edges;
mod environment;
mod log;
mod pods;
mod programs;
mod scalers;
mod services;

use std::fmt;

pub use programs::defaults;

use crate::Object;

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: kind and name.
    pub object: String,
    /// What, and how to mend it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.problem)
    }
}

/// Where rules put what they find.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, object: &Object, problem: impl Into<String>) {
        self.0.push(Finding {
            object: object.to_string(),
            problem: problem.into(),
        });
    }

    /// Unless it holds.
    fn expect(&mut self, holds: bool, object: &Object, problem: impl Into<String>) {
        if !holds {
            self.add(object, problem);
        }
    }
}

type Rule = fn(&[Object], &mut Findings);

const RULES: [Rule; 7] = [
    delivery::loses_nothing,
    pods::are_restricted_and_ask_nobody,
    programs::read_what_is_set,
    services::lead_to_ports,
    edges::are_let_through,
    scalers::are_alone,
    log::has_one_name_for_everyone,
];

/// Everything that is wrong with the objects of one deployment.
#[must_use]
pub fn check(objects: &[Object]) -> Vec<Finding> {
    let mut findings = Findings::default();
    for rule in RULES {
        rule(objects, &mut findings);
    }
    findings.0
}

//! Objects as they are applied.

use std::fmt;

use serde_json::Value;

/// One object of Kubernetes, whatever its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(pub Value);

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("this is no YAML")]
    Yaml(#[from] serde_saphyr::Error),
    #[error("there is no object in it")]
    Empty,
    #[error("document {0} has no kind or no name")]
    Nameless(usize),
}

/// The objects of a YAML stream; empty documents are none.
///
/// # Errors
///
/// When it is no YAML, has no object, or something in it has no kind or name.
pub fn read(yaml: &str) -> Result<Vec<Object>, ReadError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml)?;
    let documents = documents.into_iter().filter(|document| !document.is_null());
    let objects: Vec<_> = documents.map(Object).collect();
    if objects.is_empty() {
        return Err(ReadError::Empty);
    }
    let is_nameless = |object: &Object| object.kind().is_empty() || object.name().is_empty();
    match objects.iter().position(is_nameless) {
        Some(index) => Err(ReadError::Nameless(index + 1)),
        None => Ok(objects),
    }
}

impl Object {
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind").unwrap_or_default()
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// What a JSON pointer leads to; null if there is nothing.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).as_str()
    }

    /// The elements of a list; none if there is none.
    pub(crate) fn list(&self, pointer: &str) -> impl Iterator<Item = &Value> {
        elements(self.at(pointer))
    }

    /// A Service of Knative, and not one of Kubernetes.
    pub(crate) fn is_knative_service(&self) -> bool {
        let group = self.text("/apiVersion").unwrap_or_default();
        self.kind() == "Service" && group.starts_with("serving.knative.dev/")
    }

    /// A Service of Kubernetes.
    pub(crate) fn is_service(&self) -> bool {
        self.kind() == "Service" && !self.is_knative_service()
    }

    /// The pod that it makes, if it makes any.
    pub(crate) fn pod(&self) -> Option<&Value> {
        let pointer = match self.kind() {
            "Pod" => "/spec",
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        };
        let pod = self.0.pointer(pointer);
        pod.filter(|pod| pod["containers"].is_array())
    }

    /// Its containers, those that come first too.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Value> {
        let pod = self.pod().unwrap_or(&Value::Null);
        elements(&pod["initContainers"]).chain(elements(&pod["containers"]))
    }
}

pub(crate) fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// `KafkaSource/kafka-source`.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.name())
    }
}

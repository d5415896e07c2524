//! The images: what scripts/images.sh makes of a program is what Docker makes, and what the program is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod build;

use std::fs;
use std::path::Path;

use build::{REPOSITORY, build};

/// The functions with the ports that they have when nobody says another.
const IMAGES: [(&str, &str, &str); 6] = [
    ("buy", "functions/buy", "3000"),
    ("query", "functions/query", "3002"),
    ("storer", "functions/storer", "3001"),
    ("consumer", "functions/consumer", "3001"),
    ("frontend", "frontend", "8080"),
    ("embedded", "functions/embedded", "8080 3000 3001 3002"),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(REPOSITORY).join(path)).unwrap()
}

/// What makes an image, but for where its files come from.
fn instructions(dockerfile: &str) -> Vec<String> {
    let lines = dockerfile.replace("\\\n", "");
    let lines = lines
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("FROM "));
    lines
        .map(|line| {
            let line = line
                .replace("--from=programs ", "")
                .replace("/programs/", "");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn docker_makes_the_same_images() {
    let root = read("Dockerfile");
    for (name, folder, ports) in IMAGES {
        let (_, stage) = root
            .split_once(&format!("FROM scratch AS {name}\n"))
            .unwrap();
        let stage = stage.split("\nFROM ").next().unwrap();
        let own = read(&format!("{folder}/Dockerfile"));
        assert!(own.contains("\nFROM scratch\n"), "{name}");
        let own = instructions(&own);
        assert_eq!(instructions(stage), own, "{name}");
        assert!(own.contains(&format!("EXPOSE {ports}")), "{name}: {own:?}");
        if let Some((port, _)) = manifests::defaults(name) {
            assert_eq!(ports, port.to_string(), "{name}");
        }
        assert!(
            own.contains(&"USER 65532:65532".to_owned()),
            "{name}: {own:?}"
        );
    }
    assert_eq!(root.matches("\nFROM ").count(), IMAGES.len() + 1);
}

#[test]
fn manifests_name_the_images_of_this_version() {
    let mut named = 0;
    for folder in ["knative/base", "k8s"] {
        let objects =
            serde_json::to_string(&build(folder).into_iter().map(|it| it.0).collect::<Vec<_>>());
        for image in objects.unwrap().split("ghcr.io/user-buy-list/").skip(1) {
            let (name, tag) = image.split('"').next().unwrap().split_once(':').unwrap();
            assert!(IMAGES.iter().any(|(image, ..)| *image == name), "{name}");
            assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{name}");
            named += 1;
        }
    }
    assert_eq!(named, 8);
}

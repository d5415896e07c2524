//! Whether a text is a URI reference, as `java.net.URI` sees it: the KafkaSource takes a record for an event only then.

/// RFC 2396 with the additions of Java: anything beyond ASCII that is neither white space nor a control character.
pub(crate) fn is_reference(text: &str) -> bool {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    if !fragment
        .chars()
        .all(|c| is_legal(c) || c == '[' || c == ']')
        || !has_whole_escapes(text)
    {
        return false;
    }
    let scheme_end = rest.find([':', '/', '?']);
    match scheme_end.and_then(|end| {
        rest[end..]
            .strip_prefix(':')
            .map(|specific| (&rest[..end], specific))
    }) {
        Some((scheme, specific)) => {
            is_scheme(scheme) && !specific.is_empty() && is_specific(specific)
        }
        None => is_hierarchical(rest),
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// What follows a scheme: a path, or anything at all as in `urn:a:b`.
fn is_specific(specific: &str) -> bool {
    if specific.starts_with('/') {
        is_hierarchical(specific)
    } else {
        specific
            .chars()
            .all(|c| is_legal(c) || c == '[' || c == ']')
    }
}

fn is_hierarchical(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = match text.strip_prefix("//") {
        Some("") => return false,
        // The brackets of an IPv6 address.
        Some(_) => path[2..]
            .trim_start_matches(|c: char| c != '/' && (is_legal(c) || c == '[' || c == ']')),
        None => path,
    };
    path.chars().all(is_legal) && query.chars().all(|c| is_legal(c) || c == '[' || c == ']')
}

fn is_legal(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric() || "_-!.~'()*,;:$&+=?/@%".contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    }
}

/// Every `%` is followed by two hexadecimal digits.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_other_texts() {
        for reference in [
            "/user-buy-list/buy",
            "a",
            "?q=[1]",
            "#f",
            "urn:a:b",
            "mailto:a@b.example",
            "https://x.example:8080/a?b#c",
            "http://[::1]:80/a",
            "file:///a",
            "//authority",
            "/ä/🛒",
            "a%2Fb",
            "urn:a[b]",
            "a/b:c",
            "///",
            "x:/",
        ] {
            assert!(is_reference(reference), "{reference}");
        }
        for other in [
            "my shop",
            "a%2",
            "a%zz",
            "<a>",
            "a|b",
            "a\\b",
            "{a}",
            "a^b",
            "`",
            "\"",
            "a#b#c",
            ":a",
            "1a:b",
            "urn:",
            "//",
            "a[b]",
            "/a[",
            "ä ö",
            "a\u{85}b",
            "a\nb",
            "http://a/[",
        ] {
            assert!(!is_reference(other), "{other}");
        }
    }
}

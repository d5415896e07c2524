//! What every state of the page must hold to: nothing is wider than the window, axe finds nothing, and there is a picture for people.

use e2e::Browser;
use serde_json::json;

/// A phone, a tablet, a wide window, in CSS pixels.
const WIDTHS: [u32; 3] = [390, 820, 1_440];
/// A page that is longer is cut in its picture.
const HEIGHT_MAX: u64 = 8_000;

/// Elements that stand out of the window, unless they are meant to be out of sight.
const WIDER: &str = "return [...document.querySelectorAll('body *')]
    .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !element.closest('.hidden'))
    .map((element) => `${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`)";

/// Waits until the browser has drawn what is there: scripts come before a frame, so after two there is one.
const PAINTED: &str =
    "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";

/// Looks at a state of the page in every width and theme, and leaves it as it was.
pub(crate) async fn look(browser: &Browser, state: &str) {
    for theme in ["light", "dark"] {
        let theme_is = json!({"name": "prefers-color-scheme", "value": theme});
        // What moves is in no place.
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let media = json!({"features": [theme_is, still]});
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        for width in WIDTHS {
            resize(browser, width, 900).await;
            let height = "return document.documentElement.scrollHeight";
            let height = browser.run(height, json!([])).await.as_u64().unwrap();
            // As high as the page, so that all of it is in the picture.
            resize(browser, width, height.min(HEIGHT_MAX)).await;
            let wider = browser.run(WIDER, json!([])).await;
            assert_eq!(wider, json!([]), "{state}, {width} wide");
            browser.run(PAINTED, json!([])).await;
            browser
                .picture(&format!("page-{state}-{width}-{theme}"))
                .await;
        }
        let audit = browser.audit().await;
        assert!(
            audit.violations.is_empty() && audit.held > 10,
            "{state}, {theme}: {audit:?}"
        );
    }
    browser
        .devtools("Emulation.setEmulatedMedia", json!({"features": []}))
        .await;
    browser
        .devtools("Emulation.clearDeviceMetricsOverride", json!({}))
        .await;
}

async fn resize(browser: &Browser, width: u32, height: u64) {
    let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
    browser
        .devtools("Emulation.setDeviceMetricsOverride", size)
        .await;
}

//! Row 30. Names and items that want to be markup, script, or the end of a sentence.

use e2e::Browser;
use serde_json::json;
use testkit::sample::fresh_user;

use super::{BUY, ITEM, NAME, PRICE, Shop, USER_ID};
use crate::report::Report;

/// Whatever comes to life sets a variable or leaves an element with this attribute.
const TEXTS: [&str; 13] = [
    "<script data-hostile>window.hostile = 1</script>",
    "<img data-hostile src=nothing onerror=\"window.hostile = 1\">",
    "\"><svg data-hostile onload='window.hostile = 1'>",
    "</td></tr></table><h1 data-hostile>Gone</h1>",
    "<style data-hostile>body { display: none }</style>",
    "&lt;b data-hostile&gt;",
    "javascript:window.hostile=1",
    "{{window.hostile=1}} ${window.hostile=1}",
    "مرحبا بالعالم",
    "שלום, עולם",
    // Reads as exe.jpg, and the second one first ends what would contain it.
    "\u{202e}gpj.exe",
    "\u{2069}\u{2069}\u{202e}gpj.tab",
    "👩‍👩‍👧‍👦 🛒 e\u{301}",
];

/// Those that are also written into the fields: markup, direction, characters beyond 16 bits.
const WRITTEN: [&str; 3] = [TEXTS[0], TEXTS[11], TEXTS[12]];

/// Sentences in which what follows the words does not stand behind them.
const TURNED: &str = r#"
const [words] = arguments;
const holds = (element) => element.textContent.includes(words) && element.textContent.trim() !== words;
const place = (element, from, to) => {
  const range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let at = 0;
  for (let node = walker.nextNode(); node; at += node.length, node = walker.nextNode()) {
    if (at <= from && from < at + node.length) range.setStart(node, from - at);
    if (at < to && to <= at + node.length) range.setEnd(node, to - at);
  }
  return [...range.getClientRects()];
};
const turned = [];
for (const element of document.querySelectorAll("main *")) {
  if (!holds(element) || [...element.children].some(holds)) continue;
  const text = element.textContent.trimEnd();
  const end = text.indexOf(words) + words.length;
  if (end >= text.length) continue;
  // On the line where it begins; of words that are broken, the other lines do not matter.
  const [before, [after]] = [place(element, end - words.length, end), place(element, end, text.length)];
  const stands = (rect) => after.top > rect.bottom - 1 || rect.top > after.bottom - 1 || after.left > rect.right - 1;
  if (!before.every(stands)) turned.push(text);
}
return turned;
"#;

/// Is anything of it alive? And is the page still itself?
const ALIVE: &str = "return (window.hostile === undefined ? 0 : 1) + document.querySelectorAll('[data-hostile]').length
    + (document.title === 'User Buy List' ? 0 : 1)";

/// What no page of ours would do; its policy must refuse it.
const INLINE: &str = "const script = document.createElement('script');
    script.textContent = 'window.inline = 1';
    document.body.append(script);
    return window.inline === undefined";

pub(super) async fn inert(shop: &Shop<'_>) -> Report {
    let browser = shop.browser;
    let userid = format!("{} {}", TEXTS[10], fresh_user());
    for text in TEXTS {
        shop.buy_past_the_page(text, &userid, text).await;
        shop.lists(&userid, text).await;
    }
    let mut bought = TEXTS.len();
    shop.open_list(&userid).await;
    let all = |text: &str| TEXTS.iter().all(|words| text.contains(words));
    browser.until("every hostile item", all).await;
    let mut turned = turned(browser, &userid).await;
    for text in WRITTEN {
        let item = format!("{text} written");
        shop.fill_in(text, &userid, &item).await;
        browser.press(BUY).await;
        browser.shows(&format!("Bought: {item}.")).await;
        bought += 1;
        browser.shows(&format!("{bought} purchases of ")).await;
        turned.extend(self::turned(browser, &item).await);
    }
    browser.picture(&format!("30-{}-bought", shop.road())).await;
    let mut audits = Audits::default();
    audits.ask(browser, "a list").await;
    browser.reload().await;
    let text = browser.until("every hostile item", all).await;
    turned.extend(self::turned(browser, &userid).await);
    let name = browser.value(NAME).await;
    audits.ask_in_the_dark(shop, &userid).await;
    let complaints = browser.complaints().await;
    audits.ask_of_a_refusal(shop).await;
    let alive = browser.run(ALIVE, json!([])).await;
    browser.complaints().await;
    let refused = browser.run(INLINE, json!([])).await == true;
    let by_policy = browser.complaints().await;
    let by_policy = by_policy
        .iter()
        .filter(|said| said.contains("Content Security Policy"));
    let by_policy = by_policy.count() as u64;
    let stored = shop.list(&userid).await.len();
    Report::new(30, shop.road())
        .counted(bought, bought, stored)
        .expect(stored == bought, || format!("{stored} of {bought} stored"))
        .expect(text.contains(&userid), || format!("no {userid:?}: {text}"))
        .expect(name == WRITTEN[2], || format!("the name became {name:?}"))
        .expect(alive == 0, || format!("{alive} hostile texts are alive"))
        .expect(turned.is_empty(), || format!("turned around: {turned:?}"))
        .expect(complaints.is_empty(), || {
            format!("the browser complains: {complaints:?}")
        })
        .expect(refused, || "an inline script ran".to_owned())
        .expect(audits.violations.is_empty(), || {
            format!("axe found {:?}", audits.violations)
        })
        .evidence("hostile texts", (TEXTS.len() + WRITTEN.len()) as u64)
        .evidence("rules of axe that held", audits.held)
        .evidence("scripts refused by the policy", by_policy)
}

async fn turned(browser: &Browser, words: &str) -> Vec<String> {
    let turned = browser.run(TURNED, json!([words])).await;
    let turned = turned.as_array().unwrap().iter();
    turned
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// What axe said of the page in all its states.
#[derive(Default)]
struct Audits {
    violations: Vec<String>,
    held: u64,
}

impl Audits {
    async fn ask(&mut self, browser: &Browser, state: &str) {
        let audit = browser.audit().await;
        let violations = audit.violations.into_iter();
        self.violations
            .extend(violations.map(|text| format!("{state}: {text}")));
        self.held += audit.held;
    }

    /// On a phone that is set to dark colours.
    async fn ask_in_the_dark(&mut self, shop: &Shop<'_>, userid: &str) {
        let browser = shop.browser;
        let look = async |colours: &str, width: u32| {
            let colours = json!({"features": [{"name": "prefers-color-scheme", "value": colours}]});
            browser
                .devtools("Emulation.setEmulatedMedia", colours)
                .await;
            // 0 is the window's own.
            let size =
                json!({"width": width, "height": 0, "deviceScaleFactor": 0, "mobile": false});
            browser
                .devtools("Emulation.setDeviceMetricsOverride", size)
                .await;
        };
        look("dark", 400).await;
        browser.shows(userid).await;
        self.ask(browser, "dark and narrow").await;
        browser.picture(&format!("30-{}-dark", shop.road())).await;
        look("", 0).await;
    }

    /// With every field marked that can be.
    async fn ask_of_a_refusal(&mut self, shop: &Shop<'_>) {
        let browser = shop.browser;
        browser.fill(NAME, &"name ".repeat(300)).await;
        browser.fill(USER_ID, &"u".repeat(300)).await;
        browser.fill(ITEM, TEXTS[0].repeat(5).as_str()).await;
        browser.fill(PRICE, TEXTS[0]).await;
        browser.press(BUY).await;
        browser.shows("Not bought").await;
        self.ask(browser, "a refusal").await;
        browser
            .picture(&format!("30-{}-refused", shop.road()))
            .await;
    }
}

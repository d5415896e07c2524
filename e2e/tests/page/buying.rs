//! People who buy, and find it.

use e2e::{Browser, ENTER};
use serde_json::json;
use testkit::eventually;

use crate::look::look;
use crate::shop::{DUCK, ITEM, KETTLE, NAME, PRICE, Shop, USER_ID};

/// All that the first visit loads, as it comes over the network, in bytes.
const WEIGHT_MAX: u64 = 60_000;

#[tokio::test]
async fn first_visitor_gets_an_id_and_a_light_page() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    browser.open(&shop.page).await;
    browser.shows("Nothing bought yet").await;
    let id = browser.value(USER_ID).await;
    assert!(id.starts_with("guest-") && id.len() == 12, "{id}");
    let loaded = "const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        return [loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0), loaded.filter(({ name }) => !name.startsWith(location.origin)).length]";
    let loaded = browser.run(loaded, json!([])).await;
    println!("the page weighs {} bytes", loaded[0]);
    assert!(loaded[0].as_u64().unwrap() <= WEIGHT_MAX, "{loaded}");
    assert_eq!(loaded[1], 0, "of other origins");
    look(browser, "first").await;
    // Who it is without a name is for the browser to ask.
    browser.press(KETTLE).await;
    let asked =
        "return document.activeElement.id + document.querySelectorAll(':invalid:focus').length";
    assert_eq!(browser.run(asked, json!([])).await, "username1");
    browser.fill(NAME, "Ada").await;
    browser.press(KETTLE).await;
    browser.shows("Bought: Singing kettle.").await;
    browser.reload().await;
    assert_eq!(browser.value(USER_ID).await, id);
    assert_eq!(browser.value(NAME).await, "Ada");
    shop.has_stored(1).await;
    shop.close(false).await;
}

#[tokio::test]
async fn what_is_bought_is_printed_stamped_and_added_up() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    shop.enter().await;
    shop.buys(KETTLE, 0).await;
    let path = "and seen in the store";
    browser.shows(path).await;
    for (already, key) in [DUCK, KETTLE, "Brass compass 32.00"]
        .into_iter()
        .enumerate()
    {
        shop.buys(key, already + 1).await;
    }
    browser.press("Surprise me").await;
    let item = browser.value(ITEM).await;
    let price = browser.value(PRICE).await;
    browser.press("Buy").await;
    browser.shows(&format!("Bought: {item}.")).await;
    shop.has_stored(5).await;
    let total = 24.90 + 4.75 + 24.90 + 32.0 + price.parse::<f64>().unwrap();
    browser.shows(&format!("{total:.2}")).await;
    browser.shows("At a glance").await;
    look(browser, "bought").await;

    browser.choose("Show", "Singing kettle").await;
    // What came by surprise may be another one of them.
    let more = |is_one: bool, known: usize| {
        format!("{} of 5 loaded purchases.", known + usize::from(is_one))
    };
    browser.shows(&more(item == "Singing kettle", 2)).await;
    browser.choose("Show", "Everything").await;
    browser.fill("Search", "COMPASS").await;
    browser.shows(&more(item.contains("compass"), 1)).await;
    look(browser, "searched").await;
    browser.fill("Search", "nothing like it").await;
    browser.shows("0 of 5 loaded").await;
    browser.fill("Search", "").await;
    browser.choose("Order", "Lowest price first").await;
    assert_eq!(
        items(browser).await[0],
        if total - 86.55 < 4.75 {
            item
        } else {
            "Rubber duck".to_owned()
        }
    );
    browser.choose("Order", "Oldest first").await;
    assert_eq!(items(browser).await[..2], ["Singing kettle", "Rubber duck"]);

    browser.run(OPEN, json!([])).await;
    browser.shows("Exact time").await;
    look(browser, "details").await;
    let print = json!({"media": "print"});
    browser.devtools("Emulation.setEmulatedMedia", print).await;
    browser.picture("page-printed").await;
    let screen = json!({"media": ""});
    browser.devtools("Emulation.setEmulatedMedia", screen).await;

    browser.run(SAVED, json!([])).await;
    browser.press("Save as CSV").await;
    let rows = eventually("a table", async || {
        let saved = browser.run("return window.saved", json!([])).await;
        saved.as_str().map(str::to_owned)
    });
    let rows = rows.await;
    assert_eq!(rows.lines().count(), 6, "{rows}");

    // Somebody else gets the address.
    let reader = Browser::start().await;
    reader.open(&shop.list()).await;
    reader.shows("5 purchases of ").await;
    assert_eq!(reader.value(USER_ID).await, shop.userid);
    reader.end().await;
    shop.close(false).await;
}

/// Opens what is behind every reference.
const OPEN: &str = "for (const line of document.querySelectorAll('.ref')) line.click()";

/// Reads what a press on the button saves, where a person would look into the file.
const SAVED: &str = "const make = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (table) => (table.text().then((text) => (window.saved = text)), make(table));
    return null";

/// In the order of the receipt.
async fn items(browser: &Browser) -> Vec<String> {
    let items =
        "return [...document.querySelectorAll('#lines .item')].map((item) => item.textContent)";
    let items = browser.run(items, json!([])).await;
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn keyboard_alone_is_enough() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    browser.open(&shop.list()).await;
    browser.shows("Nothing bought yet").await;
    browser.tab_to(NAME).await;
    browser.type_keys("Ada").await;
    browser.tab_to(DUCK).await;
    browser.type_keys(ENTER).await;
    shop.has_stored(1).await;
    // The focus is where it was.
    browser.tab_to(ITEM).await;
    browser.type_keys("a kite").await;
    browser.tab_to(PRICE).await;
    browser.type_keys("3.50").await;
    browser.type_keys(ENTER).await;
    browser.shows("Bought: a kite.").await;
    shop.has_stored(2).await;
    let reference = "return document.querySelector('#lines .ref').textContent";
    let reference = browser.run(reference, json!([])).await;
    browser.tab_to(reference.as_str().unwrap()).await;
    let outlined = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.run(outlined, json!([])).await, "solid");
    browser.type_keys(ENTER).await;
    browser.shows("Exact time").await;
    shop.close(false).await;
}

/// Markup, both directions, characters beyond 16 bits, and names as long as they may be.
#[tokio::test]
async fn layout_holds_whatever_people_call_themselves() {
    let mut shop = Shop::open().await;
    shop.userid = format!("<script>1</script>{}", "user".repeat(50));
    let page = shop.page.clone();
    let browser = &shop.browser;
    browser.open(&page).await;
    browser.fill(USER_ID, &shop.userid).await;
    let names = [
        (
            "<script>window.hostile = 1</script>",
            "<img src=x onerror=alert(1)>",
        ),
        ("\u{202e}مرحبا بالعالم", "שלום, \u{202e}עולם"),
        ("👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦🛒🎁"),
        (&"W".repeat(1_000), &"Wi".repeat(100)),
        ("Ada", &"a few words and ".repeat(12)),
    ];
    for (bought, (name, item)) in names.into_iter().enumerate() {
        browser.fill(NAME, name).await;
        browser.fill(ITEM, item).await;
        let price = if bought == 3 {
            "999999999999999"
        } else {
            "0.000001"
        };
        browser.fill(PRICE, price).await;
        browser.press("Buy").await;
        browser.shows(&format!("Bought: {}.", item.trim())).await;
        shop.has_stored(bought + 1).await;
    }
    browser.run(OPEN, json!([])).await;
    browser.shows("Exact time").await;
    browser.shows("Purchases\n5\n").await;
    look(browser, "long").await;
    let hostile = "return window.hostile === undefined && document.querySelectorAll('main script, main img').length === 0";
    assert_eq!(browser.run(hostile, json!([])).await, true);
    shop.close(false).await;
}

//! The same without scripts.

use testkit::eventually;

use crate::look::look;
use crate::shop::{ITEM, NAME, PRICE, Shop};

#[tokio::test]
async fn people_without_scripts_buy_and_see_their_list() {
    let mut shop = Shop::open().await;
    shop.browser.run_scripts(false).await;
    shop.browser.open(&shop.list()).await;
    let browser = &shop.browser;
    browser.shows("Nothing bought yet.").await;
    browser.fill(NAME, "Ada").await;
    browser.fill(ITEM, "<b>tea</b>").await;
    browser.fill(PRICE, "2.5").await;
    browser.press("Buy").await;
    browser.shows("Bought and stored.").await;
    let text = browser.text().await;
    assert!(
        text.contains("<b>tea</b>") && text.contains("1 purchase of"),
        "{text}"
    );
    browser.reload().await;
    browser.shows("1 purchase of").await;
    assert_eq!(browser.value(NAME).await, "Ada");

    // Back to the form as it was, and the same again: nobody wants it twice.
    browser.back().await;
    browser.shows("Nothing bought yet.").await;
    browser.press("Buy").await;
    browser.shows("Bought and stored.").await;
    browser.shows("1 purchase of").await;

    browser.fill(ITEM, "kite").await;
    browser.fill(PRICE, "a lot").await;
    browser.press("Buy").await;
    browser.shows("Not bought: see the marked fields.").await;
    assert_eq!(browser.value(ITEM).await, "kite");
    browser.run_scripts(true).await;
    look(browser, "plain-refused").await;
    browser.run_scripts(false).await;
    browser.fill(PRICE, "1").await;
    browser.press("Buy").await;
    browser.shows("2 purchases of").await;
    browser.run_scripts(true).await;
    look(browser, "plain").await;
    browser.run_scripts(false).await;

    browser.fill(ITEM, "lamp").await;
    browser.fill(PRICE, "3").await;
    shop.stop().await;
    shop.browser.press("Buy").await;
    shop.start().await;
    // The browser's own page about it; going back from there finds the form.
    shop.browser.back().await;
    eventually("the lamp in the form", async || {
        (shop.browser.value(ITEM).await == "lamp").then_some(())
    })
    .await;
    shop.browser.press("Buy").await;
    shop.browser.shows("3 purchases of").await;
    shop.close(true).await;
}

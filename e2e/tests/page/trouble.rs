//! What people are told when something is away, and that nothing is lost or bought twice.

use testkit::app::client;
use testkit::oracle;

use crate::look::look;
use crate::shop::{DUCK, ITEM, KETTLE, PRICE, RETRY, Shop, USER_ID};

/// The requests that buy, and those that list.
const BUYING: &str = "*/buy";
const LISTING: &str = "*/getAllUserBuys/*";

/// What is listed, whatever the page says.
async fn listed(shop: &Shop) -> usize {
    let page = shop.page.trim_end_matches('/');
    oracle::list(&client(), page, &shop.userid).await.len()
}

#[tokio::test]
async fn backend_that_is_away_and_back_costs_one_press() {
    let mut shop = Shop::open().await;
    shop.enter().await;
    shop.buys(KETTLE, 0).await;
    shop.stop().await;
    shop.browser.press(DUCK).await;
    shop.browser.waits_for(RETRY).await;
    shop.browser.shows("never buys twice").await;
    look(&shop.browser, "unanswered").await;
    shop.browser.press(KETTLE).await;
    let two = |text: &str| text.matches(RETRY).count() == 2;
    shop.browser
        .until("two purchases without an answer", two)
        .await;
    shop.start().await;
    shop.browser.press(RETRY).await;
    shop.browser.shows("Bought: Rubber duck.").await;
    shop.browser.press("Dismiss").await;
    shop.has_stored(2).await;
    assert!(!shop.browser.offers(RETRY).await);
    assert_eq!(listed(&shop).await, 2);
    shop.close(true).await;
}

#[tokio::test]
async fn offline_is_said_and_ends_by_itself() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    shop.enter().await;
    shop.buys(KETTLE, 0).await;
    browser.be_offline(true).await;
    browser.shows("You are offline.").await;
    browser.press(DUCK).await;
    browser.waits_for(RETRY).await;
    look(browser, "offline").await;
    browser.be_offline(false).await;
    let online = |text: &str| !text.contains("You are offline.");
    browser.until("a page that is online", online).await;
    browser.press(RETRY).await;
    shop.has_stored(2).await;
    assert_eq!(listed(&shop).await, 2);
    shop.close(true).await;
}

#[tokio::test]
async fn purchase_that_was_left_is_repeated_and_not_made_again() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    shop.enter().await;
    browser.keep_answers(BUYING).await;
    browser.press_times(DUCK, 2).await;
    browser.shows("Buying…").await;
    browser.reload().await;
    browser.give_answers().await;
    browser
        .shows("The page was left before the answer arrived.")
        .await;
    browser.press(RETRY).await;
    shop.has_stored(1).await;
    assert_eq!(listed(&shop).await, 1);
    shop.close(true).await;
}

#[tokio::test]
async fn slow_list_says_so_and_still_comes() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    shop.enter().await;
    shop.buys(KETTLE, 0).await;
    browser.keep_answers(LISTING).await;
    let list = shop.list();
    browser.open(&list).await;
    browser.shows("Still waiting for the list").await;
    look(browser, "slow").await;
    browser.give_answers().await;
    shop.has_stored(1).await;
    shop.close(true).await;
}

#[tokio::test]
async fn refusals_say_how_to_mend_them() {
    let shop = Shop::open().await;
    let browser = &shop.browser;
    shop.enter().await;
    browser.fill(ITEM, &"x".repeat(300)).await;
    browser.fill(PRICE, "a lot").await;
    browser.press("Buy").await;
    browser.shows("Not bought: see the marked fields.").await;
    look(browser, "refused").await;
    browser.fill(ITEM, "kite").await;
    browser.fill(PRICE, "2").await;
    browser.press("Buy").await;
    shop.has_stored(1).await;
    browser.fill(USER_ID, "..").await;
    browser.shows("The list cannot be shown.").await;
    // Nothing to try: the id is to be changed.
    assert!(!browser.offers("Try again").await);
    look(browser, "failed").await;
    shop.close(true).await;
}

//! Row 31. People who press twice, reload, go back, lose the network or the answer, and press again: they buy once.

use std::collections::BTreeMap;

use testkit::sample::fresh_user;

use super::{BUY, PRICE, RETRY, Shop};
use crate::report::Report;

/// The requests that buy.
const BUYING: &str = "*/buy";

/// One person, and what happened to them.
struct Person<'a> {
    shop: &'a Shop<'a>,
    userid: String,
    /// What they wanted, each once.
    items: Vec<String>,
    presses: u64,
    reloads: u64,
    backs: u64,
    offline: u64,
    answers_lost: u64,
}

pub(super) async fn bought(shop: &Shop<'_>) -> Report {
    let mut person = Person {
        shop,
        userid: fresh_user(),
        items: Vec::new(),
        presses: 0,
        reloads: 0,
        backs: 0,
        offline: 0,
        answers_lost: 0,
    };
    person.presses_twice().await;
    person.presses_while_it_buys().await;
    for button in [RETRY, BUY] {
        person.reloads_while_it_buys(button).await;
        person.loses_the_answer(button).await;
    }
    person.goes_back().await;
    person.is_offline().await;
    shop.browser
        .picture(&format!("31-{}-bought", shop.road()))
        .await;
    person.report().await
}

impl Person<'_> {
    /// Fills the form for something new.
    async fn wants(&mut self, item: &str) -> String {
        self.shop.fill_in("Ada", &self.userid, item).await;
        self.items.push(item.to_owned());
        item.to_owned()
    }

    async fn press(&mut self, button: &str) {
        self.shop.browser.press(button).await;
        self.presses += 1;
    }

    async fn is_told(&self, item: &str) {
        self.shop.browser.shows(&format!("Bought: {item}.")).await;
    }

    /// Waits until it is bought, and only the page does not know.
    async fn has_bought(&self, item: &str) {
        self.shop.lists(&self.userid, item).await;
    }

    /// The answer is there before the second press, or is not: nobody can tell.
    async fn presses_twice(&mut self) {
        let item = self.wants("pressed twice").await;
        self.shop.browser.press_times(BUY, 2).await;
        self.presses += 2;
        self.is_told(&item).await;
    }

    /// Here the answer comes after all presses.
    async fn presses_while_it_buys(&mut self) {
        let browser = self.shop.browser;
        let item = self.wants("pressed while it buys").await;
        browser.keep_answers(BUYING).await;
        browser.press_times(BUY, 3).await;
        browser.enter(PRICE).await;
        self.presses += 4;
        self.has_bought(&item).await;
        browser.give_answers().await;
        self.is_told(&item).await;
    }

    async fn reloads_while_it_buys(&mut self, button: &str) {
        let browser = self.shop.browser;
        let item = self.wants(&format!("reloaded, then {button}")).await;
        browser.keep_answers(BUYING).await;
        self.press(BUY).await;
        self.has_bought(&item).await;
        browser.reload().await;
        browser.give_answers().await;
        self.reloads += 1;
        browser.waits_for(RETRY).await;
        self.press(button).await;
        self.is_told(&item).await;
    }

    /// The purchase is made, and the connection ends with the first byte of the answer.
    async fn loses_the_answer(&mut self, button: &str) {
        let (browser, proxy) = (self.shop.browser, self.shop.proxy);
        let item = self.wants(&format!("lost, then {button}")).await;
        let way = self.shop.direct.trim_start_matches("http://");
        let bytes = serde_json::json!({"bytes": 1});
        proxy.poison(way, "downstream", "limit_data", &bytes).await;
        self.press(BUY).await;
        browser.waits_for(RETRY).await;
        self.answers_lost += 1;
        proxy.heal().await;
        self.has_bought(&item).await;
        self.press(button).await;
        self.is_told(&item).await;
    }

    /// Away while it buys, and once more when all is done.
    async fn goes_back(&mut self) {
        let browser = self.shop.browser;
        let item = self.wants("left and returned to").await;
        browser.keep_answers(BUYING).await;
        self.press(BUY).await;
        self.has_bought(&item).await;
        let elsewhere = format!("{}health", self.shop.page);
        browser.open(&elsewhere).await;
        browser.give_answers().await;
        browser.back().await;
        // Chromium may have kept the page as it was, and given it the answer.
        let told = format!("Bought: {item}.");
        let ends = |text: &str| text.contains(&told) || text.contains(RETRY);
        browser.until("an end of the purchase", ends).await;
        if browser.offers(RETRY).await {
            self.press(RETRY).await;
            self.is_told(&item).await;
        }
        browser.open(&elsewhere).await;
        browser.back().await;
        browser.shows(&item).await;
        self.backs += 2;
    }

    async fn is_offline(&mut self) {
        let browser = self.shop.browser;
        let item = self.wants("offline, then online").await;
        browser.be_offline(true).await;
        self.press(BUY).await;
        browser.waits_for(RETRY).await;
        self.press(RETRY).await;
        browser.waits_for(RETRY).await;
        // The browser's own page about it.
        browser.reload().await;
        self.reloads += 1;
        let away = |text: &str| !text.contains("User Buy List");
        browser.until("a page that is away", away).await;
        self.offline += 3;
        browser.be_offline(false).await;
        browser.reload().await;
        self.reloads += 1;
        browser.waits_for(RETRY).await;
        self.press(RETRY).await;
        self.is_told(&item).await;
    }

    async fn report(self) -> Report {
        let Self { shop, items, .. } = self;
        let told = items.len();
        for item in &items {
            shop.lists(&self.userid, item).await;
        }
        shop.settled().await;
        let list = shop.list(&self.userid).await;
        let mut bought: BTreeMap<&str, usize> =
            items.iter().map(|item| (item.as_str(), 0)).collect();
        for listed in &list {
            *bought.entry(&listed.item).or_default() += 1;
        }
        let complaints = shop.browser.complaints().await;
        let broken: Vec<_> = complaints
            .iter()
            .filter(|said| said.contains("Uncaught") || said.contains("Content Security Policy"))
            .collect();
        Report::new(31, shop.road())
            .counted(told, told, list.len())
            .expect(bought.values().all(|times| *times == 1), || {
                format!("not once each: {bought:?}")
            })
            .expect(broken.is_empty(), || format!("the page broke: {broken:?}"))
            .evidence("presses", self.presses)
            .evidence("reloads", self.reloads)
            .evidence("ways back", self.backs)
            .evidence("refused offline", self.offline)
            .evidence("answers lost", self.answers_lost)
    }
}

//! The page in a real Chromium: hostile words, impatient people, and a list that is long.
//!
//! What is written here is what a person sees and does: the labels, the buttons, the words. How the page is built may change.

mod hostile;
mod long;
mod once;

use std::panic::AssertUnwindSafe;

use e2e::{Browser, Road, Scene, Stack, Toxiproxy, path_of, scratch};
use futures_util::FutureExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use testkit::app::client;
use testkit::eventually;
use testkit::oracle::{self, Listed};
use testkit::product::{Folder, Product};

use super::Case;
use crate::report::Report;
use crate::suite::text_of;

/// The fields and buttons of the page.
const NAME: &str = "Your name";
const USER_ID: &str = "User ID";
const ITEM: &str = "Item (optional)";
const PRICE: &str = "Price";
const BUY: &str = "Buy";
const RETRY: &str = "Retry the same purchase";
const SURPRISE: &str = "Surprise me";
const MORE: &str = "Load more";

/// Rows 30, 31 and 32: the first two also with the page in front of the functions; all in one browser.
pub(crate) async fn in_chromium(case: Case) -> Vec<Report> {
    let browser = Browser::start().await;
    let proxy = Toxiproxy::start().await;
    let scene = Scene::on(case.servers).await;
    let stack = Stack::start(&scene, Road::Consumer).await;
    let frontend = stack.frontend.url();
    let shop = Shop::new(&browser, &proxy, &frontend, Behind::Functions(&scene)).await;
    let mut reports = shop.rows().await;
    stack.stop().await;
    let folder = Folder::new(path_of("user-buy-list"), scratch());
    let product = Product::start(&folder).await;
    let shop = Shop::new(&browser, &proxy, &product.page, Behind::Product(&folder)).await;
    reports.extend(shop.rows().await);
    // The last one: a browser that it has brought down is of no use to others.
    reports.push(shop.row(32, long::usable(&shop, &folder)).await);
    product.stop().await;
    browser.end().await;
    reports
}

/// What is behind the page.
enum Behind<'a> {
    Product(&'a Folder),
    Functions(&'a Scene),
}

/// A deployment as somebody at its page meets it.
struct Shop<'a> {
    browser: &'a Browser,
    /// On the way from the browser to the page and its gateway.
    proxy: &'a Toxiproxy,
    /// The page, through the proxy.
    page: String,
    /// The same past the proxy, for whoever looks at the lists meanwhile.
    direct: String,
    behind: Behind<'a>,
}

impl<'a> Shop<'a> {
    async fn new(
        browser: &'a Browser,
        proxy: &'a Toxiproxy,
        url: &str,
        behind: Behind<'a>,
    ) -> Self {
        let upstream = url.trim_start_matches("http://");
        let way = proxy.forward(upstream, upstream).await;
        Self {
            browser,
            proxy,
            page: format!("http://{way}/"),
            direct: url.to_owned(),
            behind,
        }
    }

    fn road(&self) -> &'static str {
        match self.behind {
            Behind::Product(_) => "embedded",
            Behind::Functions(_) => "consumer",
        }
    }

    /// Those that every deployment has.
    async fn rows(&self) -> Vec<Report> {
        let hostile = self.row(30, hostile::inert(self)).await;
        let once = self.row(31, once::bought(self)).await;
        vec![hostile, once]
    }

    /// One row, from a quiet beginning. If it breaks off, the others go on.
    async fn row(&self, number: u8, row: impl Future<Output = Report>) -> Report {
        let row = async {
            self.browser.be_offline(false).await;
            self.browser.give_answers().await;
            self.proxy.heal().await;
            self.browser.open(&self.page).await;
            self.browser.complaints().await;
            row.await
        };
        let ended = AssertUnwindSafe(row).catch_unwind().await;
        ended.unwrap_or_else(|panic| Report::broken(number, text_of(&*panic)))
    }

    /// The page with the list of a user.
    async fn open_list(&self, userid: &str) {
        let url = format!("{}?user={}", self.page, encoded(userid));
        self.browser.open(&url).await;
    }

    /// Fills the form, and presses nothing.
    async fn fill_in(&self, name: &str, userid: &str, item: &str) {
        let browser = self.browser;
        browser.fill(NAME, name).await;
        browser.fill(USER_ID, userid).await;
        browser.fill(ITEM, item).await;
        browser.fill(PRICE, "2.50").await;
    }

    /// Buys without the page.
    async fn buy_past_the_page(&self, name: &str, userid: &str, item: &str) {
        let order = json!({"username": name, "userid": userid, "item": item, "price": "2.50"});
        let request = client().post(format!("{}/buy", self.direct));
        let request = request.header("content-type", "application/json");
        let answer = request.body(order.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{item}");
    }

    /// The list as it is now, past the page.
    async fn list(&self, userid: &str) -> Vec<Listed> {
        oracle::list(&client(), &self.direct, &encoded(userid)).await
    }

    /// Waits until an item is listed, whatever the page says of it.
    async fn lists(&self, userid: &str, item: &str) {
        eventually(item, async || {
            let list = self.list(userid).await;
            list.iter().any(|listed| listed.item == item).then_some(())
        })
        .await;
    }

    /// Waits until everything is delivered: what is not listed then never will be.
    async fn settled(&self) {
        match self.behind {
            Behind::Product(folder) => {
                let empty = async || (folder.count("log") == 0).then_some(());
                eventually("an empty log", empty).await;
            }
            Behind::Functions(scene) => scene.drained().await,
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

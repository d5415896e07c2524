//! The product in one process and a browser in front of it.

use std::process::Command;

use e2e::{Browser, free_port, path_of, scratch};
use testkit::product::{Folder, Product};
use testkit::sample::fresh_user;

pub(crate) const NAME: &str = "Your name";
pub(crate) const USER_ID: &str = "User ID";
pub(crate) const ITEM: &str = "Item (optional)";
pub(crate) const PRICE: &str = "Price";
pub(crate) const RETRY: &str = "Retry the same purchase";
/// A key of the till, as it is read out.
pub(crate) const KETTLE: &str = "Singing kettle 24.90";
pub(crate) const DUCK: &str = "Rubber duck 4.75";

pub(crate) struct Shop {
    pub(crate) browser: Browser,
    pub(crate) userid: String,
    pub(crate) page: String,
    folder: Folder,
    port: u16,
    product: Option<Product>,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let folder = Folder::new(path_of("user-buy-list"), scratch());
        let port = free_port();
        let mut shop = Self {
            browser: Browser::start().await,
            userid: fresh_user(),
            page: format!("http://127.0.0.1:{port}/"),
            folder,
            port,
            product: None,
        };
        shop.start().await;
        shop
    }

    /// Starts the product again, where it was.
    pub(crate) async fn start(&mut self) {
        let mut command = Command::new(path_of("user-buy-list"));
        command.args(["--port", &self.port.to_string()]);
        for port in ["--buy-port", "--storer-port", "--query-port"] {
            command.args([port, "0"]);
        }
        command.arg("--data-dir").arg(self.folder.path());
        self.product = Some(Product::start_command(&mut command).await);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(product) = self.product.take() {
            product.stop().await;
        }
    }

    /// The address of a user's list.
    pub(crate) fn list(&self) -> String {
        format!("{}?user={}", self.page, self.userid)
    }

    /// Goes to the list of the user, with a name in the form.
    pub(crate) async fn enter(&self) {
        self.browser.open(&self.list()).await;
        self.browser.fill(NAME, "Ada").await;
        self.browser.shows("Nothing bought yet").await;
    }

    /// Presses a key of the till, and waits until it is bought and stored.
    pub(crate) async fn buys(&self, key: &str, already: usize) {
        let item = key.rsplit_once(' ').unwrap().0;
        self.browser.press(key).await;
        self.browser.shows(&format!("Bought: {item}.")).await;
        self.has_stored(already + 1).await;
    }

    /// Waits until so many lines have their stamp.
    pub(crate) async fn has_stored(&self, lines: usize) {
        let stored = |text: &str| text.matches("\nstored").count() >= lines;
        self.browser.until("stored lines", stored).await;
    }

    /// Ends it all; the browser must have had nothing to complain of but requests that failed, if some should.
    pub(crate) async fn close(mut self, failures: bool) {
        let complaints = self.browser.complaints().await;
        let serious = complaints
            .iter()
            .filter(|said| !failures || !said.contains("Failed to load resource"));
        let serious: Vec<_> = serious.collect();
        assert!(serious.is_empty(), "the browser complains: {serious:?}");
        self.browser.end().await;
        if let Some(product) = self.product.take() {
            product.stop().await;
        }
    }
}

//! The plain page as HTML. Every text is escaped by the template.

use maud::{DOCTYPE, Markup, html};

use crate::plain::Form;
use crate::plain::answer::{Listing, NEWEST, Purchase, Refusal};

/// What somebody is told above the form.
pub(super) enum Notice {
    Bought {
        stored: bool,
    },
    /// The form had no key under which it could be sent again.
    Unsent,
    Refused(Refusal),
}

pub(super) fn paper(
    form: &Form,
    notice: Option<Notice>,
    listing: Option<Result<Listing, String>>,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "User Buy List" }
                link rel="icon" href="icon.svg";
                link rel="stylesheet" href="page.css";
            }
            body {
                header.sign {
                    h1 { "User Buy List" }
                    p { "Buy random things. Every one is on your receipt, exactly once." }
                }
                main {
                    (till(form, notice.as_ref()))
                    (receipt(form, listing))
                }
            }
        }
    }
}

fn till(form: &Form, notice: Option<&Notice>) -> Markup {
    let wrong = |name: &str| match notice {
        Some(Notice::Refused(refusal)) => refusal
            .errors
            .iter()
            .find(|wrong| wrong.field == name)
            .map(|wrong| wrong.message.as_str()),
        _ => None,
    };
    let field = |label: &str, name: &str, value: &str, required: bool| {
        let message = wrong(name);
        html! {
            div.field.price[name == "price"] {
                label for=(name) { (label) @if !required { " " span.hint { "(optional)" } } }
                input id=(name) name=(name) value=(value) required[required] aria-describedby=(format!("{name}-error"))
                    aria-invalid=[message.map(|_| "true")];
                p.field-error id=(format!("{name}-error")) { (message.unwrap_or_default()) }
            }
        }
    };
    html! {
        form.till method="post" action="./" aria-label="Till" {
            @if let Some(notice) = notice { (say(notice)) }
            fieldset {
                legend { "Who is buying" }
                div.pair {
                    (field("Your name", "username", &form.username, true))
                    (field("User ID", "userid", &form.userid, true))
                }
            }
            fieldset {
                legend { "What" }
                div.pair {
                    (field("Item", "item", &form.item, false))
                    (field("Price", "price", &form.price, true))
                }
                p.actions { button type="submit" { "Buy" } }
            }
            input type="hidden" name="key" value=(form.key);
        }
    }
}

fn again(form: &Form) -> Markup {
    html! {
        form.actions method="get" action="./" {
            input type="hidden" name="user" value=(form.userid);
            input type="hidden" name="name" value=(form.username);
            input type="hidden" name=(super::PLAIN) value="";
            button.refresh { "Refresh the list" }
        }
    }
}

fn say(notice: &Notice) -> Markup {
    match notice {
        Notice::Bought { stored: true } => html! { p.said role="status" { "Bought and stored." } },
        Notice::Bought { stored: false } => html! {
            p.said role="status" { "Not in the list yet: what was accepted is safe in the log. Refresh the list in a moment." }
        },
        Notice::Unsent => html! {
            p.said role="status" { "Nothing was sent yet. Press Buy to buy this, once." }
        },
        Notice::Refused(refusal) => html! {
            div.said.bad role="alert" {
                p {
                    @if !refusal.errors.is_empty() { "Not bought: see the marked fields." }
                    @else if refusal.is_repeatable { (refusal.error) }
                    @else { "Not bought. " (refusal.error) }
                }
                @if refusal.is_repeatable {
                    p { "Press Buy to send the same purchase again: it is never bought twice, as long as you change nothing." }
                }
            }
        },
    }
}

fn receipt(form: &Form, listing: Option<Result<Listing, String>>) -> Markup {
    let (purchases, sums, problem) = match listing {
        Some(Ok(listing)) => (listing.purchases, listing.sums, None),
        Some(Err(problem)) => (Vec::new(), None, Some(problem)),
        None => (Vec::new(), None, None),
    };
    let shown = purchases.len() as u64;
    let count = sums.as_ref().map_or(shown, |sums| sums.count);
    // Without sums, as many as there may be are perhaps not all.
    let is_newest = count > shown || (sums.is_none() && purchases.len() == NEWEST);
    html! {
        section.receipt aria-labelledby="list-title" {
            div.paper {
                header {
                    h2 id="list-title" { "Purchases" }
                    p {
                        @if let Some(problem) = &problem { "The list cannot be shown. " (problem) }
                        @else if form.userid.is_empty() { "Buy something, and it is printed here." }
                        @else if purchases.is_empty() { "Nothing bought yet. Your first purchase will be printed here." }
                        @else if is_newest {
                            "Newest " (shown) @if sums.is_some() { " of " (count) } " purchases of " bdi { (form.userid) }
                        }
                        @else { (count) @if count == 1 { " purchase" } @else { " purchases" } " of " bdi { (form.userid) } }
                    }
                }
            }
            div.roll {
                ol.lines { @for purchase in &purchases { (line(purchase)) } }
                footer {
                    dl id="totals" {
                        div.total {
                            dt { "Total" }
                            dd { @if let Some(sums) = &sums { (amount(sums.total.get())) } @else { "–" } }
                        }
                    }
                }
            }
            @if !form.userid.is_empty() { (again(form)) }
        }
    }
}

fn line(purchase: &Purchase) -> Markup {
    html! {
        li data-state="stored" {
            p.what {
                span.item dir="auto" { (purchase.item.as_deref().unwrap_or("Something")) }
                span.amount { (amount(purchase.price.get())) }
            }
            span.when { time datetime=(purchase.timestamp) { (moment(&purchase.timestamp)) } }
            span.stamp { "stored" }
        }
    }
}

/// `2026-01-31 12:00 UTC`.
fn moment(timestamp: &str) -> String {
    match (timestamp.get(..10), timestamp.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => timestamp.to_owned(),
    }
}

/// A number of JSON with two decimals at least, and no digit lost.
fn amount(number: &str) -> String {
    match number.split_once('.') {
        None if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("{number}.00"),
        Some((_, decimals)) if decimals.len() == 1 => format!("{number}0"),
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals_at_least() {
        let amounts = ["7", "7.5", "7.25", "0.000001", "999999999999999", "1e3"].map(amount);
        assert_eq!(
            amounts,
            [
                "7.00",
                "7.50",
                "7.25",
                "0.000001",
                "999999999999999.00",
                "1e3"
            ]
        );
    }

    #[test]
    fn moments_are_short() {
        assert_eq!(moment("2026-01-31T12:00:01.234Z"), "2026-01-31 12:00 UTC");
        assert_eq!(moment("yesterday"), "yesterday");
    }
}

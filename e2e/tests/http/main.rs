//! What clients are promised of HTTP, line by line, at the product in one process and at the functions as they are deployed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says which lines hold"
)]

mod around;
mod ask;
mod buying;
mod direct;
mod lists;
mod outages;
mod site;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::{LocalSet, spawn_local};

use crate::site::Site;

type Line = fn(Arc<Site>) -> Pin<Box<dyn Future<Output = ()>>>;

/// A name for people, and what it stands for.
macro_rules! lines {
    ($($module:ident { $($line:ident),* $(,)? })*) => {
        &[$($((stringify!($line), |site| Box::pin(async move { $module::$line(&site).await }))),*),*]
    };
}

const LINES: &[(&str, Line)] = lines! {
    buying {
        a_201_tells_the_purchase_and_where_its_list_is,
        a_form_buys_as_json_does,
        texts_have_their_bounds,
        prices_are_exact_within_their_bounds,
        what_is_missing_is_named,
        what_cannot_be_read_says_where_and_why,
        requests_that_are_none_are_refused_by_name,
        a_body_that_does_not_come_is_given_up,
        a_key_never_buys_twice,
        without_a_key_each_request_is_a_purchase,
        pages_of_named_origins_may_ask,
        buy_says_how_long_its_parts_took,
    }
    lists {
        a_list_is_whole_newest_first_and_empty_for_a_stranger,
        of_one_time_the_higher_id_is_first,
        pages_follow_each_other_without_a_gap,
        bad_conditions_are_refused_by_name,
        a_page_that_is_known_is_not_sent_again,
        a_list_comes_in_the_form_that_is_asked_for,
        any_user_id_works_in_a_path,
        whoever_waits_is_told_when_it_is_stored,
        sums_are_exact,
        the_list_of_everyone_is_not_public,
    }
    direct {
        a_direct_write_is_in_the_list_and_never_in_the_log,
        a_direct_write_has_the_id_that_buy_gives,
        other_content_under_an_id_is_a_conflict,
        an_event_is_stored_once_in_every_form,
    }
    around {
        the_page_is_there,
        probes_are_answered_with_200,
        every_port_serves_its_document,
        metrics_count_what_was_asked,
    }
};

/// All at the same time: none has a user of another.
async fn hold(site: Site) {
    let site = Arc::new(site);
    let lines = LINES.iter().map(|(name, line)| {
        let held = spawn_local(line(site.clone()));
        async move { (*name, held.await.is_ok()) }
    });
    let lines = join_all(lines).await;
    for (name, held) in &lines {
        println!(
            "{}: {name}: {}",
            site.name,
            if *held { "holds" } else { "DOES NOT HOLD" }
        );
    }
    assert!(lines.iter().all(|(_, held)| *held));
    Arc::into_inner(site).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_holds_in_one_process() {
    LocalSet::new()
        .run_until(hold(Site::in_one_process().await))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_holds_at_the_functions() {
    LocalSet::new()
        .run_until(hold(Site::of_functions().await))
        .await;
}

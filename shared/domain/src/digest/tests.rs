use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use serde_json::Value;

use super::*;
use crate::revenue::{Sums, Zone};
use crate::transaction::State;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn quiet_day() -> Daily {
    Daily {
        stack: "prod".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        since: at("2026-03-28T08:00:00Z"),
        as_of: at("2026-03-29T07:00:05Z"),
        revenue: Week { day: date(2026, 3, 28), days: BTreeMap::new() },
        pulls: vec![Fresh {
            connection: "stripe".to_owned(),
            entity: "event".to_owned(),
            age: Some(Duration::from_secs(720)),
            is_late: false,
            is_paused: false,
        }],
        runs: vec![Runs {
            connection: "stripe".to_owned(),
            succeeded: 95,
            failed: 1,
            running: 0,
            rows: 1_203,
        }],
        dead: Vec::new(),
        has_more_dead: false,
        undecided: Vec::new(),
        unmapped: Vec::new(),
        issues: Vec::new(),
    }
}

/// Sums that rise by the day; the last day is a week after the first.
fn week(currency: &str, first: i128, by_day: i128) -> Week {
    let day = |n: i8| {
        let collected = first + i128::from(n) * by_day;
        (date(2026, 3, 21 + n), Sums { collected, refunded: 50, ..Sums::default() })
    };
    let days = [(currency.to_owned(), (0..8).map(day).collect())].into();
    Week { day: date(2026, 3, 28), days }
}

#[test]
fn a_day_on_which_all_is_well_says_that_there_is_nothing_to_do() {
    let Message { subject, text, .. } = quiet_day().document().message();
    assert_eq!(subject, "prod: nothing to do (2026-03-28)");
    assert!(text.contains("\n\nNothing to do.\n"), "{text}");
    for heading in ["REVENUE OF 2026-03-28", "FRESHNESS", "RUNS"] {
        assert!(text.contains(heading), "{text}");
    }
    assert!(!text.contains("DEAD") && !text.contains("UNMAPPED") && !text.contains("ISSUES"));
}

#[test]
fn the_verdict_lists_all_that_a_person_has_to_do() {
    let mut day = quiet_day();
    day.pulls[0].is_late = true;
    let dead = |count| Dead {
        connection: "stripe".to_owned(),
        entity: "charge".to_owned(),
        reason: "amount: missing".to_owned(),
        count,
    };
    day.dead = vec![dead(3), dead(1)];
    day.unmapped = vec![Unmapped {
        connection: "stripe".to_owned(),
        kind: "charge".to_owned(),
        status: "odd".to_owned(),
        count: 7,
    }];
    let undecided = |state, count, has_more| Undecided {
        state,
        count,
        has_more,
        age: Duration::from_secs(7_200),
    };
    day.undecided =
        vec![undecided(State::Submitted, 2, false), undecided(State::NeedsReview, 1, false)];
    let tasks =
        ["1 pull is late", "4 dead letters", "3 undecided transactions", "1 unmapped status"];
    assert_eq!(day.tasks(), tasks);
    let text = day.document().message().text;
    assert!(text.contains("UNDECIDED TRANSACTIONS") && text.contains("needs_review"), "{text}");
    day.undecided = vec![undecided(State::Pending, 10_000, true)];
    assert_eq!(day.tasks()[2], "more than 10000 undecided transactions");
    day.undecided.clear();
    day.has_more_dead = true;
    assert_eq!(day.tasks()[1], "more than 4 dead letters");
    let wanted = "To look at: 1 pull is late, more than 4 dead letters, 1 unmapped status.";
    assert_eq!(day.document().verdict, wanted);
}

#[test]
fn revenue_is_told_by_currency_with_its_decimals_against_the_day_a_week_before() {
    let mut day = quiet_day();
    day.revenue = week("EUR", 100_000, 14_000);
    let text = day.document().message().text;
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let cells = |start: &str| {
        line(start)
            .split("  ")
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(cells("EUR       gross"), ["EUR", "gross", "1,980.00", "1,000.00", "+98 %"]);
    assert_eq!(cells("EUR       refunds"), ["EUR", "refunds", "0.50", "0.50", "="]);
    assert!(!text.contains("disputes"), "{text}");
    assert_eq!(line("EUR net by day"), "EUR net by day ▃▃▅▅▅▇▇▇ 2026-03-28 1,979.50");
    day.revenue = week("JPY", 0, 1_234_567);
    let text = day.document().message().text;
    assert!(text.contains("8,641,969") && text.contains("new"), "{text}");
    day.revenue = week("KWD", i128::MAX / 2, 0);
    assert!(day.document().message().text.contains(".863"), "three decimals, and no overflow");
}

#[test]
fn a_loss_has_no_bar_and_a_week_without_money_has_none() {
    let values = [("a", -5), ("b", 0), ("c", 10), ("d", 5)].map(|(n, v)| (n.to_owned(), v));
    let bars = Bar::all(&values, |value| value.to_string());
    assert_eq!(bars.iter().map(|bar| bar.percent).collect::<Vec<_>>(), [0, 0, 100, 50]);
    let none = Bar::all(&[("a".to_owned(), 0)], |value| value.to_string());
    assert_eq!(none[0].percent, 0);
}

/// Every text of all blocks.
fn texts(chat: &Value) -> Vec<&str> {
    let blocks = chat["blocks"].as_array().unwrap().iter();
    blocks.map(|block| block["text"]["text"].as_str().unwrap()).collect()
}

#[test]
fn a_chat_gets_a_text_and_no_more_blocks_and_characters_than_slack_takes() {
    let mut day = quiet_day();
    let long = |n: usize| Dead {
        connection: format!("connection-{n}"),
        entity: "<&>".repeat(90),
        reason: "&".repeat(700),
        count: 1,
    };
    day.dead = (0..500).map(long).collect();
    day.stack = "p".repeat(400);
    let mut document = day.document();
    let part = document.sections.last().unwrap().clone();
    document.sections.extend(vec![part; 60]);
    let chat = document.message().chat;
    let texts = texts(&chat);
    assert!(!chat["text"].as_str().unwrap().is_empty());
    assert_eq!(texts.len(), 50);
    assert!(texts.iter().all(|text| !text.is_empty() && text.chars().count() <= 3_000));
    assert!(texts[0].chars().count() <= 150, "the header");
    assert!(texts.iter().all(|text| text.matches("```").count() % 2 == 0), "blocks of code end");
    // No escape is cut in two.
    let whole = |text: &str| {
        text.split('&')
            .skip(1)
            .all(|rest| ["amp;", "lt;", "gt;"].iter().any(|e| rest.starts_with(e)))
    };
    assert!(texts.iter().all(|text| whole(text)));
    assert!(texts[49].starts_with("There is more"));
}

#[test]
fn nothing_that_a_vendor_wrote_is_a_mention_a_link_or_a_format_in_a_chat() {
    let mut day = quiet_day();
    let hostile =
        "<!channel> @here ```*b* [a](https://evil.example) ![x](https://evil.example/p.png)";
    day.unmapped = vec![Unmapped {
        connection: "stripe".to_owned(),
        kind: "charge".to_owned(),
        status: hostile.to_owned(),
        count: 1,
    }];
    day.stack = hostile.to_owned();
    let chat = day.document().message().chat;
    for text in texts(&chat).into_iter().chain([chat["text"].as_str().unwrap()]) {
        assert!(!text.contains('<') && !text.contains("@h") && !text.contains("]("), "{text}");
    }
    let code = texts(&chat).into_iter().find(|text| text.contains("'''")).unwrap().to_owned();
    assert!(
        texts(&chat).iter().any(|t| t.starts_with("```\n") && t.contains("&lt;!channel&gt;")),
        "{code}"
    );
}

#[test]
fn nothing_that_a_vendor_wrote_is_markup_or_another_line_of_a_mail() {
    let hostile = "\"><script>alert('x')</script>\r\nBcc: x@example.com";
    let issue = Known {
        key: "a".to_owned(),
        what: hostile.to_owned(),
        began_at: at("2026-03-29T07:00:00Z"),
        ended_at: None,
        is_told: true,
        told_at: None,
    };
    let message = failures(hostile, &[issue], at("2026-03-29T07:30:00Z")).message();
    assert!(!message.subject.contains(['\r', '\n']), "{:?}", message.subject);
    assert!(!message.html.contains("<script") && !message.html.contains("'x'"), "{}", message.html);
    assert!(message.html.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"));
    assert!(!message.text.contains("\nBcc"), "{}", message.text);
}

#[test]
fn a_recovery_says_how_long_it_lasted() {
    let issue = Known {
        key: "connection stripe".to_owned(),
        what: "stripe: the vendor does not answer.".to_owned(),
        began_at: at("2026-03-29T06:55:00Z"),
        ended_at: Some(at("2026-03-29T07:25:00Z")),
        is_told: true,
        told_at: None,
    };
    let document = recoveries("prod", std::slice::from_ref(&issue), at("2026-03-29T07:25:00Z"));
    assert_eq!(document.verdict, "An issue ended after 30 min.");
    assert_eq!(document.title, "prod: recovered: stripe: the vendor does not answer");
    let two = recoveries("prod", &[issue.clone(), issue], at("2026-03-29T07:25:00Z"));
    assert!(two.title.ends_with(", and 1 more"), "{}", two.title);
    for (seconds, wanted) in [
        (59, "0 min"),
        (3_600, "1 h"),
        (5_400, "1 h 30 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ] {
        assert_eq!(spans::span(Duration::from_secs(seconds)), wanted);
    }
}

#[test]
fn trap_63_the_digest_is_due_at_nine_by_the_clocks_of_its_zone() {
    for (zone, day, wanted) in [
        ("Europe/Berlin", date(2026, 3, 28), "2026-03-28T08:00:00Z"),
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-29T07:00:00Z"),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-25T08:00:00Z"),
        ("Asia/Kathmandu", date(2026, 3, 29), "2026-03-29T03:15:00Z"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T22:30:00Z"),
    ] {
        let zone = Zone::parse(zone).unwrap();
        assert_eq!(due_at(&zone, day), at(wanted));
        assert_eq!(local_day(&zone, at(wanted)), day);
    }
}

#[test]
fn a_digest_is_quiet_on_the_days_that_are_configured() {
    let (friday, saturday) = (date(2026, 3, 27), date(2026, 3, 28));
    for (when, days) in [
        ("daily", [true, true, true, true]),
        ("weekdays", [true, true, false, false]),
        ("attention", [true, false, true, false]),
    ] {
        let when: When = when.parse().unwrap();
        let cases = [(friday, true), (friday, false), (saturday, true), (saturday, false)];
        assert_eq!(cases.map(|(day, tasks)| when.tells(day, tasks)), days, "{when:?}");
    }
    assert!("monthly".parse::<When>().is_err());
}

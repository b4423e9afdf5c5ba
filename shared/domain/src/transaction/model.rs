//! A model check of the rules: every order of replies, questions, call-backs, time-outs, crashes,
//! duplicates and ends of keys, breadth first until nothing new comes.
//!
//! The third party of the model has a book and remembers keys for a while. What is sent to it may
//! arrive late or never; what it sends may come late, in any order or never, and its call-backs any
//! number of times. A time-out and a crash are a reply that never comes. `settle` may take any step
//! that the rules allow at any time, as several of it may after a crash.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Event, Failure, Guard, Knowledge, Profile, RULES, Rule, Settled, Standing, State, Transaction,
};

/// Instants are ticks.
type Tick = i64;

/// The deadline of a transaction, and how long it goes on if a person resumes it.
const DEADLINE: Tick = 2;
const RESUMED_FOR: Tick = 1;

/// The last tick. After it only what is under way may still happen.
const LAST: Tick = 4;

/// Messages under way, at most so many.
type UnderWay = [Option<Message>; 2];

/// Submissions that are not sent at most, in one transaction.
const MOST_UNSENT: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
    /// A submission on its way to the third party.
    Submission { attempt: u32, sent: Tick },
    /// Something on its way to us. The tick is that of the question, if it answers one.
    ToUs(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    row: Transaction,
    now: Tick,
    /// The third party's book: how the transaction stands, and since which tick it shows.
    book: Option<(Standing, Tick)>,
    /// Until when it remembers the key.
    key_until: Tick,
    /// How often it has done the transaction.
    effects: u32,
    under_way: UnderWay,
    unsent: u32,
    /// Whether a reply to a question has come that was asked since the last submission.
    asked: bool,
    is_resumed: bool,
}

struct Model {
    rules: Vec<Rule>,
    without: Option<Guard>,
    profile: Profile,
    lives: Tick,
    lag: Tick,
    key: Tick,
}

impl World {
    /// Returns the world with one more message; `None` if too many are under way.
    fn with(mut self, message: Message) -> Option<Self> {
        if !self.under_way.contains(&Some(message)) {
            *self.under_way.iter_mut().find(|place| place.is_none())? = Some(message);
            self.under_way.sort_unstable();
        }
        Some(self)
    }

    /// Returns the world without the message in this place.
    fn without(mut self, place: usize) -> Self {
        self.under_way[place] = None;
        self.under_way.sort_unstable();
        self
    }
}

fn at(tick: Tick) -> Timestamp {
    Timestamp::from_second(tick).unwrap()
}

fn ticks(ticks: Tick) -> Duration {
    Duration::from_secs(ticks.unsigned_abs())
}

impl Model {
    fn new(lives: Tick, lag: Tick, key: Tick) -> Self {
        let profile = Profile {
            most_submissions: 2,
            key_lifetime: ticks(key),
            request_lives: ticks(lives),
            visibility_lag: ticks(lag),
            ..Profile::default()
        };
        Self { rules: RULES.to_vec(), without: None, profile, lives, lag, key }
    }

    fn settled(&self, world: &World, event: &Event) -> Settled {
        let now = at(world.now);
        world.row.after_under(&self.rules, event, now, |guard| {
            self.without == Some(guard) || guard.holds(&world.row, event, now, &self.profile)
        })
    }

    /// Returns the world after an event, if that changes it. The error is a broken promise.
    fn after(&self, world: &World, event: &Event) -> Result<Option<World>, String> {
        let Settled::Changed(row) = self.settled(world, event) else { return Ok(None) };
        let mut next = World { row, ..*world };
        match event {
            Event::Begun => next.asked = false,
            // The one before it was asked about, else this one had not been begun.
            Event::Unsent { .. } => next.asked = true,
            Event::NotFound { asked } => next.asked |= Some(*asked) >= row.last_begun_at,
            Event::Resumed { .. } => next.is_resumed = true,
            _ => {}
        }
        broken(world, event, &next).map_or(Ok(Some(next)), Err)
    }

    /// Returns all worlds that may follow.
    fn following(&self, world: &World) -> Result<Vec<World>, String> {
        let mut next = Vec::new();
        // Time changes nothing of what is decided.
        if world.now < LAST && !is_decided(&world.row) {
            next.push(World { now: world.now + 1, ..*world });
        }
        self.we_act(world, &mut next)?;
        self.they_decide(world, &mut next);
        for (place, message) in world.under_way.iter().enumerate() {
            let Some(message) = message else { continue };
            let left = world.without(place);
            match message {
                Message::Submission { attempt, sent } if world.now <= sent + self.lives => {
                    self.arrives(&left, *attempt, *sent, &mut next);
                }
                Message::Submission { .. } => {}
                Message::ToUs(event) => {
                    next.extend(self.after(&left, event)?);
                    // A call-back may come again.
                    if matches!(event, Event::Said(_)) {
                        next.extend(self.after(world, event)?);
                    }
                }
            }
            next.push(left);
        }
        Ok(next)
    }

    /// `settle` submits, asks or gives up, and a person resumes.
    fn we_act(&self, world: &World, next: &mut Vec<World>) -> Result<(), String> {
        if let Some(begun) = self.after(world, &Event::Begun)? {
            let attempt = begun.row.attempt;
            next.extend(begun.with(Message::Submission { attempt, sent: world.now }));
            if begun.unsent < MOST_UNSENT {
                let unsent = World { unsent: begun.unsent + 1, ..begun };
                next.extend(unsent.with(Message::ToUs(Event::Unsent { attempt })));
            }
        }
        if matches!(world.row.state, State::Pending | State::Submitted) {
            if let Some((standing, _)) = world.book {
                next.extend(world.with(Message::ToUs(Event::Said(standing))));
            }
            if world.book.is_none_or(|(_, shows)| world.now < shows) {
                let not_found = Event::NotFound { asked: at(world.now) };
                next.extend(world.with(Message::ToUs(not_found)));
            }
        }
        next.extend(self.after(world, &Event::GivenUp)?);
        if !world.is_resumed && world.now + RESUMED_FOR < LAST {
            let deadline = at(world.now + RESUMED_FOR);
            next.extend(self.after(world, &Event::Resumed { deadline })?);
        }
        Ok(())
    }

    /// The third party decides what it has, and calls back.
    fn they_decide(&self, world: &World, next: &mut Vec<World>) {
        let Some((Standing::Undecided, shows)) = world.book else { return };
        // That it may complete at once is in `arrives`.
        let declined = World { book: Some((Standing::Declined, shows)), ..*world };
        next.extend(declined.with(Message::ToUs(Event::Said(Standing::Declined))));
    }

    /// A submission arrives at the third party, which answers.
    fn arrives(&self, world: &World, attempt: u32, sent: Tick, next: &mut Vec<World>) {
        let mut answers = Vec::new();
        match world.book {
            // It remembers the key: it says how it stands, or that it takes no second one.
            Some((standing, _)) if world.now < world.key_until => {
                answers.push((*world, Event::Said(standing)));
                answers.push((*world, Event::Refused { attempt }));
            }
            book => {
                for standing in [Standing::Undecided, Standing::Completed] {
                    let done = World {
                        book: Some((standing, sent + self.lag)),
                        key_until: world.now + self.key,
                        effects: world.effects + 1,
                        ..*world
                    };
                    answers.push((done, Event::Said(standing)));
                }
                if book.is_none() {
                    answers.push((*world, Event::Refused { attempt }));
                }
            }
        }
        next.extend(
            answers.into_iter().filter_map(|(world, answer)| world.with(Message::ToUs(answer))),
        );
    }

    /// Walks all worlds that can be reached. Returns their number, or the promise that is broken.
    fn check(&self) -> Result<usize, String> {
        let first = World {
            row: Transaction::new(at(DEADLINE)),
            now: 0,
            book: None,
            key_until: 0,
            effects: 0,
            under_way: [None; 2],
            unsent: 0,
            asked: false,
            is_resumed: false,
        };
        let mut known = HashMap::from([(first, 0)]);
        let mut worlds = vec![first];
        let mut before: Vec<Vec<usize>> = vec![Vec::new()];
        let mut left = VecDeque::from([0]);
        while let Some(from) = left.pop_front() {
            let world = worlds[from];
            for next in self.following(&world)? {
                self.holds(&next)?;
                let to = *known.entry(next).or_insert_with(|| {
                    worlds.push(next);
                    before.push(Vec::new());
                    left.push_back(worlds.len() - 1);
                    worlds.len() - 1
                });
                before[to].push(from);
            }
        }
        all_can_end(&worlds, &before)?;
        Ok(worlds.len())
    }

    /// The promises about a world.
    fn holds(&self, world: &World) -> Result<(), String> {
        let row = &world.row;
        let arrives = |message: &Option<Message>| matches!(message, Some(Message::Submission { sent, .. }) if world.now <= sent + self.lives);
        let nothing_done = world.effects == 0 && !world.under_way.iter().any(arrives);
        let says = |standing| world.book.is_some_and(|(book, _)| book == standing);
        let promises = [
            ("it is done once", world.effects <= 1),
            ("it is submitted twice at most", row.submissions <= self.profile.most_submissions),
            ("completed is true", row.state != State::Completed || says(Standing::Completed)),
            ("declined is true", row.state != State::Declined || says(Standing::Declined)),
            ("failed is proven", row.state != State::Failed || nothing_done),
            (
                "pending is what nothing was sent of",
                (row.state == State::Pending) <= (row.submissions == 0 && nothing_done),
            ),
            (
                "submitted is what something was sent of",
                (row.state == State::Submitted) <= (row.submissions > 0),
            ),
        ];
        match promises.iter().find(|(_, holds)| !holds) {
            Some((promise, _)) => Err(format!("broken: {promise}: {world:?}")),
            None => Ok(()),
        }
    }
}

/// Returns whether the third party has decided.
fn is_decided(row: &Transaction) -> bool {
    matches!(row.failure, Some(Failure::Theirs | Failure::Refused))
        || matches!(row.state, State::Completed | State::Declined)
}

/// Returns the promise about a step that this one breaks.
fn broken(world: &World, event: &Event, next: &World) -> Option<String> {
    let (from, to) = (&world.row, &next.row);
    let begins_again = *event == Event::Begun && from.submissions > 0;
    let resumes = matches!(event, Event::Resumed { .. });
    let promises = [
        ("it is asked before it is submitted again", !begins_again || world.asked),
        (
            "what they have is not submitted again",
            *event != Event::Begun || world.row.knowledge != Knowledge::Known,
        ),
        (
            "they are not known to have what they were known to have",
            from.knowledge != Knowledge::Known || to.knowledge == Knowledge::Known,
        ),
        ("final states absorb", !from.state.is_final() || resumes || from.state == to.state),
        ("what is decided is not resumed", !(resumes && is_decided(from))),
        (
            "nothing is given up before its time",
            *event != Event::GivenUp || at(world.now) >= from.deadline,
        ),
    ];
    let (promise, _) = promises.iter().find(|(_, holds)| !holds)?;
    Some(format!("broken: {promise}: {event:?} on {world:?}"))
}

/// Finds a world from which no end can be reached any more.
fn all_can_end(worlds: &[World], before: &[Vec<usize>]) -> Result<(), String> {
    let is_end =
        |world: &World| world.row.state.is_final() || world.row.state == State::NeedsReview;
    let mut can_end: Vec<bool> = worlds.iter().map(is_end).collect();
    let mut left: Vec<usize> = (0..worlds.len()).filter(|i| can_end[*i]).collect();
    while let Some(to) = left.pop() {
        for from in &before[to] {
            if !std::mem::replace(&mut can_end[*from], true) {
                left.push(*from);
            }
        }
    }
    match can_end.iter().position(|can| !can) {
        Some(stuck) => Err(format!("broken: it can end: {:?}", worlds[stuck])),
        None => Ok(()),
    }
}

/// Third parties: one whose keys outlive its lag, and one that shows late what it has done.
fn third_parties() -> [Model; 2] {
    [Model::new(1, 2, 4), Model::new(0, 3, 2)]
}

#[test]
fn in_every_order_it_is_done_once_and_ends_in_their_truth() {
    for model in third_parties() {
        let worlds = model.check().unwrap();
        assert!(worlds > 10_000, "{worlds} worlds");
    }
}

#[test]
fn without_any_one_guard_a_promise_is_broken() {
    for guard in Guard::ALL {
        let broken = third_parties().into_iter().find_map(|mut model| {
            model.without = Some(guard);
            model.check().err()
        });
        assert!(broken.is_some(), "the check does not miss {guard:?}");
    }
}

#[test]
fn without_the_end_of_final_states_a_promise_is_broken() {
    let [mut model, _] = third_parties();
    for rule in &mut model.rules {
        if rule.when.is_empty() {
            rule.from = &State::ALL;
        }
    }
    let broken = model.check().unwrap_err();
    assert!(broken.contains("final states absorb") || broken.contains("is true"), "{broken}");
}

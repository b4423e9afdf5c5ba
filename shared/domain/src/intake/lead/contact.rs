//! The contact data of a lead: whom to call, chosen among all fields that its body has.
//!
//! A wrong person is worse than none. So the rules are these, in this order:
//! 1. Fields about another person are left out: of the form's owner, an agency, a host, a friend.
//! 2. A field is what its name says, or its label. Outer ones go before inner ones, and values that
//!    look like what they are before others.
//! 3. A name that only contains `email` or `phone` counts if the value looks like one.
//! 4. Among the answers to questions, the only text that looks like an e-mail address is one.
//! 5. A person's name is taken from where the address or the number was found. Another `name` may
//!    be the form's.

use std::collections::HashMap;

use super::names::{Kind, Words};
use super::values::kept;
use super::walk::{Field, Fields, Group};

/// The contact data of a lead. Text is as Postgres keeps it, with NUL shown as `␀`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// `email` and its like.
    pub email: Option<String>,
    /// `phone` and its like.
    pub phone: Option<String>,
    /// `name`, or `firstName` and `lastName`.
    pub name: Option<String>,
    /// `firstName` and its like, of the same person as [`name`](Self::name). A whole name is not
    /// split.
    pub first_name: Option<String>,
    /// `lastName` and its like.
    pub last_name: Option<String>,
    /// `company` and its like.
    pub company: Option<String>,
}

impl Contact {
    /// Chooses among all fields of a body.
    pub(super) fn among(fields: &Fields) -> Self {
        let found = Found::among(fields);
        let (email, phone) = (found.email(), found.phone());
        let at = email.or(phone).map(|field| field.group);
        let text = |field: &Field| kept(&field.value);
        let name = found.name(at).unwrap_or_default();
        Self {
            email: email.map(text),
            phone: phone.map(text),
            name: name.whole.as_deref().map(kept),
            first_name: name.first.as_deref().map(kept),
            last_name: name.last.as_deref().map(kept),
            company: found.company(at).map(text),
        }
    }
}

/// A person's name, and its parts if the body has them apart.
#[derive(Debug, Default)]
struct Name {
    whole: Option<String>,
    first: Option<String>,
    last: Option<String>,
}

impl Name {
    /// A name of two parts, of which one may be missing. `None` if both are.
    fn of([first, last]: [Option<String>; 2]) -> Option<Self> {
        let [first, last] = [first, last].map(|part| {
            let part = part.unwrap_or_default().trim().to_owned();
            Some(part).filter(|part| !part.is_empty())
        });
        let parts: Vec<&str> = [&first, &last].into_iter().flatten().map(String::as_str).collect();
        let whole = (!parts.is_empty()).then(|| parts.join(" "))?;
        Some(Self { whole: Some(whole), first, last })
    }
}

/// The fields that are about the lead, outer ones first.
struct Found<'f> {
    groups: &'f [Group],
    fields: Vec<Known<'f>>,
}

/// A field with the kind that one of its names says exactly.
#[derive(Clone, Copy)]
struct Known<'f> {
    field: &'f Field,
    kind: Option<Kind>,
}

impl<'f> Found<'f> {
    fn among(all: &'f Fields) -> Self {
        let is_own = |field: &&Field| {
            !all.groups[field.group].is_of_others && !field.names.iter().any(Words::is_of_others)
        };
        let known =
            |field: &'f Field| Known { field, kind: field.names.iter().find_map(Words::kind) };
        Self { groups: &all.groups, fields: all.fields.iter().filter(is_own).map(known).collect() }
    }

    /// The fields that are called by that kind.
    fn named(&self, kind: Kind) -> impl Iterator<Item = &'f Field> {
        let of_kind = self.fields.iter().filter(move |known| known.kind == Some(kind));
        of_kind.map(|known| known.field).filter(|field| !field.value.trim().is_empty())
    }

    /// The fields whose names say no kind exactly.
    fn unnamed(&self) -> impl Iterator<Item = &'f Field> {
        self.fields.iter().filter(|known| known.kind.is_none()).map(|known| known.field)
    }

    fn email(&self) -> Option<&'f Field> {
        self.choose(Kind::Email, is_email, is_email)
    }

    /// A number among answers must have a country or an area, or it may be anything.
    fn phone(&self) -> Option<&'f Field> {
        let is_sure = |text: &str| text.trim().starts_with(['+', '(']) && is_phone(text);
        self.choose(Kind::Phone, is_phone, is_sure)
    }

    fn choose(
        &self,
        kind: Kind,
        looks: fn(&str) -> bool,
        is_sure: fn(&str) -> bool,
    ) -> Option<&'f Field> {
        let loosely = |field: &&Field| {
            looks(&field.value) && field.names.iter().any(|name| name.loose_kind() == Some(kind))
        };
        self.named(kind)
            .find(|field| looks(&field.value))
            .or_else(|| self.unnamed().find(loosely))
            .or_else(|| self.only_answer(is_sure))
            .or_else(|| self.named(kind).next())
    }

    /// The answer that looks so, if all such answers are the same.
    fn only_answer(&self, looks: fn(&str) -> bool) -> Option<&'f Field> {
        let mut answers = self.unnamed().filter(|field| field.is_answer && looks(&field.value));
        let first = answers.next()?;
        answers.all(|other| other.value.trim() == first.value.trim()).then_some(first)
    }

    /// The name of the person whose address or number was found in the group `at`.
    fn name(&self, at: Option<usize>) -> Option<Name> {
        let part = |at: Option<usize>| {
            let of_part = |known: &&Known<'_>| {
                matches!(known.kind, Some(Kind::FirstName | Kind::LastName))
                    && Some(known.field.group) != at
            };
            self.fields.iter().find(of_part).and_then(|known| self.parts_in(known.field.group))
        };
        let Some(at) = at else {
            let whole = self.named(Kind::Name).find(|field| !self.is_company(field.group));
            return whole.map(|field| self.whole(field)).or_else(|| part(None));
        };
        let is_same = |field: &&Field| self.is_same(at, field.group);
        self.name_in(at).or_else(|| part(Some(at))).or_else(|| {
            let mut others = self.named(Kind::Name).filter(is_same);
            others.find(|field| !self.is_company(field.group)).map(|field| self.whole(field))
        })
    }

    fn name_in(&self, group: usize) -> Option<Name> {
        let mut here = self.named(Kind::Name).filter(|field| field.group == group);
        let whole = here.next().filter(|_| !self.is_company(group)).map(|field| self.whole(field));
        whole.or_else(|| self.parts_in(group)).or_else(|| self.numbered_in(group))
    }

    /// The name in a field that has all of it, with the parts that are beside it or inside.
    fn whole(&self, field: &Field) -> Name {
        let beside = self.parts_in(field.group).or_else(|| self.parts_inside(field.group));
        let parts = beside.unwrap_or_default();
        Name { whole: Some(field.value.clone()), ..parts }
    }

    fn in_group(&self, kind: Kind, group: usize) -> Option<String> {
        self.named(kind).find(|field| field.group == group).map(|field| field.value.clone())
    }

    fn parts_in(&self, group: usize) -> Option<Name> {
        Name::of([Kind::FirstName, Kind::LastName].map(|kind| self.in_group(kind, group)))
    }

    /// The parts of a name that is an object, such as Jotform's `{"first": "Ada", "last": "L"}`.
    fn parts_inside(&self, group: usize) -> Option<Name> {
        let is_name =
            |inner: &Group| inner.parent == Some(group) && inner.name.kind() == Some(Kind::Name);
        let inner = self.groups.iter().position(is_name)?;
        let here = || self.fields.iter().filter(|known| known.field.group == inner);
        let part = |word: &str| {
            let named = |known: &&Known<'_>| known.field.names.iter().any(|name| name.is(word));
            here().find(named).map(|known| known.field.value.clone())
        };
        Name::of([part("first"), part("last")])
    }

    /// The name in a form of Gravity Forms, which sends no labels. The parts 3 and 6 of a name are
    /// first and last name. An address has the parts 1 and 5 too.
    fn numbered_in(&self, group: usize) -> Option<Name> {
        let here = self.unnamed().filter(|field| field.group == group);
        let mut parts: HashMap<&str, [Option<&str>; 9]> = HashMap::new();
        let mut order = Vec::new();
        for field in here {
            let name = field.names.first().and_then(Words::part);
            let Some((number, part)) = name else { continue };
            let Some(part) = part.parse().ok().filter(|part: &usize| *part < 9) else { continue };
            order.push(number);
            parts.entry(number).or_default()[part].get_or_insert(field.value.trim());
        }
        order.iter().find_map(|number| match parts[number] {
            [_, None, _, Some(first), _, None, Some(last), ..] => {
                Name::of([first, last].map(|part| Some(part.to_owned())))
            }
            _ => None,
        })
    }

    fn is_company(&self, group: usize) -> bool {
        self.groups[group].name.is_company()
    }

    /// Whether a group is about the person whose address was found at `at`: one of them is inside
    /// the other as `contact`, `customer` or their like.
    fn is_same(&self, at: usize, group: usize) -> bool {
        let up =
            |from: usize| std::iter::successors(Some(from), |place| self.groups[*place].parent);
        let inside = |inner: usize, outer: usize| {
            up(inner).any(|place| place == outer)
                && up(inner)
                    .take_while(|place| *place != outer)
                    .any(|place| self.groups[place].name.is_person())
        };
        inside(at, group) || inside(group, at)
    }

    fn company(&self, at: Option<usize>) -> Option<&'f Field> {
        let here = self.named(Kind::Company).find(|field| Some(field.group) == at);
        here.or_else(|| self.named(Kind::Company).next())
    }
}

/// Whether a text looks like one e-mail address.
fn is_email(text: &str) -> bool {
    let text = text.trim();
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "@,;:<>()[]\"\\".contains(c);
    text.len() <= 254
        && !local.is_empty()
        && !local.contains(is_odd)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// Whether a text looks like one telephone number: 6 to 15 digits, an extension aside.
fn is_phone(text: &str) -> bool {
    let number = text.trim().to_lowercase();
    let number = number.split(['x', 'e']).next().unwrap_or_default();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let is_char = |c: char| c.is_ascii_digit() || " +-./()\u{a0}".contains(c);
    (6..=15).contains(&digits) && number.chars().all(is_char)
}

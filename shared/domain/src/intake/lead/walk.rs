//! Reads the fields of a lead's JSON, whatever its shape: outer objects before inner ones, and
//! JSON inside text as well.
//!
//! A field is a name with a value. Its name is its key, or for `{"label": "Email", "value": …}`
//! and its like what the object says.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use serde_json::value::RawValue;

use super::names::Words;
use super::spellings::is_detail;
use super::values::{nested, plain, text_of};
use crate::json::{Object, too_deep};

/// Objects and lists inside each other that are read. Meta's leads are nested 9 deep.
const DEEPEST_READ: u8 = 12;

/// Objects and lists that are read, by their depth.
const MOST_NODES: usize = 2_000;

/// Fields that are read: of one object, and of all.
const MOST_FIELDS: usize = 4_000;

/// Keys under which an object says what a field is called, the best first.
const LABELS: [&str; 17] = [
    "name",
    "key",
    "label",
    "columnid",
    "columnname",
    "field",
    "fieldname",
    "fieldlabel",
    "question",
    "title",
    "ref",
    "slug",
    "id",
    "fieldid",
    "questionid",
    "type",
    "fieldtype",
];

/// Keys under which an object has a field's value, the best first.
const VALUES: [&str; 9] = [
    "value",
    "values",
    "answer",
    "answers",
    "stringvalue",
    "rawvalue",
    "response",
    "responses",
    "text",
];

/// Keys under which a form's definition has the id of a question.
const IDS: [&str; 5] = ["id", "ref", "key", "fieldid", "questionid"];

/// Keys under which a form's definition has the title of a question.
const TITLES: [&str; 4] = ["title", "label", "question", "name"];

/// An object or a list. Fields of one group are of one person.
#[derive(Debug)]
pub(super) struct Group {
    /// The group around it, as a place in [`Fields::groups`].
    pub parent: Option<usize>,
    /// The name that it has there.
    pub name: Words,
    /// Whether it, or one around it, is about another person.
    pub is_of_others: bool,
}

/// A field with a text.
#[derive(Debug)]
pub(super) struct Field {
    /// Its group, as a place in [`Fields::groups`].
    pub group: usize,
    /// Its names, the best first.
    pub names: Vec<Words>,
    pub value: String,
    /// Whether it answers a question, or its key is a number: then the value may tell its kind.
    pub is_answer: bool,
    /// The ids of the question that it answers.
    ids: Vec<String>,
}

/// All fields, outer ones first.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub groups: Vec<Group>,
    pub fields: Vec<Field>,
    /// The titles of questions by their ids.
    titles: HashMap<String, Words>,
}

/// An object or a list that is still to be read.
#[derive(Default)]
struct Node {
    json: String,
    depth: u8,
    parent: Option<usize>,
    name: Words,
}

/// A field of an object: its key, the key in plain letters, and its value.
struct Member<'a> {
    key: Cow<'a, str>,
    plain: String,
    value: &'a RawValue,
}

/// Objects and lists inside one that is read, with their names.
type Inner = Vec<(Words, String)>;

impl Fields {
    /// Reads the text of a JSON object; `None` if it is none, or nested too deep.
    pub(super) fn of(text: &str) -> Option<Self> {
        if too_deep(text).is_some() || !text.trim_start().starts_with('{') {
            return None;
        }
        let mut fields = Self::default();
        let mut queue = VecDeque::from([Node { json: text.to_owned(), ..Node::default() }]);
        while let Some(node) = queue.pop_front() {
            let (group, inner) = fields.read(&node)?;
            let room = MOST_NODES.saturating_sub(fields.groups.len() + queue.len());
            if node.depth < DEEPEST_READ {
                let depth = node.depth + 1;
                let nodes = inner.into_iter().take(room);
                queue.extend(nodes.map(|(name, json)| Node {
                    json,
                    depth,
                    parent: Some(group),
                    name,
                }));
            }
        }
        fields.name_by_titles();
        Some(fields)
    }

    /// Reads one object or list, and returns its group and the objects and lists inside. `None` if
    /// it is the outermost object and cannot be read; an inner one holds nothing then.
    fn read(&mut self, node: &Node) -> Option<(usize, Inner)> {
        let group = self.groups.len();
        let around = node.parent.is_some_and(|parent| self.groups[parent].is_of_others);
        let is_of_others = around || node.name.is_of_others();
        self.groups.push(Group { parent: node.parent, name: node.name.clone(), is_of_others });
        let mut inner = Inner::new();
        if node.json.trim_start().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(&node.json).unwrap_or_default();
            let items = items.into_iter().filter_map(nested).take(MOST_NODES);
            inner.extend(items.map(|json| (Words::default(), json)));
        } else if let Ok(Object(members)) = serde_json::from_str::<Object<'_>>(&node.json) {
            let members: Vec<Member<'_>> =
                members.into_iter().take(MOST_FIELDS).map(Member::of).collect();
            match node.parent.filter(|_| is_answer(&members)) {
                Some(around) => self.answer(around, &members, &mut inner),
                None => self.members(group, &members, &mut inner),
            }
        } else if node.parent.is_none() {
            return None;
        }
        Some((group, inner))
    }

    /// Reads an object whose keys are the names of fields.
    fn members(&mut self, group: usize, members: &[Member<'_>], inner: &mut Inner) {
        self.remember_title(members);
        for member in members {
            let name = Words::of(&member.key);
            let is_part = name.part().is_some();
            let is_scalar = !member.value.get().starts_with(['{', '[']);
            let is_known = is_scalar || name.kind().is_some() || is_detail(&name);
            let value = is_known.then(|| text_of(member.value));
            // An empty part of a field tells what the other parts are.
            let value = value.flatten().or_else(|| is_part.then(String::new));
            inner.extend(nested(member.value).map(|json| (name.clone(), json)));
            if let Some(value) = value {
                let is_answer =
                    VALUES.contains(&member.plain.as_str()) || name.is_number() || is_part;
                self.push(Field { group, names: vec![name], value, is_answer, ids: Vec::new() });
            }
        }
    }

    /// Reads an object that is one field, with its name and its value under keys of their own.
    fn answer(&mut self, group: usize, members: &[Member<'_>], inner: &mut Inner) {
        let (mut names, mut ids) = (Vec::new(), Vec::new());
        for (key, text) in LABELS.iter().flat_map(|key| labels(key, members)) {
            names.push(Words::of(&text));
            if IDS.contains(&key.as_str()) {
                ids.push(text);
            }
        }
        let values: Vec<&Member<'_>> = values_of(members).collect();
        let value = values.iter().find_map(|member| text_of(member.value));
        let name = names.first().cloned().unwrap_or_default();
        inner
            .extend(values.iter().filter_map(|member| Some((name.clone(), nested(member.value)?))));
        if let Some(value) = value {
            self.push(Field { group, names, value, is_answer: true, ids });
        }
    }

    fn push(&mut self, field: Field) {
        if self.fields.len() < MOST_FIELDS {
            self.fields.push(field);
        }
    }

    /// Remembers the title of a question, if the object is one of a form's definition.
    fn remember_title(&mut self, members: &[Member<'_>]) {
        let text = |key: &&str| text_of(find(key, members)?.value);
        let Some(title) = TITLES.iter().find_map(&text) else { return };
        let title = Words::of(&title);
        if self.titles.len() < MOST_FIELDS {
            let ids = IDS.iter().filter_map(text);
            self.titles.extend(ids.map(|id| (id, title.clone())));
        }
    }

    fn name_by_titles(&mut self) {
        for field in &mut self.fields {
            let titles = field.ids.iter().filter_map(|id| self.titles.get(id));
            field.names.extend(titles.cloned());
        }
    }
}

impl<'a> Member<'a> {
    fn of((key, value): (Cow<'a, str>, &'a RawValue)) -> Self {
        Self { plain: plain(&key), key, value }
    }
}

fn find<'m, 'a>(key: &str, members: &'m [Member<'a>]) -> Option<&'m Member<'a>> {
    members.iter().find(|member| member.plain == key)
}

/// Whether an object is one field: it has a label and a value, and no field of a contact itself.
fn is_answer(members: &[Member<'_>]) -> bool {
    let is_label = |member: &Member<'_>| LABELS.contains(&member.plain.as_str());
    let values: Vec<&str> = values_of(members).map(|member| member.plain.as_str()).collect();
    let is_contact = |member: &Member<'_>| {
        !is_label(member)
            && !values.contains(&member.plain.as_str())
            && Words::of(&member.key).kind().is_some()
    };
    !values.is_empty()
        && members.iter().any(is_label)
        && !members.iter().take(LABELS.len() + VALUES.len()).any(is_contact)
}

/// The fields of an object that have its value. Typeform calls it as its type says: `{"type":
/// "email", "email": …}`.
fn values_of<'m, 'a>(members: &'m [Member<'a>]) -> impl Iterator<Item = &'m Member<'a>> {
    let kind = find("type", members).and_then(|member| text_of(member.value));
    let typed = kind.map(|kind| plain(&kind)).filter(|kind| kind != "type");
    let typed = typed.and_then(|kind| find(&kind, members));
    VALUES.iter().filter_map(|key| find(key, members)).chain(typed)
}

/// Returns the texts under a label, each with its key. Typeform's `field` is an object of labels.
fn labels(key: &str, members: &[Member<'_>]) -> Vec<(String, String)> {
    let Some(member) = find(key, members) else { return Vec::new() };
    if !member.value.get().starts_with('{') {
        let text = text_of(member.value);
        return text.map(|text| (key.to_owned(), text)).into_iter().collect();
    }
    let Ok(Object(inner)) = serde_json::from_str::<Object<'_>>(member.value.get()) else {
        return Vec::new();
    };
    let inner: Vec<Member<'_>> = inner.into_iter().take(MOST_FIELDS).map(Member::of).collect();
    let text = |label: &&str| Some(((*label).to_owned(), text_of(find(label, &inner)?.value)?));
    LABELS.iter().filter_map(text).collect()
}

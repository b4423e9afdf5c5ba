//! Puts the parts together: sections of CloudFormation are joined, all others follow a pattern.

use std::collections::BTreeMap;

use penstock_domain::access::KeyHeader;
use penstock_domain::source::{SOURCES, variable};
use penstock_store::roles;

use super::TemplateError;
use super::chapters::{Chapters, HEADS, SECTIONS};
use super::dashboard::{self, Writers};
use super::function::{Function, KEYS};
use super::glue;
use super::part::{Part, files, in_part, kebab, pascal, patterns};
use super::slots::{Values, fill};
use super::text::{Entry, Text, entries};
use penstock_edge::http::{CORS_REPLY_HEADERS, CORS_REQUEST_HEADERS, RouteInfo};

use crate::contract;
use crate::repository::functions;

const SHARED: &str = "infra/template";
const SOURCE_FILES: &str = "infra/template/sources";
const PATTERNS: &str = "infra/template/each";

/// The pattern of a function's login.
const LOGINS: &str = "Logins";

/// The section whose entries are functions, and whose pattern is followed last of all.
const FUNCTIONS: &str = "Functions";

/// The template while its parts are read.
#[derive(Debug)]
pub struct Assembly {
    patterns: BTreeMap<String, Vec<String>>,
    routes: BTreeMap<String, Vec<RouteInfo>>,
    chapters: Chapters,
    functions: BTreeMap<String, Function>,
    /// The conditions under which sources are configured, as words of a list.
    configured: Vec<String>,
}

impl Assembly {
    /// Reads all parts, and adds each to its sections.
    ///
    /// # Errors
    /// A part cannot be read, or has a section or a key that nothing reads.
    pub fn read() -> Result<Self, TemplateError> {
        let none = functions().into_iter().map(|name| (name, Function::default()));
        let mut assembly = Self {
            patterns: patterns(PATTERNS)?,
            routes: contract::routes(),
            chapters: Chapters::default(),
            functions: none.collect(),
            configured: Vec::new(),
        };
        for stem in files(SHARED)? {
            let part = Part::read(&format!("{SHARED}/{stem}.yaml"))?;
            assembly.add(part, &Values::new())?;
        }
        assembly.add(glue::part()?, &Values::new())?;
        assembly.add_sources()?;
        for name in functions() {
            assembly.add_function(&name)?;
        }
        for name in functions() {
            assembly.write_function(&name)?;
        }
        Ok(assembly)
    }

    /// Returns the functions by name, with the entries of all parts.
    pub fn functions(&self) -> &BTreeMap<String, Function> {
        &self.functions
    }

    /// Reads the files of sources, in the order of [`SOURCES`]. One without a file has connections
    /// that are made while the system runs, and no other.
    fn add_sources(&mut self) -> Result<(), TemplateError> {
        let stems = files(SOURCE_FILES)?;
        let known = |stem: &&String| SOURCES.iter().any(|source| source.name() == stem.as_str());
        if let Some(stray) = stems.iter().find(|stem| !known(stem)) {
            return Err(in_part(SOURCE_FILES, format!("{stray} is no source")));
        }
        let has_file = |name: &str| stems.iter().any(|stem| stem == name);
        for name in SOURCES.iter().map(|source| source.name()).filter(|name| has_file(name)) {
            let mut part = Part::read(&format!("{SOURCE_FILES}/{name}.yaml"))?;
            let condition = part
                .take("Configured")
                .map(|entry| entry.value.word().to_owned())
                .ok_or_else(|| in_part(&part.origin, "Configured is not said".to_owned()))?;
            self.configured.push(format!("!If [{condition}, {name}, !Ref AWS::NoValue]"));
            self.add(part, &Values::new())?;
        }
        Ok(())
    }

    fn add_function(&mut self, name: &str) -> Result<(), TemplateError> {
        let mut part = Part::read(&stack_file(name))?;
        let (said, sections): (Vec<Entry>, Vec<Entry>) =
            part.sections.into_iter().partition(|entry| KEYS.contains(&entry.key.as_str()));
        part.sections = sections;
        self.chapters.label(&part.origin, &format!("Function {name}"));
        self.say(name, said).map_err(|what| in_part(&part.origin, what))?;
        let id = pascal(name);
        self.add(part, &values(&[("Function", name), ("FunctionId", id.as_str())]))?;
        if roles::functions().contains(&name) { self.add_login(name) } else { Ok(()) }
    }

    /// Follows the pattern of a login, for a function that has grants.
    fn add_login(&mut self, name: &str) -> Result<(), TemplateError> {
        let pattern = self.patterns.get(LOGINS).cloned().unwrap_or_default();
        let own = names(name, Vec::new()).into_iter().collect();
        self.follow(&stack_file(name), &pattern, own, &Values::new(), false)
            .map_err(|what| in_part(LOGINS, what))
    }

    fn say(&mut self, function: &str, said: Vec<Entry>) -> Result<(), String> {
        let known = self.functions.get_mut(function);
        known.ok_or_else(|| format!("functions/ has no {function}"))?.add(said)
    }

    /// Adds a part. `context` fills slots of the patterns that its sections follow.
    fn add(&mut self, part: Part, context: &Values) -> Result<(), TemplateError> {
        let origin = part.origin;
        for section in part.sections {
            self.add_section(&origin, section, context, false).map_err(|e| in_part(&origin, e))?;
        }
        Ok(())
    }

    fn add_section(
        &mut self,
        origin: &str,
        section: Entry,
        context: &Values,
        first: bool,
    ) -> Result<(), String> {
        let key = section.key.as_str();
        if key == "Label" {
            self.chapters.label(origin, &section.value.inline);
        } else if SECTIONS.contains(&key) {
            let mut said = entries(&section.value.below)?;
            if let Some(entry) = said.first_mut() {
                entry.value.comments.splice(0..0, section.value.comments);
            }
            self.chapters.add(key, origin, said, first);
        } else if key == FUNCTIONS {
            for function in entries(&section.value.below)? {
                self.say(&function.key, entries(&function.value.below)?)?;
            }
        } else if let Some(pattern) = self.patterns.get(key).cloned() {
            for entry in entries(&section.value.below)? {
                let said = entries(&entry.value.below)?;
                let own = said.into_iter().map(|it| (it.key, it.value));
                let own = own.chain(names(&entry.key, entry.value.comments)).collect();
                self.follow(origin, &pattern, own, context, first)
                    .map_err(|what| format!("{}: {what}", entry.key))?;
            }
        } else if HEADS.contains(&key) {
            self.chapters.head(section);
        } else {
            return Err(format!(
                "{key} is no key of a function, no section of the template and no pattern of {PATTERNS}/"
            ));
        }
        Ok(())
    }

    /// Fills a pattern, and adds the sections that this yields.
    fn follow(
        &mut self,
        origin: &str,
        pattern: &[String],
        own: Values,
        context: &Values,
        first: bool,
    ) -> Result<(), String> {
        let mut all = context.clone();
        all.extend(own);
        // Known when all parts are read: filled in the whole text.
        all.insert("Roles".to_owned(), Text::inline("<Roles>"));
        let spare = ["Name", "name", "NAME", "Roles"];
        let spare: Vec<&str> = context.keys().map(String::as_str).chain(spare).collect();
        for section in entries(&fill(pattern, &all, &spare)?)? {
            self.add_section(origin, section, context, first)?;
        }
        Ok(())
    }

    /// Follows the pattern of a function, once all parts have added their entries.
    fn write_function(&mut self, name: &str) -> Result<(), TemplateError> {
        let origin = stack_file(name);
        let wrong = |what| in_part(&origin, what);
        let function = self.functions.get(name).cloned().unwrap_or_default();
        let routes = self.routes.get(name).cloned().unwrap_or_default();
        let others = self.routes.iter().filter(|(other, _)| *other != name);
        let others: Vec<RouteInfo> = others.flat_map(|(_, routes)| routes.clone()).collect();
        let guard = |parameter: &str| self.chapters.guard(parameter);
        let mut own = function.values(&routes, &others, guard).map_err(wrong)?;
        own.extend(names(name, Vec::new()));
        let pattern = self.patterns.get(FUNCTIONS).cloned().unwrap_or_default();
        self.follow(&origin, &pattern, own, &Values::new(), true).map_err(wrong)
    }

    /// Returns the sources whose signing secret `webhook` may be told, as words of a list. Each has
    /// a condition: that its secret is named.
    fn pushed(&self) -> Result<Vec<String>, TemplateError> {
        let variables = self.functions.get("webhook").map(|it| it.variables()).transpose();
        let variables = variables.map_err(|what| in_part(&stack_file("webhook"), what))?;
        let mut pushed = Vec::new();
        for source in SOURCES {
            let Some(webhook) = source.webhook() else { continue };
            let secret = format!("{}_ARN", variable(*source, webhook.secret_variable()));
            let told = variables.iter().flatten().find(|entry| entry.key == secret);
            let parameter = told.and_then(|entry| entry.value.word().strip_prefix("!Ref "));
            let guard = parameter.map(|parameter| self.chapters.guard(parameter)).transpose();
            if let Some(condition) = guard.map_err(|what| in_part(SOURCE_FILES, what))?.flatten() {
                pushed.push(format!("!If [{condition}, {}, !Ref AWS::NoValue]", source.name()));
            }
        }
        Ok(pushed)
    }

    /// Returns the text of the assembled template.
    ///
    /// # Errors
    /// A part has a slot that nothing fills.
    pub fn text(&self) -> Result<String, TemplateError> {
        let mut settings = Vec::new();
        for (name, function) in &self.functions {
            let routes = self.routes.get(name).map_or(&[][..], Vec::as_slice);
            let own = function.route_settings(routes);
            settings.extend(own.map_err(|what| in_part(&stack_file(name), what))?);
        }
        let roles = self.functions.keys().map(|name| format!("!GetAtt {}Role.Arn", pascal(name)));
        let roles = roles.collect::<Vec<_>>().join(", ");
        let routes = self.routes.values().flatten();
        let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        let open: Vec<&str> = CORS_REQUEST_HEADERS
            .into_iter()
            .filter(|name| !name.eq_ignore_ascii_case(KeyHeader::AdminApiKey.name()))
            .collect();
        let sources = format!("!Join [\",\", [{}]]", self.configured.join(", "));
        let pushed = format!("!Join [\",\", [{}]]", self.pushed()?.join(", "));
        let mut gathered = values(&[
            ("Sources", sources.as_str()),
            ("Pushed", pushed.as_str()),
            ("Roles", roles.as_str()),
            ("Methods", &methods.join(", ")),
            ("RequestHeaders", &CORS_REQUEST_HEADERS.join(", ")),
            ("OpenRequestHeaders", &open.join(", ")),
            ("ReplyHeaders", &CORS_REPLY_HEADERS.join(", ")),
        ]);
        gathered.insert("RouteSettings".to_owned(), Text::below(settings));
        let functions: Vec<&str> = self.functions.keys().map(String::as_str).collect();
        gathered.insert("Dashboard".to_owned(), Text::below(dashboard::body(&functions)));
        for (kind, writers) in [("", Writers::Answering), ("OfWork", Writers::Working)] {
            for what in ["Parsing", "Validation"] {
                let unread = dashboard::unread(&format!("EMF{what}Errors"), writers);
                gathered.insert(format!("{what}Errors{kind}"), Text::below(unread));
            }
        }
        let lines = fill(&self.chapters.lines(), &gathered, &[]);
        let lines = lines.map_err(|what| in_part(SHARED, what))?;
        Ok(lines.join("\n") + "\n")
    }
}

/// Returns the path of the file in which a function states its needs.
fn stack_file(function: &str) -> String {
    format!("functions/{function}/stack.yaml")
}

/// Returns the slots that an entry's own name fills. Comments on the entry go to the first use of
/// the name.
fn names(key: &str, comments: Vec<String>) -> [(String, Text); 3] {
    let name = Text { comments, ..Text::inline(pascal(key)) };
    let (lower, upper) = (kebab(key), kebab(key).replace('-', "_").to_uppercase());
    [
        ("Name".to_owned(), name),
        ("name".to_owned(), Text::inline(lower)),
        ("NAME".to_owned(), Text::inline(upper)),
    ]
}

fn values(given: &[(&str, &str)]) -> Values {
    given.iter().map(|(name, value)| ((*name).to_owned(), Text::inline(*value))).collect()
}

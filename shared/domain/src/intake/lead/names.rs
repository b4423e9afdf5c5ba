//! Names of fields, as people and form builders spell them.

/// The part of a contact that a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Email,
    Phone,
    /// The whole name.
    Name,
    FirstName,
    LastName,
    Company,
}

/// The names of each kind, their words joined.
const KNOWN: [(Kind, &[&str]); 6] = [
    (Kind::Email, &["email", "emailaddress", "mail", "emails"]),
    (
        Kind::Phone,
        &[
            "phone",
            "phonenumber",
            "telephone",
            "telephonenumber",
            "tel",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "phones",
        ],
    ),
    (Kind::Name, &["name", "fullname", "contactname", "names"]),
    (Kind::FirstName, &["firstname", "givenname", "fname"]),
    (Kind::LastName, &["lastname", "surname", "familyname", "lname"]),
    (
        Kind::Company,
        &[
            "company",
            "companyname",
            "organization",
            "organisation",
            "organizationname",
            "businessname",
        ],
    ),
];

/// Words that say nothing about the kind of a field: `your-name`, `What is your first name?`.
const FILLERS: &[&str] = &[
    "a", "an", "business", "client", "contact", "customer", "enter", "is", "lead", "main", "my",
    "optional", "person", "personal", "please", "primary", "required", "s", "tell", "the", "us",
    "visitor", "what", "work", "your",
];

/// Words of a field, or of an object around it, that is about another person than the lead: the
/// form's owner, the agency, the host of a meeting, a friend.
const OTHERS: &[&str] = &[
    "account",
    "admin",
    "administrator",
    "agency",
    "agent",
    "assigned",
    "assignee",
    "author",
    "bcc",
    "cc",
    "created",
    "creator",
    "editor",
    "emergency",
    "friend",
    "friends",
    "from",
    "guest",
    "guests",
    "host",
    "hosts",
    "manager",
    "membership",
    "memberships",
    "notification",
    "notify",
    "organiser",
    "organizer",
    "owner",
    "partner",
    "receiver",
    "recipient",
    "recipients",
    "referral",
    "referred",
    "referrer",
    "rep",
    "reply",
    "seller",
    "sender",
    "site",
    "staff",
    "support",
    "team",
    "to",
    "vendor",
    "workspace",
];

/// Words of an object whose `name` is a company's.
const COMPANIES: &[&str] = &["business", "company", "employer", "organisation", "organization"];

/// Words of an object that is about the lead.
const PERSONS: &[&str] = &[
    "client",
    "contact",
    "customer",
    "details",
    "info",
    "invitee",
    "lead",
    "person",
    "respondent",
    "subscriber",
    "user",
    "visitor",
];

/// A name of more words is a question: "Which address may we reply to?" is not about a sender.
const LONGEST_NAME: usize = 4;

/// Characters of a name that are read.
const LONGEST_READ: usize = 200;

/// A name in words of lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(Vec<String>);

impl Words {
    /// Splits a name at what is no letter or digit, and before a capital that follows a small one.
    pub(super) fn of(name: &str) -> Self {
        let (mut words, mut was_small) = (vec![String::new()], false);
        for c in name.chars().take(LONGEST_READ) {
            if !c.is_alphanumeric() || (was_small && c.is_uppercase()) {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
                word.extend(c.to_lowercase());
            }
            was_small = c.is_lowercase();
        }
        words.retain(|word| !word.is_empty());
        Self(words)
    }

    /// Returns the kind that the name says exactly, but for fillers and numbers.
    pub(super) fn kind(&self) -> Option<Kind> {
        let known = |name: &str| KNOWN.iter().find(|(_, names)| names.contains(&name));
        let (whole, rest) = self.joined();
        known(&whole).or_else(|| known(&rest)).map(|(kind, _)| *kind)
    }

    /// Returns the words as one: all of them, and without fillers and numbers.
    pub(super) fn joined(&self) -> (String, String) {
        let is_filler = |word: &str| FILLERS.contains(&word) || is_number(word);
        let rest = self.0.iter().map(String::as_str).filter(|word| !is_filler(word)).collect();
        (self.0.concat(), rest)
    }

    /// Whether the name is a part of a person's name, inside an object that is the name.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(&*self.0, [one] if one == word)
    }

    /// Returns the kind that one of the words names. Its value must look like one then.
    pub(super) fn loose_kind(&self) -> Option<Kind> {
        const PHONES: [&str; 6] = ["phone", "telephone", "mobile", "cell", "whatsapp", "tel"];
        let is_mail =
            self.0.windows(2).any(|pair| pair == ["e", "mail"]) || self.has(&["email", "mail"]);
        if is_mail { Some(Kind::Email) } else { self.has(&PHONES).then_some(Kind::Phone) }
    }

    /// Whether the name says that its value is about another person than the lead.
    pub(super) fn is_of_others(&self) -> bool {
        // `created_by`, but neither `submitted_by` nor "By mail".
        let by = matches!(&*self.0, [.., done, by] if by == "by" && done != "submitted");
        self.0.len() <= LONGEST_NAME && (by || self.has(OTHERS))
    }

    /// Whether the name is that of a company.
    pub(super) fn is_company(&self) -> bool {
        self.has(COMPANIES)
    }

    /// Whether the name is that of the lead.
    pub(super) fn is_person(&self) -> bool {
        self.has(PERSONS)
    }

    /// Returns the two numbers of a name such as `1.3`, by which Gravity Forms names a part of a
    /// field.
    pub(super) fn part(&self) -> Option<(&str, &str)> {
        match self.0.as_slice() {
            [field, part] if is_digits(field) && is_digits(part) => Some((field, part)),
            _ => None,
        }
    }

    /// Whether the name is a number, and so says nothing.
    pub(super) fn is_number(&self) -> bool {
        self.0.iter().all(|word| is_digits(word))
    }

    fn has(&self, words: &[&str]) -> bool {
        self.0.iter().any(|word| words.contains(&word.as_str()))
    }
}

/// `7`, and `q7` as Jotform numbers its questions.
fn is_number(word: &str) -> bool {
    is_digits(word.strip_prefix('q').unwrap_or(word))
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

//! The contact data in the requests of form builders and of advertisers' lead forms. The shapes
//! follow their documentation; names and values are made up.

use penstock_domain::intake::{Body, Contact, Details, LeadColumns};
use penstock_domain::record::Media;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A sender, its Content-Type and body, and who must be found: e-mail, phone, name, company.
struct Row {
    builder: &'static str,
    content_type: &'static str,
    body: &'static str,
    found: [Option<&'static str>; 4],
}

const ADA: [Option<&str>; 4] =
    [Some("ada@x.example"), Some("+49 30 901820"), Some("Ada Lovelace"), Some("Engines Ltd")];
const ADA_MAIL: [Option<&str>; 4] = [Some("ada@x.example"), None, None, None];
const ADA_NAMED: [Option<&str>; 4] = [Some("ada@x.example"), None, Some("Ada Lovelace"), None];
const NOBODY: [Option<&str>; 4] = [None; 4];

const fn json(builder: &'static str, body: &'static str, found: [Option<&'static str>; 4]) -> Row {
    Row { builder, content_type: JSON, body, found }
}

const fn form(builder: &'static str, body: &'static str, found: [Option<&'static str>; 4]) -> Row {
    Row { builder, content_type: FORM, body, found }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    json("Zapier, flat", r#"{"first_name":"Ada","last_name":"Lovelace","email":"ada@x.example","phone":"+49 30 901820","company":"Engines Ltd","zap_id":"7"}"#, ADA),
    json("Typeform", r#"{"event_id":"e1","event_type":"form_response","form_response":{"form_id":"f1","hidden":{"sales_rep_email":"bob@agency.example"},
        "definition":{"id":"f1","title":"Contact us","fields":[
            {"id":"q1","ref":"r1","type":"short_text","title":"What is your first name?"},{"id":"q2","ref":"r2","type":"short_text","title":"Your *last name*"},
            {"id":"q3","ref":"r3","type":"email","title":"Where may we write to?"},{"id":"q4","ref":"r4","type":"phone_number","title":"And call?"},
            {"id":"q5","ref":"r5","type":"short_text","title":"Company"}]},
        "answers":[
            {"type":"text","text":"Ada","field":{"id":"q1","ref":"r1","type":"short_text"}},{"type":"text","text":"Lovelace","field":{"id":"q2","ref":"r2","type":"short_text"}},
            {"type":"email","email":"ada@x.example","field":{"id":"q3","ref":"r3","type":"email"}},
            {"type":"phone_number","phone_number":"+49 30 901820","field":{"id":"q4","ref":"r4","type":"phone_number"}},
            {"type":"text","text":"Engines Ltd","field":{"id":"q5","ref":"r5","type":"short_text"}}]}}"#, ADA),
    form("Unbounce", "page_id=1&page_name=Landing&page_url=http%3A%2F%2Fx.example&variant=a&data.json=%7B%22name%22%3A%5B%22Ada%20Lovelace%22%5D%2C%22email%22%3A%5B%22ada%40x.example%22%5D%2C%22phone_number%22%3A%5B%22%2B49%2030%20901820%22%5D%2C%22company%22%3A%5B%22Engines%20Ltd%22%5D%2C%22ip_address%22%3A%5B%22192.0.2.1%22%5D%7D", ADA),
    form("Elementor", "form_fields%5Bname%5D=Ada+Lovelace&form_fields%5Bemail%5D=ada%40x.example&form_fields%5Bmessage%5D=hi&form_id=1&form_name=New+Form", ADA_NAMED),
    form("Elementor, by label", "Your+Name=Ada+Lovelace&E-Mail=ada%40x.example&No+Label+message=hi&Page+URL=https%3A%2F%2Fx.example&Remote+IP=192.0.2.1&form_id=1&form_name=New+Form", ADA_NAMED),
    form("Elementor, advanced data", "form%5Bid%5D=1&form%5Bname%5D=New+Form&fields%5Bname%5D%5Bid%5D=name&fields%5Bname%5D%5Btype%5D=text&fields%5Bname%5D%5Btitle%5D=Name&fields%5Bname%5D%5Bvalue%5D=Ada+Lovelace&fields%5Bname%5D%5Braw_value%5D=Ada+Lovelace&fields%5Bemail%5D%5Bid%5D=email&fields%5Bemail%5D%5Btype%5D=email&fields%5Bemail%5D%5Btitle%5D=Email&fields%5Bemail%5D%5Bvalue%5D=ada%40x.example&meta%5Bremote_ip%5D%5Btitle%5D=Remote+IP&meta%5Bremote_ip%5D%5Bvalue%5D=192.0.2.1", ADA_NAMED),
    json("Gravity Forms", r#"{"id":"12","form_id":"3","created_by":"1","date_created":"2026-06-01 12:00:00","ip":"192.0.2.1","source_url":"https://x.example","currency":"EUR",
        "1.2":"","1.3":"Ada","1.4":"","1.6":"Lovelace","1.8":"","2":"ada@x.example","3":"(030) 901820","4.1":"1 Street","4.3":"Berlin","4.5":"10115","4.6":"Germany"}"#,
        [Some("ada@x.example"), Some("(030) 901820"), Some("Ada Lovelace"), None]),
    json("Webflow", r#"{"triggerType":"form_submission","payload":{"name":"Email Form","siteId":"s1","data":{"Name":"Ada Lovelace","Email Address":"ada@x.example","Phone":"+49 30 901820","Company":"Engines Ltd"},
        "schema":[{"fieldName":"Name","fieldType":"FormTextInput","fieldElementId":"e1"}],"submittedAt":"2026-06-01T12:00:00Z","id":"i1","formId":"f1"}}"#, ADA),
    json("Webflow, older", r#"{"name":"Email Form","site":"s1","data":{"Email":"ada@x.example"},"d":"2026-06-01T12:00:00Z","_id":"i1"}"#, ADA_MAIL),
    json("Meta, lead read from the Graph API", r#"{"id":"1","created_time":"2026-06-01T12:00:00+0000","ad_name":"Ad","field_data":[{"name":"full_name","values":["Ada Lovelace"]},{"name":"email","values":["ada@x.example"]},{"name":"phone_number","values":["+49 30 901820"]},{"name":"company_name","values":["Engines Ltd"]}]}"#, ADA),
    json("Meta, its webhook, which names the lead only", r#"{"object":"page","entry":[{"id":"1","time":1,"changes":[{"field":"leadgen","value":{"leadgen_id":"2","page_id":"1","form_id":"3","created_time":1}}]}]}"#, NOBODY),
    json("TikTok", r#"{"object":"LEAD","entry":[{"lead_id":"1","page_name":"Spring","changes":[{"field":"Name","value":"Ada Lovelace"},{"field":"Email","value":"ada@x.example"},{"field":"Phone number","value":"+49 30 901820"},{"field":"Company name","value":"Engines Ltd"}]}]}"#, ADA),
    json("TikTok, an object of the user's data", r#"{"lead_id":"1","campaign_name":"Spring","user_data":{"full_name":"Ada Lovelace","email":"ada@x.example","phone_number":"+49 30 901820","company_name":"Engines Ltd"}}"#, ADA),
    json("Google Ads", r#"{"lead_id":"1","api_version":"1.0","form_id":1,"google_key":"k","user_column_data":[{"column_name":"Full Name","string_value":"Ada Lovelace","column_id":"FULL_NAME"},{"column_name":"User Email","string_value":"ada@x.example","column_id":"EMAIL"},{"string_value":"+49 30 901820","column_id":"PHONE_NUMBER"},{"string_value":"Engines Ltd","column_id":"COMPANY_NAME"}]}"#, ADA),
    json("LinkedIn, a response of a lead form", r#"{"owner":{"sponsoredAccount":"urn:li:sponsoredAccount:1"},"submittedAt":1,"formResponse":{"answers":[{"questionId":1,"answerDetails":{"textQuestionAnswer":{"answer":"ada@x.example"}}},{"questionId":2,"answerDetails":{"textQuestionAnswer":{"answer":"Ada"}}}]}}"#, ADA_MAIL),
    json("HubSpot, a form's submission", r#"{"submittedAt":1,"fields":[{"objectTypeId":"0-1","name":"email","value":"ada@x.example"},{"objectTypeId":"0-1","name":"firstname","value":"Ada"},{"objectTypeId":"0-1","name":"lastname","value":"Lovelace"},{"name":"phone","value":"+49 30 901820"},{"name":"company","value":"Engines Ltd"}],"context":{"pageName":"Contact"}}"#, ADA),
    json("HubSpot, a workflow", r#"{"vid":1,"properties":{"hubspot_owner_id":{"value":"9"},"email":{"value":"ada@x.example","versions":[{"value":"old@x.example"}]},"firstname":{"value":"Ada"},"lastname":{"value":"Lovelace"}},"associated-owner":{"email":"bob@agency.example","first-name":"Bob"}}"#, ADA_NAMED),
    json("Calendly", r#"{"event":"invitee.created","created_by":"https://x.example/users/1","payload":{"name":"Ada Lovelace","email":"ada@x.example","questions_and_answers":[{"question":"Phone","answer":"+49 30 901820"},{"question":"Company","answer":"Engines Ltd"}],"scheduled_event":{"name":"15 minutes","event_memberships":[{"user_email":"bob@agency.example","user_name":"Bob"}]}}}"#, ADA),
    json("Tally", r#"{"eventId":"1","eventType":"FORM_RESPONSE","data":{"formName":"Contact","fields":[{"key":"question_1","label":"Your name","type":"INPUT_TEXT","value":"Ada Lovelace"},{"key":"question_2","label":"How do we reach you?","type":"INPUT_EMAIL","value":"ada@x.example"},{"key":"question_3","label":"Or by voice","type":"INPUT_PHONE_NUMBER","value":"+49 30 901820"},{"key":"question_4","label":"Company name","type":"INPUT_TEXT","value":"Engines Ltd"}]}}"#, ADA),
    Row {
        builder: "Jotform", content_type: "multipart/form-data; boundary=jot", found: ADA,
        body: "--jot\r\nContent-Disposition: form-data; name=\"formTitle\"\r\n\r\nContact\r\n--jot\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nbob\r\n--jot\r\nContent-Disposition: form-data; name=\"rawRequest\"\r\n\r\n{\"slug\":\"submit\\/1\",\"q3_name\":{\"first\":\"Ada\",\"last\":\"Lovelace\"},\"q4_email\":\"ada@x.example\",\"q5_phoneNumber\":{\"full\":\"+49 30 901820\"},\"q6_company\":\"Engines Ltd\"}\r\n--jot--\r\n",
    },
    json("WPForms", r#"{"form_name":"Contact","fields":{"0":{"name":"Name","value":"Ada Lovelace","id":0,"type":"name","first":"Ada","last":"Lovelace"},"1":{"name":"E-mail","value":"ada@x.example","id":1,"type":"email"}}}"#, ADA_NAMED),
    form("Contact Form 7", "your-name=Ada+Lovelace&your-email=ada%40x.example&your-subject=hi&_wpcf7=1", ADA_NAMED),
    json("Answers without their questions", r#"{"formTitle":"Feedback","answers":[{"questionId":"1","value":"Ada"},{"questionId":"2","value":"ada@x.example"},{"questionId":"3","value":4}]}"#, ADA_MAIL),
    json("A contact of a CRM", r#"{"owner":{"name":"Bob","email":"bob@agency.example"},"contact":{"name":"Ada Lovelace","emails":[{"type":"work","value":"ada@x.example"}],"phones":["+49 30 901820"],"company":{"name":"Engines Ltd"}}}"#, ADA),
];

fn found(body: &str, content_type: &str) -> Option<[Option<String>; 4]> {
    let body =
        Body { bytes: body.as_bytes(), media: Media { content_type, content_encoding: None } };
    let Contact { email, phone, name, company, .. } = LeadColumns::read(body)?.contact;
    Some([email, phone, name, company])
}

fn some(texts: [Option<&str>; 4]) -> Option<[Option<String>; 4]> {
    Some(texts.map(|text| text.map(str::to_owned)))
}

#[test]
fn trap_71_whom_to_call_is_found_in_the_request_of_every_form_builder() {
    for row in ROWS {
        assert_eq!(found(row.body, row.content_type), some(row.found), "{}", row.builder);
        // Builders often say nothing of the type, or the wrong thing.
        let boundary = row.content_type.starts_with("multipart/");
        for other in ["", "text/plain", if boundary { "" } else { FORM }] {
            assert_eq!(found(row.body, other), some(row.found), "{} as {other:?}", row.builder);
        }
    }
}

#[test]
fn a_wrong_person_is_never_taken_and_nobody_is_found_instead() {
    for body in [
        r#"{"owner":{"email":"bob@agency.example","name":"Bob"},"message":"hi"}"#,
        r#"{"from":"bob@agency.example","from_email":"bob@agency.example","fromName":"Bob"}"#,
        r#"{"sender":{"contact":{"email":"bob@agency.example","firstName":"Bob"}}}"#,
        r#"{"form":{"name":"Contact us","owner":{"email":"bob@agency.example"}},"created_by":{"email":"b@x.example","lastName":"B"},"replyTo":"b@x.example"}"#,
        r#"{"fields":[{"label":"Friend's e-mail","type":"email","value":"bob@x.example"}]}"#,
        r#"{"answers":[{"questionId":1,"value":"bob@x.example"},{"questionId":2,"value":"eve@x.example"}]}"#,
        r#"{"message":"write to bob@agency.example","subscribe_email":"yes","phone_type":"mobile","date":"2026-06-01"}"#,
        r#"{"email":"","phone":null,"mail":[],"tel":{}}"#,
    ] {
        let [email, phone, name, _] = found(body, JSON).unwrap();
        let name = name.filter(|name| name != "Contact us");
        assert_eq!([email, phone, name], [None, None, None], "{body}");
    }
}

#[test]
fn an_outer_field_goes_before_an_inner_one_and_what_looks_right_before_what_does_not() {
    for (body, email) in [
        (r#"{"a":{"email":"inner@x.example"},"email":"outer@x.example"}"#, "outer@x.example"),
        (r#"{"email":"yes","a":{"email":"inner@x.example"}}"#, "inner@x.example"),
        (r#"{"email":"ada at x.example"}"#, "ada at x.example"),
        (r#"{"user_email":"u@x.example","email":"e@x.example"}"#, "e@x.example"),
        (
            r#"{"a":"{\"email\":\"in a text@x\"}","b":{"c":{"email":"deep@x.example"}}}"#,
            "deep@x.example",
        ),
        (
            r#"{"payload":"{\"data\":\"{\\\"email\\\":\\\"twice@x.example\\\"}\"}"}"#,
            "twice@x.example",
        ),
    ] {
        assert_eq!(found(body, JSON).unwrap()[0].as_deref(), Some(email), "{body}");
    }
}

#[test]
fn a_name_is_taken_from_where_the_address_is_and_a_forms_name_is_nobodys() {
    for (body, name) in [
        (r#"{"name":"Contact form","data":{"email":"ada@x.example"}}"#, None),
        (r#"{"name":"Contact form","data":{"email":"ada@x.example","name":"Ada"}}"#, Some("Ada")),
        (r#"{"name":"Ada","contact":{"email":"ada@x.example"}}"#, Some("Ada")),
        (r#"{"email":"ada@x.example","customer":{"name":"Ada"}}"#, Some("Ada")),
        (r#"{"email":"ada@x.example","more":{"firstName":"Ada","lastName":"L"}}"#, Some("Ada L")),
        (r#"{"email":"ada@x.example","company":{"name":"Engines"}}"#, None),
        (r#"{"email":"ada@x.example","1.1":"1 Street","1.3":"Berlin","1.6":"Germany"}"#, None),
    ] {
        assert_eq!(found(body, JSON).unwrap()[2].as_deref(), name, "{body}");
    }
}

/// A builder of [`ROWS`], and its first name, last name, IP address and domain.
const MORE: [(&str, [Option<&str>; 4]); 5] = [
    ("Zapier, flat", [Some("Ada"), Some("Lovelace"), None, None]),
    ("Jotform", [Some("Ada"), Some("Lovelace"), None, None]),
    ("Gravity Forms", [Some("Ada"), Some("Lovelace"), Some("192.0.2.1"), Some("x.example")]),
    ("Unbounce", [None, None, Some("192.0.2.1"), Some("x.example")]),
    ("Elementor, by label", [None, None, Some("192.0.2.1"), Some("x.example")]),
];

#[test]
fn names_come_in_two_parts_where_the_builder_has_two_and_the_page_says_the_domain() {
    for (builder, expected) in MORE {
        let row = ROWS.iter().find(|row| row.builder == builder).unwrap();
        let media = Media { content_type: row.content_type, content_encoding: None };
        let read = LeadColumns::read(Body { bytes: row.body.as_bytes(), media }).unwrap();
        let LeadColumns { contact, details } = &read;
        let found = [&contact.first_name, &contact.last_name, &details.ip, &details.domain];
        assert_eq!(found.map(Option::as_deref), expected, "{builder}");
    }
}

#[test]
fn a_form_of_an_advertiser_fills_every_column() {
    let json = r#"{"first_name":"Ada","lastName":"Lovelace","email":"ada@x.example","phone":"+49 30 901820","country":"DE",
        "language":"de","ip":"192.0.2.1","domain":"x.example","offer":"Spring","source_type":"affiliate","marker":"m-1",
        "creative":"c-2","click_id":"k-3","description":"after six"}"#;
    let form = "first_name=Ada&lastName=Lovelace&email=ada%40x.example&phone=%2B49+30+901820&country=DE&language=de&\
        ip=192.0.2.1&domain=x.example&offer=Spring&source_type=affiliate&marker=m-1&creative=c-2&click_id=k-3&description=after+six";
    let part = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        let value = value
            .replace("%40", "@")
            .replace("%2B", "+")
            .replace("t+s", "t s")
            .replace("r+s", "r s");
        let value = value.replace("+49+30+", "+49 30 ");
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let multipart = form.split('&').map(part).collect::<String>() + "--b--\r\n";
    for (body, content_type) in
        [(json, JSON), (form, FORM), (multipart.as_str(), "multipart/form-data; boundary=b")]
    {
        let media = Media { content_type, content_encoding: None };
        let read = LeadColumns::read(Body { bytes: body.as_bytes(), media }).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let contact = Contact {
            email: some("ada@x.example"),
            phone: some("+49 30 901820"),
            name: some("Ada Lovelace"),
            first_name: some("Ada"),
            last_name: some("Lovelace"),
            company: None,
        };
        let details = Details {
            country: some("DE"),
            language: some("de"),
            ip: some("192.0.2.1"),
            domain: some("x.example"),
            offer: some("Spring"),
            source_type: some("affiliate"),
            marker: some("m-1"),
            creative: some("c-2"),
            click_id: some("k-3"),
            description: some("after six"),
        };
        assert_eq!(read, LeadColumns { contact, details }, "{content_type}");
    }
}

#[test]
fn a_body_of_a_mebibyte_is_read_in_bounded_time_whatever_its_shape() {
    let inner = "[".repeat(60) + &"]".repeat(60);
    let shapes = [
        format!("{{\"a\":[{}0],\"email\":\"ada@x.example\"}}", "{\"b\":1},".repeat(110_000)),
        format!(
            "{{\"a\":[{}0],\"b\":{{\"email\":\"ada@x.example\"}}}}",
            "{\"b\":{}},".repeat(110_000)
        ),
        format!("{{\"a\":[{}0],\"email\":\"ada@x.example\"}}", format!("{inner},").repeat(8_000)),
        format!("{{\"email\":\"ada@x.example\",{}\"z\":0}}", "\"a\":\"b\",".repeat(110_000)),
        format!("email=ada%40x.example{}", "&a[b][c]=d".repeat(100_000)),
        format!("email=ada%40x.example{}", "&a=".repeat(300_000)),
    ];
    for shape in shapes {
        assert!(shape.len() < 1_100_000);
        let begun = std::time::Instant::now();
        let email = found(&shape, "").unwrap()[0].clone();
        assert_eq!(email.as_deref(), Some("ada@x.example"), "{}", &shape[..40]);
        // Milliseconds as deployed, 0.2 s without optimization. What grows with the square of a
        // length takes minutes.
        let took = begun.elapsed();
        assert!(took < std::time::Duration::from_secs(60), "{took:?} for {}", &shape[..40]);
    }
}

//! The policies name the actions that each function performs, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use penstock_tests::template::{Template, short_name, target};

const RECEIVE: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// (action, resource) of each statement of a document.
fn allowed(document: &Value) -> BTreeSet<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let mut found = BTreeSet::new();
    for statement in list(&document["Statement"]) {
        // `!If [HasVpc, statement, nothing]`
        let statement = statement.get("Fn::If").map_or(&statement, |branches| &branches[1]);
        assert_eq!(statement["Effect"], "Allow");
        for resource in list(&statement["Resource"]) {
            for action in list(&statement["Action"]) {
                found.insert((action.as_str().unwrap().to_owned(), name(&resource)));
            }
        }
    }
    found
}

/// A resource's name; of `!If [condition, one, another]` both names.
fn name(resource: &Value) -> String {
    if let Some(branches) = resource.get("Fn::If") {
        return format!("{} or {}", name(&branches[1]), name(&branches[2]));
    }
    match resource.as_str().or_else(|| resource["Fn::Sub"].as_str()) {
        Some(text) => text.to_owned(),
        None => target(resource).to_owned(),
    }
}

fn pairs(wanted: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    wanted.iter().map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned())).collect()
}

fn receive(queue: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    RECEIVE.into_iter().map(move |action| (action, queue))
}

/// The queues whose messages `admin` counts: all.
const COUNTED: [&str; 12] = [
    "TicketsQueue",
    "TicketsDlq",
    "FetchRequestsQueue",
    "FetchRequestsDlq",
    "QuickRequestsQueue",
    "QuickRequestsDlq",
    "SpillQueue",
    "SpillDlq",
    "IngestSpillQueue",
    "TransactionsQueue",
    "TransactionsDlq",
    "TransactSpillQueue",
];

/// The queues that each function uses, listed here a second time. `None`: the function is not
/// listed.
fn listed(function: &str) -> Option<Vec<(&'static str, &'static str)>> {
    let send = |queue| ("sqs:SendMessage", queue);
    Some(match function {
        "fetch" => receive("FetchRequestsQueue")
            .chain(receive("QuickRequestsQueue"))
            .chain(["TicketsQueue", "FetchRequestsQueue", "QuickRequestsQueue"].map(send))
            .chain([send("FetchRequestsDlq")]) // what a rule asked for and Lambda gave up
            .collect(),
        "process" => receive("TicketsQueue").chain([send("QuickRequestsQueue")]).collect(),
        "relay" => {
            ["TicketsQueue", "FetchRequestsQueue", "QuickRequestsQueue", "TransactionsQueue"]
                .map(send)
                .into_iter()
                .chain(COUNTED.map(|queue| ("sqs:GetQueueAttributes", queue)))
                .collect()
        }
        "bury" => {
            ["TicketsDlq", "FetchRequestsDlq", "QuickRequestsDlq", "SpillDlq", "TransactionsDlq"]
                .into_iter()
                .flat_map(receive)
                .collect()
        }
        "webhook" => receive("SpillQueue")
            .chain(receive("IngestSpillQueue"))
            .chain(["TicketsQueue", "QuickRequestsQueue", "SpillQueue"].map(send))
            .collect(),
        "ingest" => ["TicketsQueue", "IngestSpillQueue"].map(send).to_vec(),
        "transact" => receive("TransactSpillQueue")
            .chain(["TransactionsQueue", "TransactSpillQueue"].map(send))
            .collect(),
        "settle" => receive("TransactionsQueue").chain([send("TransactionsQueue")]).collect(),
        "console" => ["FetchRequestsQueue", "QuickRequestsQueue", "TransactionsQueue"]
            .map(send)
            .into_iter()
            .chain(COUNTED.map(|queue| ("sqs:GetQueueAttributes", queue)))
            .collect(),
        "admin" => ["FetchRequestsQueue", "QuickRequestsQueue"]
            .map(send)
            .into_iter()
            .chain(COUNTED.map(|queue| ("sqs:GetQueueAttributes", queue)))
            .collect(),
        "accounts" | "archive" | "digest" | "load" | "metrics" | "migrate" => Vec::new(),
        _ => return None,
    })
}

/// The channels of AWS over which a function tells people something: one identity, one topic.
fn channels(function: &str) -> BTreeSet<(String, String)> {
    match function {
        "accounts" => pairs(&[("ses:SendEmail", "DigestMailIdentityArn")]),
        "digest" => {
            pairs(&[("ses:SendEmail", "DigestMailIdentityArn"), ("sns:Publish", "DigestTopicArn")])
        }
        _ => BTreeSet::new(),
    }
}

/// The rights of each function to the bucket of the analytics copy.
fn of_bucket(function: &str) -> BTreeSet<(String, String)> {
    let actions: &[&str] = match function {
        "archive" => &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        "load" => &["s3:GetObject"],
        _ => return BTreeSet::new(),
    };
    let bucket = "arn:${AWS::Partition}:s3:::${ArchiveBucketName}";
    let objects = format!("{bucket}/v1/*");
    let all = actions.iter().map(|action| (*action, objects.as_str()));
    pairs(&all.chain([("s3:ListBucket", bucket)]).collect::<Vec<_>>())
}

/// The secrets of connections that each function uses, by their prefix.
fn of_connections(function: &str) -> BTreeSet<(String, String)> {
    let all = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:penstock/${AWS::StackName}";
    let actions: &[&str] = match function {
        "admin" => {
            &["CreateSecret", "DeleteSecret", "PutSecretValue", "RestoreSecret", "TagResource"]
        }
        "fetch" | "webhook" => &["GetSecretValue"],
        _ => &[],
    };
    let below: &[&str] = match function {
        "admin" => &["*"],
        "fetch" => &["keys/*", "signing/*"],
        _ => &["signing/*"],
    };
    let pair =
        |action: &str, below: &str| (format!("secretsmanager:{action}"), format!("{all}/{below}"));
    actions.iter().flat_map(|action| below.iter().map(move |below| pair(action, below))).collect()
}

/// (action, queue): a function sends to the queues of its variables or counts their messages, and
/// receives from those that call it.
fn told_of(template: &Template, function: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (name, value) in template.variables(function) {
        if name.ends_with("_QUEUE_URL") {
            found.insert(("sqs:SendMessage".to_owned(), target(&value).to_owned()));
        } else if name.ends_with("_DEPTH_URL") {
            found.insert(("sqs:GetQueueAttributes".to_owned(), target(&value).to_owned()));
        }
    }
    if let Some(failed) =
        function.pointer("/EventInvokeConfig/DestinationConfig/OnFailure/Destination")
    {
        found.insert(("sqs:SendMessage".to_owned(), target(failed).to_owned()));
    }
    let events = function["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
    for event in events.filter(|event| event["Type"] == "SQS") {
        let queue = target(&event["Properties"]["Queue"]);
        found.extend(RECEIVE.map(|action| (action.to_owned(), queue.to_owned())));
    }
    found
}

#[test]
fn each_role_allows_exactly_what_its_function_does() {
    let template = Template::read();
    for (logical, function) in template.functions() {
        let mut wanted = told_of(&template, function);
        if let Some(listed) = listed(short_name(function)) {
            assert_eq!(wanted, pairs(&listed), "{logical} is told of other queues");
        }
        // Every secret in its settings, and no other. That of all functions is in CommonPolicy.
        let told = template.variables(function).into_iter().filter(|(name, _)| {
            name.ends_with("SECRET_ARN") && name != "DATABASE_ROOTS_SECRET_ARN"
        });
        wanted.extend(of_connections(short_name(function)));
        wanted.extend(channels(short_name(function)));
        wanted.extend(of_bucket(short_name(function)));
        let secrets = told.map(|(_, value)| name(&value));
        wanted.extend(secrets.map(|secret| ("secretsmanager:GetSecretValue".to_owned(), secret)));
        let role = template.resource(target(&function["Role"]));
        // `!If [HasBootstrapKeys, policies, nothing]`
        let policies =
            role["Policies"].get("Fn::If").map_or(&role["Policies"], |branches| &branches[1]);
        let policies = policies.as_array().into_iter().flatten();
        let own: BTreeSet<_> =
            policies.flat_map(|policy| allowed(&policy["PolicyDocument"])).collect();
        assert_eq!(own, wanted, "{logical}");
        assert_eq!(role["ManagedPolicyArns"], json!([{"Ref": "CommonPolicy"}]), "{logical}");
        assert_eq!(
            role["AssumeRolePolicyDocument"]["Statement"],
            json!([{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]),
            "{logical}"
        );
    }
}

#[test]
fn a_function_that_writes_the_secrets_of_connections_reads_none_and_its_variable_is_its_permission()
{
    let template = Template::read();
    for (logical, function) in template.functions() {
        let name = short_name(function);
        let told = template.variables(function).get("SECRETS_PREFIX").cloned();
        let wanted = ["admin", "fetch", "webhook"].contains(&name);
        let prefix = json!({"Fn::Sub": "penstock/${AWS::StackName}"});
        assert_eq!(told, wanted.then_some(prefix), "{logical}");
        let used = of_connections(name);
        let (writes, reads): (Vec<_>, Vec<_>) =
            used.iter().partition(|(action, _)| action != "secretsmanager:GetSecretValue");
        assert!(writes.is_empty() || reads.is_empty(), "{logical} writes and reads");
    }
}

#[test]
fn a_claim_of_admin_outlives_every_invocation_of_it() {
    let template = Template::read();
    let functions = template.functions();
    let (_, admin) = functions.iter().find(|(_, it)| short_name(it) == "admin").unwrap();
    let lives = template.number(&admin["Timeout"]);
    assert!(admin::CLAIM.as_secs() >= 2 * u64::try_from(lives).unwrap(), "{lives} s");
}

#[test]
fn what_all_roles_share_is_logs_the_vpc_and_the_authorities_of_the_database() {
    let template = Template::read();
    let logs = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${AWS::StackName}-*";
    let wanted = [
        ("logs:CreateLogStream", logs),
        ("logs:PutLogEvents", logs),
        ("secretsmanager:GetSecretValue", "DatabaseRootsSecretArn"),
        ("ec2:CreateNetworkInterface", "*"),
        ("ec2:DescribeNetworkInterfaces", "*"),
        ("ec2:DescribeSubnets", "*"),
        ("ec2:DeleteNetworkInterface", "*"),
        ("ec2:AssignPrivateIpAddresses", "*"),
        ("ec2:UnassignPrivateIpAddresses", "*"),
    ];
    assert_eq!(allowed(&template.resource("CommonPolicy")["PolicyDocument"]), pairs(&wanted));
    let shared = template.resources("AWS::IAM::ManagedPolicy");
    let shared: BTreeSet<&str> = shared.iter().map(|(logical, _)| *logical).collect();
    assert_eq!(shared, BTreeSet::from(["AnalystPolicy", "CommonPolicy"]));
    assert_eq!(
        template.resources("AWS::IAM::Role").len(),
        template.functions().len(),
        "a role a function"
    );
}

#[test]
fn an_analyst_reads_the_copy_and_writes_answers_beside_it() {
    let template = Template::read();
    let granted = allowed(&template.resource("AnalystPolicy")["PolicyDocument"]);
    let writes: Vec<_> = granted
        .iter()
        .filter(|(action, _)| action.contains("Put") || action.contains("Delete"))
        .map(|(action, on)| (action.as_str(), on.as_str()))
        .collect();
    let answers = "arn:${AWS::Partition}:s3:::${ArchiveBucketName}/athena/*";
    assert_eq!(writes, [("s3:PutObject", answers)]);
}

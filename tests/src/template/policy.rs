//! The permissions of a function's role. They follow from the function's settings: a variable
//! `…_QUEUE_URL` lets it send, a variable `…_DEPTH_URL` lets it count a queue's messages, a queue's
//! event lets it receive, a variable `…_SECRET_ARN` lets it read, and so does a queue for failed
//! events let it send. A function that needs more lists it under `Statements`.

use super::text::{Text, entries, indented};

/// A statement, and the condition under which the role has it.
struct Statement {
    condition: Option<String>,
    lines: Vec<String>,
}

fn statement(action: &str, resource: &str, condition: Option<String>) -> Statement {
    let lines = ["Effect: Allow", &format!("Action: {action}"), &format!("Resource: {resource}")];
    Statement { condition, lines: lines.map(str::to_owned).to_vec() }
}

/// Returns the value of `Policies` of a role; empty if the function needs no more than all have.
/// `guard` returns the condition under which a secret's parameter is set. `failed` is the queue of
/// failed events, or empty.
///
/// # Errors
///
/// A variable that refers to nothing, or statements that cannot be made conditional.
pub fn policies(
    environment: &Text,
    events: &Text,
    failed: &str,
    own: &Text,
    guard: impl Fn(&str) -> Result<Option<String>, String>,
) -> Result<Text, String> {
    let mut statements = Vec::new();
    let (mut sends, mut counts) = (Vec::new(), Vec::new());
    for variable in entries(&environment.below)? {
        let refers = || {
            let parameter = variable.value.word().strip_prefix("!Ref ");
            parameter.ok_or_else(|| format!("{} is no !Ref", variable.key))
        };
        if variable.key.ends_with("_DATABASE_SECRET_ARN") {
            // A secret of the template's own, or by a condition the one that all functions share.
            let read = "secretsmanager:GetSecretValue";
            statements.push(statement(read, variable.value.word(), None));
        } else if variable.key.ends_with("_SECRET_ARN") {
            let parameter = refers()?;
            let resource = format!("!Ref {parameter}");
            let read = "secretsmanager:GetSecretValue";
            statements.push(statement(read, &resource, guard(parameter)?));
        } else if variable.key.ends_with("_QUEUE_URL") {
            sends.push(format!("!GetAtt {}.Arn", refers()?));
        } else if variable.key.ends_with("_DEPTH_URL") {
            counts.push(format!("!GetAtt {}.Arn", refers()?));
        }
    }
    if !failed.is_empty() {
        sends.push(format!("!GetAtt {failed}.Arn"));
    }
    let receives = queues(events)?;
    if !receives.is_empty() {
        let actions = "[sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]";
        statements.push(statement(actions, &format!("[{}]", receives.join(", ")), None));
    }
    if !counts.is_empty() {
        let action = "sqs:GetQueueAttributes";
        statements.push(statement(action, &format!("[{}]", counts.join(", ")), None));
    }
    if !sends.is_empty() {
        statements.push(statement("sqs:SendMessage", &format!("[{}]", sends.join(", ")), None));
    }
    joined(&statements, own)
}

/// Returns the ARNs of the queues that call the function.
fn queues(events: &Text) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for event in entries(&events.below)? {
        let said = entries(&event.value.below)?;
        if !said.iter().any(|it| it.key == "Type" && it.value.word() == "SQS") {
            continue;
        }
        let properties = said.iter().find(|it| it.key == "Properties");
        let properties = entries(&properties.map(|it| it.value.below.clone()).unwrap_or_default())?;
        let queue = properties.iter().find(|it| it.key == "Queue");
        let queue = queue.ok_or_else(|| format!("the event {} has no queue", event.key))?;
        found.push(queue.value.word().to_owned());
    }
    Ok(found)
}

/// Joins all statements into one policy. If every statement has a condition, there may be only one:
/// IAM refuses a policy without a statement.
fn joined(statements: &[Statement], own: &Text) -> Result<Text, String> {
    let unconditional = !own.is_empty() || statements.iter().any(|it| it.condition.is_none());
    match statements {
        [] if own.is_empty() => Ok(Text::default()),
        [Statement { condition: Some(condition), lines }] if !unconditional => {
            let policy = policy(item("", lines));
            let mut branches = vec![format!("- {condition}")];
            branches.extend(item("- ", &policy));
            branches.push("- !Ref AWS::NoValue".to_owned());
            Ok(Text { below: branches, ..Text::inline("!If") })
        }
        _ if !unconditional => {
            Err("several secrets, each of them optional, need a permission without a condition"
                .to_owned())
        }
        _ => {
            let mut lines: Vec<String> = statements.iter().flat_map(conditional).collect();
            lines.extend(own.below.iter().cloned());
            Ok(Text::below(item("", &policy(lines))))
        }
    }
}

fn policy(statements: Vec<String>) -> Vec<String> {
    let head = ["PolicyName: own", "PolicyDocument:", "  Version: \"2012-10-17\"", "  Statement:"];
    head.into_iter().map(str::to_owned).chain(indented(&statements, 4)).collect()
}

fn conditional(statement: &Statement) -> Vec<String> {
    let Some(condition) = &statement.condition else { return item("", &statement.lines) };
    let mut lines = vec!["- !If".to_owned(), format!("  - {condition}")];
    lines.extend(indented(&item("", &statement.lines), 2));
    lines.push("  - !Ref AWS::NoValue".to_owned());
    lines
}

/// Returns lines as an item of a list, behind `before`.
fn item(before: &str, lines: &[String]) -> Vec<String> {
    let deeper = indented(lines, before.len() + 2);
    let mut item: Vec<String> = deeper.collect();
    if let (Some(first), Some(line)) = (item.first_mut(), lines.first()) {
        *first = format!("{before}- {line}");
    }
    item
}

#[cfg(test)]
mod tests {
    use super::policies;
    use crate::template::text::{Text, lines};

    const SECRET: &str = "A_SECRET_ARN: !Ref ASecretArn";

    fn policy(environment: &str, own: &str) -> Result<String, String> {
        let guard = |_: &str| Ok(Some("HasA".to_owned()));
        let below = |text| Text::below(lines(text));
        let made = policies(&below(environment), &Text::default(), "", &below(own), guard)?;
        Ok(format!("{} {}", made.inline, made.below.join("\n")))
    }

    #[test]
    fn a_role_whose_only_statement_is_conditional_has_a_conditional_policy() {
        let wanted = "!If \
- HasA
- - PolicyName: own
    PolicyDocument:
      Version: \"2012-10-17\"
      Statement:
        - Effect: Allow
          Action: secretsmanager:GetSecretValue
          Resource: !Ref ASecretArn
- !Ref AWS::NoValue";
        assert_eq!(policy(SECRET, "").unwrap(), wanted);
    }

    #[test]
    fn several_conditional_statements_need_one_that_is_always_there() {
        let two = format!("{SECRET}\nB_SECRET_ARN: !Ref BSecretArn");
        assert!(policy(&two, "").is_err());
        assert!(policy(&two, "- Effect: Allow").unwrap().contains("  - !If\n"));
    }

    #[test]
    fn a_function_that_is_told_of_nothing_may_do_nothing_more() {
        assert_eq!(policy("SOURCES: stripe", "").unwrap(), " ");
        assert!(policy("X_QUEUE_URL: https://example.com", "").is_err());
    }
}

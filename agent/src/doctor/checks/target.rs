//! Each target over each link: what answers, and where it ends if nothing does.

use super::super::facts::{Answer, Facts, NotSent, PATIENCE, Reach, TargetReach};
use super::super::finding::{Check, Finding};
use crate::api::describe::short;
use crate::netlink::family_name;
use shunt_config::Config;

const CHECK: Check = Check::Target;

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    let tell = |reach: &Reach| {
        let name = config.links.get(reach.link).map_or("", |link| link.name.as_str());
        of_path(config, reach).into_iter().map(move |finding| finding.about(name)).collect::<Vec<_>>()
    };
    let mut found: Vec<Finding> = facts.reach.iter().flat_map(tell).collect();
    found.extend(silent_everywhere(&facts.reach));
    found
}

fn of_path(config: &Config, reach: &Reach) -> Vec<Finding> {
    let family = family_name(reach.family);
    let targets = match &reach.targets {
        Ok(targets) => targets,
        Err(NotSent::NoPath) => {
            let why = "the link has no interface, address or way out in it now";
            return vec![Finding::not_checked(CHECK, &format!("the {family} targets"), why, None)];
        }
        Err(NotSent::Because(why)) => {
            return vec![Finding::not_checked(CHECK, &format!("the {family} targets"), why, None)];
        }
        Err(NotSent::Denied(why)) => {
            let finding =
                Finding::not_checked(CHECK, &format!("the {family} targets"), why, Some("Run this as root."));
            return vec![Finding { denied: true, ..finding }];
        }
    };
    let good: Vec<&TargetReach> =
        targets.iter().filter(|target| matches!(target.answer, Answer::Replies { .. })).collect();
    let mut found: Vec<Finding> = Vec::new();
    // Where none answers, that is the finding, and not each of them.
    let tells = |target: &&TargetReach| !good.is_empty() || target.answer != Answer::Silent;
    found.extend(targets.iter().filter(tells).filter_map(|target| told(target, config, reach)));
    let asked = targets.iter().any(|target| target.answer != Answer::NotAsked);
    if good.is_empty() && asked {
        found.push(nothing(config, reach, family));
    }
    if !good.is_empty() {
        let times: Vec<String> = good.iter().map(|target| time(target)).collect();
        found.insert(0, Finding::ok(CHECK, format!("{family}: {}.", times.join(", "))));
    }
    found
}

/// No target of a path answers.
fn nothing(config: &Config, reach: &Reach, family: &str) -> Finding {
    let (where_it_ends, mend) = match reach.router {
        Some((router, true)) => (
            format!("Its router {router} answers, so that it ends beyond it"),
            "Look at the router's own uplink, or call the provider.",
        ),
        Some((router, false)) => (
            format!("Its router {router} does not answer either"),
            "Look at the cable, the box behind it, and whether the address and the router are right.",
        ),
        None => (
            "Its router could not be asked".to_owned(),
            "See whether the link has service, and whether the targets are right.",
        ),
    };
    // The daemon waits longer for it than an operator is made to wait here.
    if config.links.get(reach.link).is_some_and(|link| link.probe.timeout > PATIENCE) {
        let what = format!("No {family} target answers over it within {}. {where_it_ends}.", short(PATIENCE));
        return Finding::warning(CHECK, what, mend);
    }
    Finding::fault(CHECK, format!("No {family} target answers over it. {where_it_ends}."), mend)
}

/// One target with something to say of it.
fn told(target: &TargetReach, config: &Config, reach: &Reach) -> Option<Finding> {
    let name = &target.target;
    let resolvers = || {
        let all = config.links.get(reach.link).map_or(&[][..], |link| &link.resolvers);
        let list: Vec<String> = all.iter().map(ToString::to_string).collect();
        super::list(&list)
    };
    Some(match target.answer {
        Answer::Replies { lost: 0, .. } => return None,
        Answer::Replies { lost, sent, .. } => Finding::note(
            CHECK,
            format!("{name} left {lost} of {sent} probes unanswered."),
            "Repeat this; if it stays so, the line loses packets, or the target limits its answers: choose another.",
        ),
        Answer::Silent => Finding::warning(
            CHECK,
            format!("{name} does not answer."),
            "If it answers over no link, choose another target.",
        ),
        Answer::Refused => Finding::warning(
            CHECK,
            format!("{name} refuses: the connection, the question, or the page."),
            "See whether the port, the name or the page of the target is right.",
        ),
        Answer::Intercepted => Finding::fault(
            CHECK,
            format!(
                "Somebody else answers in the place of {name}: a captive portal, or a page that has changed."
            ),
            "Log in at the portal or call the provider; if the page has changed, correct the target's status or body.",
        ),
        Answer::Unresolved => Finding::warning(
            CHECK,
            format!("The name of {name} is not known over this link."),
            format!(
                "See whether the resolvers ({}) answer over it, or name others by `resolvers`.",
                resolvers()
            ),
        ),
        Answer::Unsendable => Finding::warning(
            CHECK,
            format!("Nothing could be sent to {name}."),
            "See whether the interface has a way there, and whether the firewall's output chain drops it.",
        ),
        Answer::NotAsked => {
            Finding::not_checked(CHECK, name, "there are too many targets to ask them all at once", None)
        }
    })
}

fn time(target: &TargetReach) -> String {
    match target.answer {
        Answer::Replies { rtt, .. } => format!("{} in {}", target.target, short(rtt)),
        _ => target.target.clone(),
    }
}

/// Targets that answer on no link, while others do: they are at fault themselves.
fn silent_everywhere(reach: &[Reach]) -> Vec<Finding> {
    let all = || reach.iter().filter_map(|reach| reach.targets.as_ref().ok()).flatten();
    let good = |target: &TargetReach| matches!(target.answer, Answer::Replies { .. });
    let mut names: Vec<&str> =
        all().filter(|target| target.answer == Answer::Silent).map(|t| t.target.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let alone = |name: &&str| {
        let asked: Vec<_> = all().filter(|target| target.target == *name).collect();
        asked.len() > 1 && !asked.into_iter().any(good)
    };
    if !all().any(good) {
        return Vec::new();
    }
    let tell = |name: &str| {
        let what = format!("{name} answers over no link, while other targets do.");
        Finding::warning(CHECK, what, "Choose another target in its place.")
    };
    names.into_iter().filter(alone).map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;
    use std::time::Duration;

    fn with(answers: [Answer; 2], router: Option<bool>) -> Vec<Finding> {
        let mut facts = facts();
        for (reach, answer) in facts.reach.iter_mut().zip(answers) {
            reach.targets.as_mut().unwrap()[0].answer = answer;
            reach.router = router.map(|answers| ("192.0.2.1".parse().unwrap(), answers));
        }
        check(&config(""), &facts)
    }

    const GOOD: Answer = Answer::Replies { rtt: Duration::from_millis(12), lost: 0, sent: 3 };

    #[test]
    fn what_came_of_a_target_is_told() {
        found(&with([GOOD, GOOD], None), CHECK, Level::Ok, "fiber IPv4: 198.51.100.1 in 12 ms");
        let lossy = Answer::Replies { rtt: Duration::from_millis(12), lost: 1, sent: 3 };
        found(
            &with([GOOD, lossy], None),
            CHECK,
            Level::Note,
            "lte 198.51.100.1 left 1 of 3 probes unanswered",
        );
        for (answer, said) in [
            (Answer::Silent, "No IPv4 target answers"),
            (Answer::Refused, "refuses"),
            (Answer::Intercepted, "captive portal"),
            (Answer::Unresolved, "name of 198.51.100.1 is not known"),
            (Answer::Unsendable, "Nothing could be sent"),
        ] {
            found(&with([GOOD, answer], None), CHECK, Level::Fault, said);
            found(&with([GOOD, answer], None), CHECK, Level::Fault, "lte No IPv4 target answers over it");
        }
        found(&with([GOOD, Answer::NotAsked], None), CHECK, Level::NotChecked, "too many targets");
    }

    #[test]
    fn the_router_tells_where_it_ends() {
        found(&with([GOOD, Answer::Silent], Some(true)), CHECK, Level::Fault, "it ends beyond it");
        found(&with([GOOD, Answer::Silent], Some(false)), CHECK, Level::Fault, "does not answer either");
    }

    #[test]
    fn a_link_that_is_given_longer_than_the_doctor_waits_is_not_at_fault() {
        let slow = config("[link.probe]\ninterval = \"20s\"\ntimeout = \"10s\"\n");
        let mut facts = facts();
        facts.reach[1].targets.as_mut().unwrap()[0].answer = Answer::Silent;
        found(&check(&slow, &facts), CHECK, Level::Warning, "lte No IPv4 target answers over it within 3 s.");
        facts.reach[0].targets.as_mut().unwrap()[0].answer = Answer::Silent;
        found(&check(&slow, &facts), CHECK, Level::Fault, "fiber No IPv4 target answers over it. ");
    }

    #[test]
    fn one_silent_target_among_others_is_a_warning() {
        let mut facts = facts();
        for reach in &mut facts.reach {
            let silent = TargetReach { target: "203.0.113.99".to_owned(), answer: Answer::Silent };
            reach.targets.as_mut().unwrap().push(silent);
        }
        let findings = check(&config(""), &facts);
        found(&findings, CHECK, Level::Warning, "203.0.113.99 answers over no link");
        found(&findings, CHECK, Level::Warning, "lte 203.0.113.99 does not answer");
    }

    #[test]
    fn what_was_not_sent_is_told_with_the_reason() {
        let mut facts = facts();
        for (why, said) in [
            (NotSent::NoPath, "no interface, address or way out"),
            (NotSent::Because("--offline was given".to_owned()), "--offline was given"),
            (NotSent::Denied("it failed".to_owned()), "Run this as root"),
        ] {
            facts.reach[1].targets = Err(why);
            found(&check(&config(""), &facts), CHECK, Level::NotChecked, said);
        }
    }
}

//! Users and their groups, from `/etc/passwd` and `/etc/group` (passwd(5), group(5)). The files are read, not the name
//! service: the agent is one static binary, and must not wait for a directory server behind a dead uplink.

/// What the groups of a user are, besides the one that its account names.
const GROUPS: &str = "/etc/group";
const USERS: &str = "/etc/passwd";

/// A user, as far as a process needs one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    /// The group of new files.
    pub(super) group: u32,
    /// All others.
    pub(super) groups: Vec<u32>,
}

impl Account {
    /// The account of the user with this number. One that no file knows is in `otherwise` alone.
    pub(super) fn of(user: u32, otherwise: u32) -> Self {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        Self::among(user, otherwise, &read(USERS), &read(GROUPS))
    }

    fn among(user: u32, otherwise: u32, users: &str, groups: &str) -> Self {
        let known = users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [name, _, number, group, ..] = fields.as_slice() else { return None };
            let number: u32 = number.parse().ok()?;
            (number == user).then_some((*name, group.parse().ok()?))
        });
        let Some((name, group)) = known else { return Self { user, group: otherwise, groups: Vec::new() } };
        let has_member =
            |line: &&str| line.rsplit(':').next().is_some_and(|all| all.split(',').any(|one| one == name));
        let number = |line: &str| line.split(':').nth(2)?.parse().ok();
        Self { user, group, groups: groups.lines().filter(has_member).filter_map(number).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/bash\nbroken\nshunt:x:998:997::/:/usr/sbin/nologin\nodd:x:7:many::/:\n";
    const GROUPS: &str = "dialout:x:20:alice,shunt\nshunt:x:997:bob\nshunted:x:5:shunter\ngpio:x:44:shunt\nlast:x:many:shunt\n";

    #[test]
    fn a_user_is_in_the_groups_that_name_it() {
        let expected = Account { user: 998, group: 997, groups: vec![20, 44] };
        assert_eq!(Account::among(998, 1, USERS, GROUPS), expected);
        assert_eq!(Account::among(0, 1, USERS, GROUPS), Account { user: 0, group: 0, groups: Vec::new() });
        for unknown in [7, 4_242] {
            let expected = Account { user: unknown, group: 1, groups: Vec::new() };
            assert_eq!(Account::among(unknown, 1, USERS, GROUPS), expected);
        }
    }
}

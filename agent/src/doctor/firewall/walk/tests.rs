use super::super::Element;
use super::super::samples::{
    chain, forward, forwarding_only, from, into, is, jump, masquerading, name, out, postrouting, ruleset,
    set, then,
};
use super::*;

const ACCEPT: Expression = Expression::Decide(Verdict::Accept);
const DROP: Expression = Expression::Decide(Verdict::Drop);

fn packet(into: Option<&str>, source: Option<[u8; 4]>) -> Packet {
    Packet {
        into: into.map(|name| (name.to_owned(), None)),
        out_of: ("wan0".to_owned(), 7),
        source: source.map(Ipv4Addr::from),
        v6: false,
    }
}

fn load(what: Load) -> Expression {
    Expression::Load { to: 0, what }
}

fn element(key: Vec<u8>, verdict: Option<Verdict>) -> Element {
    Element { key, verdict }
}

#[test]
fn translation_is_found_by_name_index_prefix_and_in_chains_behind_jumps() {
    let translate = || Expression::Translate;
    let wildcard = vec![load(Load::OutName), is(b"wan".to_vec())];
    let index = |number: u32| vec![load(Load::OutIndex), is(number.to_ne_bytes().to_vec())];
    let not = Expression::Compare { from: 0, equal: false, value: name("docker0") };
    for (rules, expected) in [
        (vec![vec![translate()]], Fate::Yes),
        (vec![], Fate::No),
        (vec![then(out("wan0"), translate())], Fate::Yes),
        (vec![then(out("wan1"), translate())], Fate::No),
        (vec![then(wildcard, translate())], Fate::Yes),
        (vec![then(index(7), translate())], Fate::Yes),
        (vec![then(index(8), translate())], Fate::No),
        (vec![vec![load(Load::OutName), not, translate()]], Fate::Yes),
        (vec![vec![Expression::Unknown, translate()]], Fate::Perhaps),
        (vec![then(out("wan0"), ACCEPT), vec![translate()]], Fate::No),
        (vec![then(out("wan0"), jump("sub")), vec![ACCEPT]], Fate::Yes),
        (vec![then(out("wan1"), jump("sub")), vec![ACCEPT]], Fate::No),
        (vec![then(out("wan0"), jump("nowhere")), vec![translate()]], Fate::Yes),
    ] {
        let family = vec![load(Load::Family), is(vec![2]), Expression::Passing, translate()];
        let rules = ruleset(vec![postrouting(rules.clone()), chain("sub", None, vec![family])]);
        assert_eq!(rules.translates(&packet(None, None)), expected, "{rules:?}");
    }
}

#[test]
fn what_depends_on_the_source_is_told_once_the_source_is_known() {
    let rules = ruleset(vec![postrouting(vec![then(from([192, 168, 1]), Expression::Translate)])]);
    assert_eq!(rules.translates(&packet(None, None)), Fate::Perhaps);
    assert_eq!(rules.translates(&packet(None, Some([192, 168, 1, 9]))), Fate::Yes);
    assert_eq!(rules.translates(&packet(None, Some([198, 19, 255, 254]))), Fate::No);
    let masked = vec![
        load(Load::Network { offset: 12, length: 4 }),
        Expression::Mask { from: 0, to: 0, mask: vec![255, 240, 0, 0], flip: vec![0; 4] },
        is(vec![172, 16, 0, 0]),
        Expression::Translate,
    ];
    let rules = ruleset(vec![postrouting(vec![masked])]);
    assert_eq!(rules.translates(&packet(None, Some([172, 17, 0, 2]))), Fate::Yes);
    assert_eq!(rules.translates(&packet(None, Some([172, 32, 0, 2]))), Fate::No);
}

#[test]
fn sets_and_maps_of_interfaces_are_looked_into() {
    let lookup = |invert, decides| {
        let set = "wans".to_owned();
        vec![load(Load::OutName), Expression::Lookup { from: 0, set, invert, decides }]
    };
    let with = |rule: Vec<Expression>, elements: Vec<Element>| {
        let sub = chain("sub", None, vec![vec![Expression::Translate]]);
        let mut rules = ruleset(vec![postrouting(vec![rule]), sub]);
        rules.sets.extend([set("wans", elements)]);
        rules.translates(&packet(None, None))
    };
    let listed = || vec![element(name("wan0"), None), element(name("wan1"), None)];
    let others = || vec![element(name("wan1"), None)];
    let translate = Expression::Translate;
    assert_eq!(with(then(lookup(false, false), translate.clone()), listed()), Fate::Yes);
    assert_eq!(with(then(lookup(false, false), translate.clone()), others()), Fate::No);
    assert_eq!(with(then(lookup(true, false), translate.clone()), listed()), Fate::No);
    assert_eq!(with(then(lookup(true, false), translate), others()), Fate::Yes);
    let map = |interface: &str| vec![element(name(interface), Some(Verdict::Jump("sub".to_owned())))];
    assert_eq!(with(lookup(false, true), map("wan0")), Fate::Yes);
    assert_eq!(with(lookup(false, true), map("wan1")), Fate::No);
    // A set that is not understood may hold it.
    let rule = then(lookup(false, false), Expression::Translate);
    let mut rules = ruleset(vec![postrouting(vec![rule])]);
    assert_eq!(rules.translates(&packet(None, None)), Fate::Perhaps);
    rules.sets.extend([((1, "t".to_owned(), "wans".to_owned()), None)]);
    assert_eq!(rules.translates(&packet(None, None)), Fate::Perhaps);
}

#[test]
fn a_new_flow_is_dropped_where_only_known_ones_and_the_lan_pass() {
    let state = vec![
        load(Load::State),
        Expression::Mask { from: 0, to: 0, mask: vec![6, 0, 0, 0], flip: vec![0; 4] },
        Expression::Compare { from: 0, equal: false, value: vec![0; 4] },
        ACCEPT,
    ];
    let rules = ruleset(vec![forward(true, vec![state, then(into("lan0"), ACCEPT)])]);
    let dropped = Some("inet t forward".to_owned());
    assert_eq!(rules.drops(&packet(Some("lan0"), None)), (Fate::No, None));
    assert_eq!(rules.drops(&packet(Some("shunt0"), None)), (Fate::Yes, dropped.clone()));
    assert_eq!(rules.drops(&packet(None, None)), (Fate::Perhaps, dropped));
    assert_eq!(forwarding_only("lan0").drops(&packet(Some("lan0"), None)).0, Fate::No);
    assert_eq!(masquerading(&["wan0"]).drops(&packet(None, None)).0, Fate::No);
    let rejecting = ruleset(vec![forward(false, vec![then(out("wan0"), DROP)])]);
    assert_eq!(rejecting.drops(&packet(None, None)).0, Fate::Yes);
}

#[test]
fn a_return_leads_on_behind_the_jump_and_a_goto_does_not() {
    let back = || chain("back", None, vec![vec![Expression::Decide(Verdict::Return)], vec![DROP]]);
    let goto = Expression::Decide(Verdict::Goto("back".to_owned()));
    let jumping = ruleset(vec![forward(true, vec![vec![jump("back")], vec![ACCEPT]]), back()]);
    assert_eq!(jumping.drops(&packet(None, None)).0, Fate::No);
    let going = ruleset(vec![forward(true, vec![vec![goto], vec![ACCEPT]]), back()]);
    assert_eq!(going.drops(&packet(None, None)).0, Fate::Yes);
}

#[test]
fn each_family_has_chains_of_its_own_beside_those_of_both() {
    let dropping = |family| {
        let chain = super::super::Chain { family, ..forward(true, Vec::new()) };
        let rules = ruleset(vec![chain]);
        [false, true].map(|v6| rules.drops(&Packet { v6, ..packet(None, None) }))
    };
    let by = |chain: &str| (Fate::Yes, Some(chain.to_owned()));
    assert_eq!(dropping(1), [by("inet t forward"), by("inet t forward")]);
    assert_eq!(dropping(2), [by("ip t forward"), (Fate::No, None)]);
    assert_eq!(dropping(10), [(Fate::No, None), by("ip6 t forward")]);
}

#[test]
fn chains_that_lead_to_each_other_end_the_walk() {
    let turns = |to: &str| vec![vec![Expression::Unknown, jump(to)], vec![Expression::Unknown, jump(to)]];
    let rules = ruleset(vec![
        forward(false, turns("one")),
        chain("one", None, turns("two")),
        chain("two", None, turns("one")),
    ]);
    assert_eq!(rules.drops(&packet(None, None)).0, Fate::Perhaps);
}

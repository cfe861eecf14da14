//! Messages that others published, read and written to the octet.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are part of the test")]

use shunt_sms::pdu::{
    Class, Concatenation, Deliver, Delivery, Draft, Incoming, Reference, StatusReport, Submit, Validity,
};
use shunt_sms::{Address, Content, Kind, PduError};
use std::time::Duration;

fn deliver(hex: &str) -> Deliver {
    match Incoming::from_hex(hex).unwrap() {
        Incoming::Deliver(deliver) => deliver,
        other => panic!("{other:?}"),
    }
}

fn submit(hex: &str) -> Submit {
    match Incoming::from_hex(hex).unwrap() {
        Incoming::Submit(submit) => submit,
        other => panic!("{other:?}"),
    }
}

fn report(hex: &str) -> StatusReport {
    match Incoming::from_hex(hex).unwrap() {
        Incoming::Report(report) => report,
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

/// Service centre, sender, time and text.
const RECEIVED: [(&str, [&str; 4]); 9] = [
    // ModemManager, src/tests/test-sms.c: extended characters, a name and UCS-2, a time without a zone, a national
    // number, another class.
    (
        "07912104442961F4040B916171957291F80000112082110505\
         0A6AC8B2BC7C9A83C220F6DB7D2ECB41EDF27C1E3E97411BDE06754FD3D1A0F9BB5D0695F1F4B29B5C2683C6E8B03C3CA697E5F34D6AE3\
         03D1D1F2F7DD0D4ABB59A0797D8C0685E7A00028EC26832A960B28EC2683BE6050780EBA97D96C17",
        [
            "+12404492164",
            "+16175927198",
            "2011-02-28T11:50:50-05:00",
            "Here's a longer message [{with some extended characters}] thrown in, such as £ and ΩΠΨ and §¿ as well.",
        ],
    ),
    (
        "07919730071111F10414D04937BD2C7797E9D3E614000811309291024061080442043504410442",
        ["+79037011111", "InternetSMS", "2011-03-29T19:20:04+04:00", "тест"],
    ),
    (
        "07912143658709F1040B918100551512F20000111010214365000AE8329BFD4697D9EC37",
        ["+12345678901", "+18005551212", "2011-01-01T12:34:56+00:00", "hellohello"],
    ),
    (
        "07912143658709F1040B818100551512F20000111010214365000AE8329BFD4697D9EC37",
        ["+12345678901", "18005551212", "2011-01-01T12:34:56+00:00", "hellohello"],
    ),
    (
        "07913306091093F004048581 0000F111604231805180A049B7F90D9A1AA5A0166 8F8769BD3E4B29B9E2EB359A03FC85D06A9C3ED707A0E\
         A2CBC3EE79BB4CA7CBCBA05643617DA7C76990FD4D979741EE77DD5E0ED741ED371D442E83E0E1F9BC0CD281E677D9B84C06C1DF7539E8\
         5C9097E520FB9B2E2F83C6EF369C5E064D8D52D0BC2E07DDEF77D7DC2C7799E5A0771D040FCB41F402BB0047BFDD6550B80ECAD966",
        [
            "+33609001390",
            "1800",
            "2011-06-24T13:08:15+02:00",
            "Info SFR - Confidentiel, à ne jamais transmettre -\r\nVoici votre nouveau mot de passe : sw2ced pour gérer \
             votre compte SFR sur www.sfr.fr ou par téléphone au 963",
        ],
    ),
    // The first part of a long message from KPN, also there.
    (
        "07911356131313F64004850120390011609232239180A006080400100201D7327BFD6EB340E2321BF46E83EA7790F59D1E97DBE1341B44\
         2F83C465763D3DA797E56537C81D0ECB41AB59CC1693C16031D96C064241E5656838AF03A96230982A269BCD462917C8FA4E8FCBED709A\
         0D7ABBE9F6B0FB5C7683D27350984D4FABC9A0B33C4C4FCF5D20EBFB2D079DCB62793DBD06D9C36E50FB2D4E97D9A0B49B5E96BBCB",
        [
            "+31653131316",
            "1002",
            "2011-06-29T23:32:19+02:00",
            "Welkom, bel om uw Voicemail te beluisteren naar +31612001233 (PrePay: *100*1233#). Voicemail ontvangen is \
             altijd gratis. Voor gebruik van mobiel interne",
        ],
    ),
    // python-gsmmodem, test/test_pdu.py.
    (
        "07915892000000F0040B915892214365F700007040213252242331493A283D0795C3F33C88FE06C9CB6132885EC6D341EDF27C1E3E97E7\
         207B3A0C0A5241E377BB1D7693E72E",
        [
            "+85290000000",
            "+85291234567",
            "2007-04-12T23:25:42+08:00",
            "It is easy to read text messages via AT commands.",
        ],
    ),
    (
        "06917228195339040B917228214365F70000313062315352800A800D8A5E98D337A910",
        ["+2782913593", "+27821234567", "2013-03-26T13:35:25+02:00", "@{tést}!"],
    ),
    // "SMS messages and the PDU format" (dreamfabric.com), the example that is quoted everywhere. Its
    // zone is zero quarters behind.
    (
        "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
        ["+31624000000", "+31641600986", "2002-08-26T19:37:41+00:00", "How are you?"],
    ),
];

#[test]
fn received_messages_are_read() {
    for (hex, [centre, sender, time, wanted]) in RECEIVED {
        let deliver = deliver(&hex.replace(' ', ""));
        assert_eq!(deliver.service_centre.unwrap().to_string(), centre);
        assert_eq!(deliver.sender.to_string(), sender);
        assert_eq!(deliver.sent.unwrap().to_string(), time);
        let (content, flaws) = deliver.body.read();
        assert_eq!(content, text(wanted));
        assert!(!flaws.cut_short && !flaws.unreadable, "{wanted}");
    }
}

#[test]
fn what_else_a_message_says_is_read() {
    // python-gsmmodem: a part of a long message, to a local number.
    let part = deliver(
        "0591721891F1400781721881F800003160526104848059050003C30101916536FB1DCABEEB2074D85E064941B19CAB060319A5C522289C\
         96D3D3ED32286C0FA7D96131BBEC024941B19CAB0603DDD36C36A88C87A7E565D0DB0D82C55EB0DB4B068BCD5C20",
    );
    assert_eq!(part.part, Some(Concatenation { reference: 0xc3, wide: false, of: 1, number: 1 }));
    assert_eq!((part.sender.kind(), part.sender.text()), (Kind::Unknown, "2781188"));
    let wanted = "Hello!You have R 19.50 FREE airtime available. R 19.50 will expire on 01/07/2013. ";
    assert_eq!(part.body.read().0, text(wanted));
    // ModemManager: octets that are no text, by either group of codings; and a protocol that is not zero.
    for coding in ["04", "F4"] {
        let hex = format!("07912143658709F1040B918100551512F200{coding}111010214365000AE8329BFD4697D9EC37DE");
        let data = deliver(&hex);
        assert_eq!(data.class, (coding == "F4").then_some(Class::Flash));
        let octets = vec![0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37, 0xde];
        assert_eq!(data.body.read().0, Content::Data(octets));
    }
    let odd = deliver("07912143658709F1040B918100551512F2FF00111010214365000AE8329BFD4697D9EC37");
    assert_eq!((odd.protocol, odd.body.read().0), (0xff, text("hellohello")));
}

#[test]
fn a_text_that_ends_early_is_read_as_far_as_it_goes_and_told() {
    // ModemManager refuses this one, python-gsmmodem reads the next.
    let short = deliver("07912143658709F1040B918100551512F20000111010214365000BE8329BFD4697D9EC37");
    let (content, flaws) = short.body.read();
    assert_eq!((content, flaws.cut_short), (text("hellohello"), true));
    let long = submit("0041010C910661345542F60008A0050003000301306F3044");
    let (content, flaws) = long.body().read();
    assert_eq!((content, flaws.cut_short), (text("はい"), true));
    // What lies before the text must be there.
    let whole = "07912143658709F1040B918100551512F20000111010214365";
    for end in (0..=whole.len()).step_by(2) {
        assert!(matches!(Incoming::from_hex(&whole[..end]), Err(PduError::Short { .. })), "{end}");
    }
    for hex in ["0", "0G", "zz", "é"] {
        assert_eq!(Incoming::from_hex(hex), Err(PduError::NotHex));
    }
}

#[test]
fn reports_are_read() {
    // python-gsmmodem; the second one came from a modem that put an octet too many.
    let done = report("0006D60B911326880736F4111011719551401110117195714000");
    assert_eq!((done.reference, done.recipient.to_string().as_str()), (214, "+31628870634"));
    assert_eq!(done.delivery, Delivery::Done(0));
    assert_eq!(done.settled.unwrap().to_string(), "2011-01-11T17:59:17+01:00");
    let odd = report("0297F1061C0F910B487228297020F5317062419272803170624192138000");
    assert_eq!((odd.reference, odd.delivery), (28, Delivery::Done(0)));
    assert_eq!(odd.sent.unwrap().to_string(), "2013-07-26T14:29:27+02:00");
    for (status, delivery) in [
        ("1F", Delivery::Done(0x1f)),
        ("20", Delivery::Trying(0x20)),
        ("46", Delivery::Failed(0x46)),
        ("60", Delivery::GivenUp(0x60)),
        ("80", Delivery::Unknown(0x80)),
    ] {
        let hex = format!("0006D60B911326880736F41110117195514011101171957140{status}");
        assert_eq!(report(&hex).delivery, delivery);
    }
}

#[test]
fn sent_messages_are_written_as_others_write_them() {
    // python-gsmmodem; its second message names a service centre (its first octets), ours leaves it to the SIM.
    let draft = |recipient: &str, text: &str, validity: Option<u64>| Draft {
        recipient: Address::recipient(recipient).unwrap(),
        text: text.to_owned(),
        report: false,
        validity: validity.map(|days| Validity::at_least(Duration::from_secs(days * 86_400))),
    };
    for (draft, hex) in [
        (draft("+27820001111", "Hello World!", None), "0001000B917228001011F100000CC8329BFD065DDF72363904"),
        (draft("+123456789", "世界您好！", Some(52 * 7)), "001100099121436587F90008F40A4E16754C60A8597DFF01"),
    ] {
        let parts = draft.parts(Reference::Narrow(0)).unwrap();
        let [only] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((only.to_hex().as_str(), only.length() * 2), (hex, hex.len() - 2));
        assert_eq!(submit(hex), *only);
    }
    let asking = Draft { report: true, ..draft("12345", "", None) };
    assert_eq!(
        asking.parts(Reference::Narrow(0)).unwrap()[0].to_hex(),
        "002100058121 43F500 0000".replace(' ', "")
    );
}

#[test]
fn a_long_message_is_written_as_others_write_it() {
    // python-gsmmodem, with the bit that refuses duplicates taken out of its first octet (45 for 41).
    let text = "Lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do eiusmod tempor incididunt ut labore et \
        dolore magna aliqua.Ut enim ad minim veniam, quinostrud exercitation ullamco laboris nisi ut aliquip ex ea \
        commodo consequat.Duis aute irure dolor in reprehenderit in voluptate velit esse cillum doloe eu fugiat nulla \
        pariatur.Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est \
        laborum";
    let recipient = Address::recipient("+15125551234").unwrap();
    let draft = Draft { recipient, text: text.to_owned(), report: false, validity: None };
    let parts = draft.parts(Reference::Narrow(0)).unwrap();
    let wanted = [
        "0041000B915121551532F40000A0050003000301986F79B90D4AC3E7F53688FC66BFE5A0799A0E0AB7CB741668FC76CFCB637A995E9783\
         C2E4343C3D4F8FD3EE33A8CC4ED359A079990C22BF41E5747DDE7E9341F4721BFE9683D2EE719A9C26D7DD74509D0E6287C56F791954A6\
         83C86FF65B5E06B5C36777181466A7E3F5B0AB4A0795DDE936284C06B5D3EE741B642FBBD3E1360B14AFA7DD",
        "0041000B915121551532F40000A0050003000302DE73BABC4E0695F165F9384D0FD3D36F37A8CE6687DBE337881D16BFE5E939C89D9EA7\
         41753A28CC4EC7EB6938A88C0795C3A0F1BBDD7E93DFA0F1DB3D2FC7EB61BA8B584FCF41E13ABD0C4ACBEBF23288FC66BFE5A0B41B242F\
         C3E56574D94D2ECBD37450DA0DB2BFD975383D4C2F83EC65769A0E2ACFE765D038CD66D7DB20F29BFD2E83CA",
        "0041000B915121551532F400008C050003000303EA2073FD9C0ED341EE3A9B1D06C1C3F274985E97BB8AF871194E2FD7E5A079DA4D07BD\
         C7E370791CA683C675789A1CA687E920F7DB0D82CBDF6972D94D6781E675371D947683C675363C0C8AD7D3A0B7D99C1EA7C32072795E96\
         D7DD7450FBCD66A7E9A0B03BDD06A5C9A0F29C0E6287C56F79BD0D",
    ];
    assert_eq!(parts.iter().map(Submit::to_hex).collect::<Vec<_>>(), wanted);
}

#[test]
fn stored_messages_of_others_are_read() {
    // python-gsmmodem: validity in steps and as a time, UCS-2, octets.
    let days = submit("07911326040000F0310D0B911326880736F40000A90FF7FBDD454E87CDE1B0DB357EB701");
    assert_eq!(days.validity().unwrap().duration(), Duration::from_secs(3 * 86_400));
    assert!(days.report());
    assert_eq!(
        (days.recipient().to_string().as_str(), days.body().read().0),
        ("+31628870634", text("www.diafaan.com"))
    );
    let until =
        submit("0019000B917228001011F100003170013193008017D474BB3CA787DB70903DCC4E93D3F43C885E9ED301");
    assert_eq!((until.validity(), until.body().read().0), (None, text("Timestamp validity test")));
    let ucs2 = submit("07914346466554F601000B914316565811F9000806304253F68449");
    assert_eq!(ucs2.body().read().0, text("あ叶葉"));
    let octets = submit("0591721891F101000B917228214365F700040C48656C6C6F20776F726C6421");
    assert_eq!(octets.body().read().0, Content::Data(b"Hello world!".to_vec()));
}

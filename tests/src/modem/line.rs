//! A command line and the commands on it (V.250, 5.2): basic ones need nothing between them, extended ones a semicolon.

/// One command of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// In capitals, without `AT`: `+CREG`, `E`, `&F`, `S0`, `D`.
    pub(super) name: String,
    pub(super) form: Form,
}

/// How a command is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// `AT+CSQ`
    Run,
    /// `AT+CREG?`
    Read,
    /// `AT+CREG=?`
    Test,
    /// `AT+CREG=2`; for basic commands the number behind them, for `D` what is dialled.
    Set(Vec<String>),
}

impl Call {
    /// The argument at `index`, empty where it was left out.
    pub(super) fn text(&self, index: usize) -> &str {
        match &self.form {
            Form::Set(arguments) => arguments.get(index).map_or("", String::as_str),
            Form::Run | Form::Read | Form::Test => "",
        }
    }

    /// The argument at `index` as a number.
    pub(super) fn number(&self, index: usize) -> Option<u32> {
        self.text(index).parse().ok()
    }
}

/// The commands of `line`, which is what followed `AT`; `None` where it is none.
pub(super) fn calls(line: &str) -> Option<Vec<Call>> {
    let mut rest = line.trim();
    let mut calls = Vec::new();
    while let Some(first) = rest.chars().next() {
        if first == ';' || first == ' ' {
            rest = rest.get(1..)?;
            continue;
        }
        let (call, after) = if first.is_ascii_alphabetic() || first == '&' {
            basic(rest)?
        } else if "+^$*!#%".contains(first) {
            let end = unquoted(rest, ';').unwrap_or(rest.len());
            (extended(rest.get(..end)?), rest.get(end..)?)
        } else {
            return None;
        };
        calls.push(call);
        rest = after;
    }
    Some(calls)
}

fn basic(text: &str) -> Option<(Call, &str)> {
    let letters = if text.starts_with('&') { 2 } else { 1 };
    let name = text.get(..letters)?.to_ascii_uppercase();
    let rest = text.get(letters..)?;
    if name == "D" {
        let end = unquoted(rest, ';').map_or(rest.len(), |at| at + 1);
        let call = Call { name, form: Form::Set(vec![rest.get(..end)?.trim().to_owned()]) };
        return Some((call, rest.get(end..)?));
    }
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, mut rest) = rest.split_at_checked(digits)?;
    if name != "S" {
        let form = if number.is_empty() { Form::Run } else { Form::Set(vec![number.to_owned()]) };
        return Some((Call { name, form }, rest));
    }
    let mut form = Form::Run;
    if let Some(value) = rest.strip_prefix('=') {
        let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        form = Form::Set(vec![value.get(..digits)?.to_owned()]);
        rest = value.get(digits..)?;
    } else if let Some(after) = rest.strip_prefix('?') {
        form = Form::Read;
        rest = after;
    }
    Some((Call { name: format!("S{number}"), form }, rest))
}

fn extended(text: &str) -> Call {
    let (name, form) = match text.split_once('=') {
        Some((name, "?")) => (name, Form::Test),
        Some((name, arguments)) => (name, Form::Set(arguments_of(arguments))),
        None => match text.strip_suffix('?') {
            Some(name) => (name, Form::Read),
            None => (text, Form::Run),
        },
    };
    Call { name: name.trim().to_ascii_uppercase(), form }
}

/// What stands between commas, without the quotes.
fn arguments_of(mut text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    while let Some(end) = unquoted(text, ',') {
        let (argument, rest) = text.split_at(end);
        arguments.push(bare(argument));
        text = rest.get(1..).unwrap_or_default();
    }
    arguments.push(bare(text));
    arguments
}

fn bare(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned()
}

/// Where `wanted` stands first outside quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, arguments: &[&str]) -> Call {
        Call { name: name.into(), form: Form::Set(arguments.iter().map(|text| (*text).to_owned()).collect()) }
    }

    fn call(name: &str, form: Form) -> Call {
        Call { name: name.into(), form }
    }

    #[test]
    fn a_line_is_cut_into_its_commands() {
        assert_eq!(calls(""), Some(vec![]));
        assert_eq!(
            calls("Z E0 V1&c1s0=0"),
            Some(vec![
                call("Z", Form::Run),
                set("E", &["0"]),
                set("V", &["1"]),
                set("&C", &["1"]),
                set("S0", &["0"])
            ])
        );
        assert_eq!(
            calls("+cops=3,2;+COPS?"),
            Some(vec![set("+COPS", &["3", "2"]), call("+COPS", Form::Read)])
        );
        assert_eq!(calls("+CREG=?"), Some(vec![call("+CREG", Form::Test)]));
        assert_eq!(
            calls("+CGDCONT=1,\"IP\",\"a;b,c\",,0"),
            Some(vec![set("+CGDCONT", &["1", "IP", "a;b,c", "", "0"])])
        );
        assert_eq!(calls("D*99***1#"), Some(vec![set("D", &["*99***1#"])]));
        assert_eq!(calls("E0+CSQ"), Some(vec![set("E", &["0"]), call("+CSQ", Form::Run)]));
        assert_eq!(calls("?"), None);
    }
}

//! What modifiers make of a text: parts, dashes, encodings, in the order in which they are written.

use super::base64;
use super::pattern::{Tok, literal, tokens, windash};

/// A modifier that changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Contains,
    Starts,
    Ends,
    Windash,
    Base64,
    Base64Offset,
    Wide,
    Utf16Be,
    Utf16,
}

impl Step {
    /// Whether it says only where in a field the value stands.
    pub fn is_affix(self) -> bool {
        matches!(self, Self::Contains | Self::Starts | Self::Ends)
    }
}

/// Most alternatives that modifiers may make of one value.
const FORMS_LIMIT: usize = 1_000;
/// Longest text that they may make of one, all alternatives together, in bytes.
const LENGTH_LIMIT: usize = 1 << 20;

/// The patterns, each as tokens, that a rule's text stands for after some modifiers.
pub(super) fn patterns(text: &str, steps: &[Step]) -> Result<Vec<Vec<Tok>>, String> {
    let mut forms = vec![Form::Toks(tokens(text))];
    for step in steps {
        let mut next = Vec::new();
        for form in forms {
            next.extend(form.after(*step)?);
        }
        if next.len() > FORMS_LIMIT || next.iter().map(Form::len).sum::<usize>() > LENGTH_LIMIT {
            return Err(format!(
                "modifiers make more than {FORMS_LIMIT} values of one, or values of over {LENGTH_LIMIT} bytes"
            ));
        }
        forms = next;
    }
    forms.into_iter().map(Form::toks).collect()
}

/// What a value has become on its way through the modifiers.
#[derive(Debug)]
enum Form {
    Toks(Vec<Tok>),
    Bytes(Vec<u8>),
}

impl Form {
    /// What one modifier makes of it.
    fn after(self, step: Step) -> Result<Vec<Self>, String> {
        Ok(match step {
            Step::Contains | Step::Starts | Step::Ends => {
                let mut toks = self.toks()?;
                affix(&mut toks, step);
                vec![Self::Toks(toks)]
            }
            Step::Windash => {
                let mut toks = self.toks()?;
                windash(&mut toks);
                vec![Self::Toks(toks)]
            }
            Step::Wide | Step::Utf16Be | Step::Utf16 => {
                let text = String::from_utf8(self.bytes()?).map_err(|_| NO_TEXT.to_owned())?;
                vec![Self::Bytes(utf16(&text, step))]
            }
            Step::Base64 => vec![Self::Toks(literal(&base64::encode(&self.bytes()?)))],
            Step::Base64Offset => {
                base64::offsets(&self.bytes()?).iter().map(|shift| Self::Toks(literal(shift))).collect()
            }
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Toks(toks) => toks.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    fn toks(self) -> Result<Vec<Tok>, String> {
        match self {
            Self::Toks(toks) => Ok(toks),
            Self::Bytes(bytes) => String::from_utf8(bytes).map(|text| literal(&text)).map_err(|_| NO_TEXT.to_owned()),
        }
    }

    /// The bytes of a value without wildcards.
    fn bytes(self) -> Result<Vec<u8>, String> {
        let toks = match self {
            Self::Bytes(bytes) => return Ok(bytes),
            Self::Toks(toks) => toks,
        };
        let text: Result<String, String> = toks
            .iter()
            .map(|tok| match tok {
                Tok::Char(c) => Ok(*c),
                _ => Err("a wildcard or dash alternative cannot be encoded".to_owned()),
            })
            .collect();
        Ok(text?.into_bytes())
    }
}

const NO_TEXT: &str = "what UTF-16 makes of the value is no text; base64 or base64offset must follow it";

fn affix(form: &mut Vec<Tok>, step: Step) {
    if step != Step::Starts && form.first() != Some(&Tok::Star) {
        form.insert(0, Tok::Star);
    }
    if step != Step::Ends && form.last() != Some(&Tok::Star) {
        form.push(Tok::Star);
    }
}

fn utf16(text: &str, step: Step) -> Vec<u8> {
    let mut out = if step == Step::Utf16 { vec![0xFF, 0xFE] } else { Vec::new() };
    for unit in text.encode_utf16() {
        out.extend(if step == Step::Utf16Be { unit.to_be_bytes() } else { unit.to_le_bytes() });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_modifiers_make_is_bounded() {
        assert_eq!(patterns("ab", &[Step::Wide, Step::Base64]).unwrap(), [literal("YQBiAA==")]);
        assert_eq!(patterns("a", &[Step::Base64Offset; 3]).unwrap().len(), 27);
        assert!(patterns("a", &[Step::Base64Offset; 9]).is_err() && patterns("a", &[Step::Base64; 60]).is_err());
        let long = "a".repeat(30_000);
        assert!(
            patterns(&long, &[Step::Base64Offset; 2]).is_ok() && patterns(&long, &[Step::Base64Offset; 3]).is_err()
        );
        assert!(patterns("é", &[Step::Utf16]).is_err(), "no text, and nothing encodes it");
    }
}

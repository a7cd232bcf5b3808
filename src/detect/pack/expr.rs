//! Conditions of rules as bytes.

use std::sync::Arc;

use super::super::anchor::Anchored;
use super::super::document::SIZE_LIMIT;
use super::super::item::{Expr, Order, Part, Test, Unit};
use super::super::pattern::{Pattern, Piece, Tok};
use super::super::regexp::Regexp;
use super::super::words::Words;
use super::bytes::{Read, Reader, Writer};

const ORDERS: [Order; 5] = [Order::Eq, Order::Lt, Order::Lte, Order::Gt, Order::Gte];
const PARTS: [Part; 4] = [Part::Whole, Part::Contains, Part::Starts, Part::Ends];
const UNITS: [Unit; 6] = [Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year];
/// Deepest nesting that is read, through shared parts too; what rules can nest is less.
const DEPTH_LIMIT: u32 = 512;
/// Most nodes of one condition with those of its shared parts, each time that they are named; what rules can have, with
/// filters and mappings, is less.
const NODES_LIMIT: usize = 4 * SIZE_LIMIT;

/// Parts of conditions that several rules have, each once.
#[derive(Default)]
pub(super) struct Shared(pub Vec<Arc<Expr>>);

impl Shared {
    /// Finds those of a condition.
    pub fn gather(&mut self, expr: &Expr) {
        match expr {
            Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|part| self.gather(part)),
            Expr::Not(inner) => self.gather(inner),
            Expr::Shared(inner) if !self.0.iter().any(|known| Arc::ptr_eq(known, inner)) => {
                self.gather(inner);
                self.0.push(Arc::clone(inner));
            }
            Expr::Shared(_) | Expr::Field(..) | Expr::Keyword(_) => {}
        }
    }

    fn number(&self, inner: &Arc<Expr>) -> u64 {
        self.0.iter().position(|known| Arc::ptr_eq(known, inner)).unwrap_or(self.0.len()) as u64
    }

    pub fn write(&self, expr: &Expr, out: &mut Writer) {
        match expr {
            Expr::All(parts) => {
                out.byte(0);
                out.list(parts, |out, part| self.write(part, out));
            }
            Expr::Any(parts) => {
                out.byte(1);
                out.list(parts, |out, part| self.write(part, out));
            }
            Expr::Not(inner) => {
                out.byte(2);
                self.write(inner, out);
            }
            Expr::Shared(inner) => {
                out.byte(3);
                out.number(self.number(inner));
            }
            Expr::Field(name, test) => {
                out.byte(4);
                out.number(u64::from(*name));
                write_test(test, out);
            }
            Expr::Keyword(test) => {
                out.byte(5);
                write_test(test, out);
            }
        }
    }
}

/// Reads conditions; `names` gives the numbers of fields here by those in the pack.
pub(super) struct Conditions<'n> {
    names: &'n [u32],
    shared: Vec<(Arc<Expr>, Extent)>,
}

/// How far a condition reaches with its shared parts written out.
#[derive(Debug, Default, Clone, Copy)]
struct Extent {
    /// The deepest level; the first node is of level 0.
    depth: u32,
    nodes: usize,
}

impl Extent {
    /// Takes in what lies at a level, itself and all below.
    fn add(&mut self, level: u32, part: Self, from: &Reader<'_>) -> Read<()> {
        self.depth = self.depth.max(level.saturating_add(part.depth));
        self.nodes = self.nodes.saturating_add(part.nodes);
        match () {
            () if self.depth > DEPTH_LIMIT => Err(from.fault("nested too deep")),
            () if self.nodes > NODES_LIMIT => Err(from.fault("a condition that grows too large")),
            () => Ok(()),
        }
    }
}

impl<'n> Conditions<'n> {
    pub fn new(names: &'n [u32]) -> Self {
        Self { names, shared: Vec::new() }
    }

    /// Reads a part that conditions after it may name.
    pub fn share(&mut self, from: &mut Reader<'_>) -> Read<()> {
        let mut extent = Extent::default();
        let expr = self.node(from, 0, &mut extent)?;
        self.shared.push((expr.into(), extent));
        Ok(())
    }

    /// Reads the condition of a rule.
    pub fn read(&self, from: &mut Reader<'_>) -> Read<Expr> {
        self.node(from, 0, &mut Extent::default())
    }

    fn node(&self, from: &mut Reader<'_>, level: u32, extent: &mut Extent) -> Read<Expr> {
        extent.add(level, Extent { depth: 0, nodes: 1 }, from)?;
        Ok(match from.byte()? {
            0 => Expr::All(from.list(|from| self.node(from, level + 1, extent))?),
            1 => Expr::Any(from.list(|from| self.node(from, level + 1, extent))?),
            2 => Expr::Not(Box::new(self.node(from, level + 1, extent)?)),
            3 => {
                let at = from.number()? as usize;
                let (part, below) = self.shared.get(at).ok_or_else(|| from.fault("a part that is not there"))?;
                extent.add(level + 1, *below, from)?;
                Expr::Shared(Arc::clone(part))
            }
            4 => Expr::Field(self.name(from)?, self.test(from)?),
            5 => Expr::Keyword(self.test(from)?),
            _ => return Err(from.fault("a condition of no known kind")),
        })
    }

    fn name(&self, from: &mut Reader<'_>) -> Read<u32> {
        let at = from.number()? as usize;
        self.names.get(at).copied().ok_or_else(|| from.fault("a field that is not there"))
    }

    fn test(&self, from: &mut Reader<'_>) -> Read<Test> {
        Ok(match from.byte()? {
            0 => Test::Text(pattern(from)?),
            1 => {
                let (cased, patterns) = (from.flag()?, from.list(pattern)?);
                let words = Words::new(patterns, cased).ok_or_else(|| from.fault("words that are none"))?;
                Test::Words(Box::new(words))
            }
            2 => {
                let (text, flags) = (from.str()?, [from.flag()?, from.flag()?, from.flag()?]);
                let regex = Regexp::unread(text, flags);
                Test::Regex(Box::new(regex.ok_or_else(|| from.fault("a regular expression that is none"))?))
            }
            3 => Test::Cidr(from.str()?.parse().map_err(|_| from.fault("no network"))?),
            4 => Test::Number(from.one_of(&ORDERS)?, f64::from_bits(from.number()?)),
            5 => Test::Null,
            6 => Test::Exists(from.flag()?),
            7 => Test::SameAs { field: self.name(from)?, part: from.one_of(&PARTS)?, cased: from.flag()? },
            8 => Test::Time(from.one_of(&UNITS)?, from.one_of(&ORDERS)?, from.number()? as i64),
            9 => {
                let anchored = Anchored::new(from.list(pattern)?);
                Test::Anchored(Box::new(anchored.ok_or_else(|| from.fault("texts that are bound to no end"))?))
            }
            _ => return Err(from.fault("a test of no known kind")),
        })
    }
}

fn place<T: PartialEq>(all: &[T], of: &T) -> u8 {
    all.iter().position(|known| known == of).unwrap_or(all.len()) as u8
}

fn write_test(test: &Test, out: &mut Writer) {
    match test {
        Test::Text(pattern) => {
            out.byte(0);
            write_pattern(pattern, out);
        }
        Test::Words(words) => {
            out.byte(1);
            out.flag(words.is_cased());
            out.list(words.patterns(), |out, pattern| write_pattern(pattern, out));
        }
        Test::Anchored(texts) => {
            out.byte(9);
            out.list(texts.patterns(), |out, pattern| write_pattern(pattern, out));
        }
        Test::Regex(regex) => {
            out.byte(2);
            out.text(regex.as_str());
            regex.flags().into_iter().for_each(|flag| out.flag(flag));
        }
        Test::Cidr(network) => {
            out.byte(3);
            out.text(&network.to_string());
        }
        Test::Number(order, bound) => {
            out.byte(4);
            out.byte(place(&ORDERS, order));
            out.number(bound.to_bits());
        }
        Test::Null => out.byte(5),
        Test::Exists(wanted) => {
            out.byte(6);
            out.flag(*wanted);
        }
        Test::SameAs { field, part, cased } => {
            out.byte(7);
            out.number(u64::from(*field));
            out.byte(place(&PARTS, part));
            out.flag(*cased);
        }
        Test::Time(unit, order, bound) => {
            out.byte(8);
            out.byte(place(&UNITS, unit));
            out.byte(place(&ORDERS, order));
            out.number(*bound as u64);
        }
    }
}

fn write_pattern(pattern: &Pattern, out: &mut Writer) {
    let Pattern { pieces, open_start, open_end, cased, .. } = pattern;
    out.byte(u8::from(*open_start) | u8::from(*open_end) << 1 | u8::from(*cased) << 2);
    out.list(pieces, |out, piece| match piece {
        Piece::Bytes(bytes, _) => {
            out.byte(0);
            out.bytes(bytes);
        }
        Piece::Steps(toks, _) => {
            out.byte(1);
            out.list(toks, |out, tok| match tok {
                Tok::One => out.number(0),
                Tok::Star => out.number(1),
                Tok::Dash => out.number(2),
                Tok::Char(c) => out.number(3 + u64::from(u32::from(*c))),
            });
        }
    });
}

fn pattern(from: &mut Reader<'_>) -> Read<Pattern> {
    let bits = from.byte()?;
    if bits > 7 {
        return Err(from.fault("a pattern of no known kind"));
    }
    let pieces = from.list(|from| {
        Ok(match from.byte()? {
            0 => Piece::of_bytes(some(from.bytes()?, from)?.into()),
            1 => {
                let toks = from.list(tok)?;
                some(&toks, from)?;
                Piece::of_steps(toks.into())
            }
            _ => return Err(from.fault("a piece of no known kind")),
        })
    })?;
    Ok(Pattern::of_pieces(pieces, (bits & 1 != 0, bits & 2 != 0), bits & 4 != 0))
}

/// A piece is never empty.
fn some<'t, T>(items: &'t [T], from: &Reader<'_>) -> Read<&'t [T]> {
    if items.is_empty() { Err(from.fault("an empty piece")) } else { Ok(items) }
}

fn tok(from: &mut Reader<'_>) -> Read<Tok> {
    Ok(match from.small()? {
        0 => Tok::One,
        1 => Tok::Star,
        2 => Tok::Dash,
        code => Tok::Char(char::from_u32(code - 3).ok_or_else(|| from.fault("no character"))?),
    })
}

//! What the footer and the heads of pages say.
//!
//! SOURCE: parquet-format, src/main/thrift/parquet.thrift. Numbers are those of its fields.

use super::schema::COLUMNS;
use super::thrift::{BINARY, FALSE, LIST, STRUCT, TRUE, Thrift};

/// Most elements of a schema: columns and the groups that they are in.
const ELEMENTS: usize = 4 * COLUMNS;

/// An element of the schema, in the order of a walk from its root.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    /// The physical type; `None` for a group.
    pub kind: Option<i64>,
    /// Bytes of a value of fixed length.
    pub length: i64,
    pub repetition: i64,
    pub name: String,
    pub children: i64,
    /// What the values stand for, as files wrote it before 2017.
    pub converted: Option<i64>,
    pub scale: i64,
    pub logical: Option<Logical>,
}

/// What the values stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    Map,
    List,
    Text,
    Decimal(i64),
    Date,
    Time(Unit, Adjusted),
    Timestamp(Unit, Adjusted),
    Signed,
    Unsigned,
    Json,
    Uuid,
    Half,
    Interval,
}

/// Whether a time is UTC or of a clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adjusted {
    Utc,
    Local,
}

/// The digits of a second that a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// The footer, of which row groups are read one by one.
#[derive(Debug, Default)]
pub(super) struct Footer {
    pub schema: Vec<Element>,
    /// Where the list of row groups begins in the footer, and how many it claims.
    pub groups_at: Option<(usize, u64)>,
}

/// A row group: its rows and what it holds of each column.
#[derive(Debug, Default)]
pub(super) struct RowGroup {
    pub rows: u64,
    pub chunks: Vec<Chunk>,
}

/// What a row group holds of a column.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunk {
    /// `None` where what describes it is encrypted or missing.
    pub meta: Option<ChunkMeta>,
    /// Whether its bytes are in another file.
    pub is_elsewhere: bool,
    pub is_encrypted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ChunkMeta {
    pub kind: i64,
    pub codec: i64,
    pub values: u64,
    pub compressed: u64,
    pub data_at: u64,
    pub dictionary_at: Option<u64>,
}

/// The head of a page.
#[derive(Debug, Default)]
pub(super) struct PageHead {
    pub kind: i64,
    pub decoded: i64,
    pub stored: i64,
    pub crc: Option<u32>,
    pub values: u64,
    pub encoding: i64,
    pub def_encoding: i64,
    pub rep_encoding: i64,
    /// Of pages of version 2: bytes of levels before the values.
    pub def_bytes: i64,
    pub rep_bytes: i64,
    pub is_plain: bool,
}

/// Reads the footer; `None` where it is damaged.
pub(super) fn footer(bytes: &[u8]) -> Option<Footer> {
    let mut footer = Footer::default();
    let mut thrift = Thrift::new(bytes, 0);
    let whole = thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (2, LIST) => thrift.each(|thrift| {
                footer.schema.push(element(thrift)?);
                (footer.schema.len() <= ELEMENTS).then_some(())
            })?,
            (4, LIST) => {
                let before = thrift.clone();
                let (kind, count) = thrift.list()?;
                if kind == STRUCT || count == 0 {
                    footer.groups_at = Some((thrift.at(), count));
                }
                *thrift = before;
                return Some(false);
            }
            _ => return Some(false),
        }
        Some(true)
    });
    // Row groups before the damage can be read all the same.
    (whole.is_some() || footer.groups_at.is_some()).then_some(footer)
}

/// The row group at an offset of the footer, and where the next begins.
pub(super) fn row_group(footer: &[u8], at: usize) -> Option<(RowGroup, usize)> {
    let mut group = RowGroup::default();
    let mut thrift = Thrift::new(footer, at);
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, LIST) => thrift.each(|thrift| {
                group.chunks.push(chunk(thrift)?);
                (group.chunks.len() <= COLUMNS).then_some(())
            })?,
            (3, _) => group.rows = u64::try_from(thrift.int(kind)?).ok()?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some((group, thrift.at()))
}

/// The head of a page, and how many bytes it takes.
pub(super) fn page_head(bytes: &[u8]) -> Option<(PageHead, usize)> {
    let mut head = PageHead::default();
    let mut thrift = Thrift::new(bytes, 0);
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, _) => head.kind = thrift.int(kind)?,
            (2, _) => head.decoded = thrift.int(kind)?,
            (3, _) => head.stored = thrift.int(kind)?,
            (4, _) => head.crc = Some(thrift.int(kind)? as u32),
            (5, STRUCT) | (7, STRUCT) => thrift.fields(|thrift, id, kind| {
                match id {
                    1 => head.values = u64::try_from(thrift.int(kind)?).ok()?,
                    2 => head.encoding = thrift.int(kind)?,
                    3 if kind > FALSE => head.def_encoding = thrift.int(kind)?,
                    4 => head.rep_encoding = thrift.int(kind)?,
                    _ => return Some(false),
                }
                Some(true)
            })?,
            (8, STRUCT) => thrift.fields(|thrift, id, kind| {
                match (id, kind) {
                    (1, _) => head.values = u64::try_from(thrift.int(kind)?).ok()?,
                    (4, _) => head.encoding = thrift.int(kind)?,
                    (5, _) => head.def_bytes = thrift.int(kind)?,
                    (6, _) => head.rep_bytes = thrift.int(kind)?,
                    (7, FALSE) => head.is_plain = true,
                    _ => return Some(false),
                }
                Some(true)
            })?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some((head, thrift.at()))
}

fn element(thrift: &mut Thrift<'_>) -> Option<Element> {
    let mut element = Element::default();
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, _) => element.kind = Some(thrift.int(kind)?),
            (2, _) => element.length = thrift.int(kind)?,
            (3, _) => element.repetition = thrift.int(kind)?,
            (4, BINARY) => element.name = String::from_utf8_lossy(thrift.binary()?).into_owned(),
            (5, _) => element.children = thrift.int(kind)?,
            (6, _) => element.converted = Some(thrift.int(kind)?),
            (7, _) => element.scale = thrift.int(kind)?,
            (10, STRUCT) => element.logical = logical(thrift)?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some(element)
}

fn logical(thrift: &mut Thrift<'_>) -> Option<Option<Logical>> {
    let mut logical = None;
    thrift.fields(|thrift, id, kind| {
        if kind != STRUCT {
            return Some(false);
        }
        logical = match id {
            1 | 4 => Some(Logical::Text),
            2 => Some(Logical::Map),
            3 => Some(Logical::List),
            6 => Some(Logical::Date),
            12 => Some(Logical::Json),
            14 => Some(Logical::Uuid),
            15 => Some(Logical::Half),
            5 => {
                let mut scale = 0;
                number(thrift, 1, &mut scale)?;
                logical = Some(Logical::Decimal(scale));
                return Some(true);
            }
            7 | 8 => {
                let (unit, adjusted) = clock(thrift)?;
                logical = unit.map(|unit| match id {
                    7 => Logical::Time(unit, adjusted),
                    _ => Logical::Timestamp(unit, adjusted),
                });
                return Some(true);
            }
            10 => {
                let mut is_signed = false;
                thrift.fields(|_, id, kind| {
                    is_signed |= (id, kind) == (2, TRUE);
                    Some(false)
                })?;
                logical = Some(if is_signed { Logical::Signed } else { Logical::Unsigned });
                return Some(true);
            }
            _ => None,
        };
        Some(false)
    })?;
    Some(logical)
}

fn number(thrift: &mut Thrift<'_>, wanted: i64, out: &mut i64) -> Option<()> {
    thrift.fields(|thrift, id, kind| {
        if id != wanted {
            return Some(false);
        }
        *out = thrift.int(kind)?;
        Some(true)
    })
}

fn clock(thrift: &mut Thrift<'_>) -> Option<(Option<Unit>, Adjusted)> {
    let (mut unit, mut adjusted) = (None, Adjusted::Local);
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, TRUE) => adjusted = Adjusted::Utc,
            (2, STRUCT) => {
                thrift.fields(|_, id, _| {
                    unit = match id {
                        1 => Some(Unit::Millis),
                        2 => Some(Unit::Micros),
                        3 => Some(Unit::Nanos),
                        _ => None,
                    };
                    Some(false)
                })?;
                return Some(true);
            }
            _ => {}
        }
        Some(false)
    })?;
    Some((unit, adjusted))
}

fn chunk(thrift: &mut Thrift<'_>) -> Option<Chunk> {
    let mut chunk = Chunk::default();
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, BINARY) => chunk.is_elsewhere = !thrift.binary()?.is_empty(),
            (3, STRUCT) => chunk.meta = Some(chunk_meta(thrift)?),
            (8, STRUCT) => {
                chunk.is_encrypted = true;
                return Some(false);
            }
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some(chunk)
}

fn chunk_meta(thrift: &mut Thrift<'_>) -> Option<ChunkMeta> {
    let mut meta = ChunkMeta::default();
    let unsigned = |thrift: &mut Thrift<'_>, kind| u64::try_from(thrift.int(kind)?).ok();
    thrift.fields(|thrift, id, kind| {
        match id {
            1 => meta.kind = thrift.int(kind)?,
            4 => meta.codec = thrift.int(kind)?,
            5 => meta.values = unsigned(thrift, kind)?,
            7 => meta.compressed = unsigned(thrift, kind)?,
            9 => meta.data_at = unsigned(thrift, kind)?,
            11 => meta.dictionary_at = Some(unsigned(thrift, kind)?),
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some(meta)
}

//! Numbers and texts of a pack, and back. What is read is untrusted: no number is believed beyond the bytes that are there.

use crate::model::stored::Fault;

/// Writes numbers in seven bits a byte, the low ones first; texts behind their length.
#[derive(Debug, Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn option(&mut self, text: Option<&str>) {
        self.flag(text.is_some());
        text.into_iter().for_each(|text| self.text(text));
    }

    pub fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| each(self, item));
    }

    /// Ascending numbers, each as the step from the one before.
    pub fn ascending(&mut self, numbers: &[u32]) {
        let mut before = 0;
        self.list(numbers, |out, &number| {
            out.number(u64::from(number - before));
            before = number;
        });
    }
}

/// A count is believed for so many places, until there are things for them.
const PLACES_MOST: usize = 4096;

/// Reads what a [`Writer`] wrote.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    rest: &'b [u8],
    /// Bytes of the whole.
    length: usize,
}

pub(super) type Read<T> = Result<T, Fault>;

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// A fault at the place that was reached.
    pub fn fault(&self, what: &str) -> Fault {
        Fault::new(format!("byte {} of its contents", self.length - self.rest.len()), what)
    }

    pub fn byte(&mut self) -> Read<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.fault("ends here"))?;
        self.rest = rest;
        Ok(byte)
    }

    pub fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.fault("neither yes nor no")),
        }
    }

    pub fn number(&mut self) -> Read<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.fault("a number of more than 64 bits"))
    }

    pub fn small(&mut self) -> Read<u32> {
        u32::try_from(self.number()?).map_err(|_| self.fault("a number of more than 32 bits"))
    }

    /// How many things of at least one byte each follow.
    pub fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.number()?).ok().filter(|count| *count <= self.rest.len());
        count.ok_or_else(|| self.fault("more than the file holds"))
    }

    pub fn bytes(&mut self) -> Read<&'b [u8]> {
        let count = self.count()?;
        let (bytes, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(bytes)
    }

    pub fn str(&mut self) -> Read<&'b str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.fault("no text"))
    }

    pub fn text(&mut self) -> Read<String> {
        self.str().map(str::to_owned)
    }

    pub fn option(&mut self) -> Read<Option<String>> {
        if self.flag()? { self.text().map(Some) } else { Ok(None) }
    }

    pub fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.count()?;
        // PERF: as many places as there are things, which a `collect` of results does not know: most lists hold one.
        let mut list = Vec::with_capacity(count.min(PLACES_MOST));
        for _ in 0..count {
            list.push(each(self)?);
        }
        Ok(list)
    }

    /// Numbers below a bound, in strict order.
    pub fn ascending(&mut self, below: usize) -> Read<Vec<u32>> {
        let count = self.count()?;
        let mut numbers = Vec::with_capacity(count);
        let mut at = 0u32;
        for n in 0..count {
            let step = self.small()?;
            let next = at.checked_add(step).filter(|next| (*next as usize) < below && (n == 0 || step > 0));
            at = next.ok_or_else(|| self.fault("numbers out of order"))?;
            numbers.push(at);
        }
        Ok(numbers)
    }

    /// One of some values, by its place among them.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> Read<T> {
        let at = self.byte()?;
        all.get(usize::from(at)).copied().ok_or_else(|| self.fault("a kind that is not known"))
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

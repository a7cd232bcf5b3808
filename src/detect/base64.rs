//! Base64 as rules use it: whole, and at the three positions a text can have inside a longer one.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0u32, |g, (i, b)| g | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// What of the encoding does not depend on the neighbours, for each of the three positions.
pub(super) fn offsets(bytes: &[u8]) -> [String; 3] {
    [0usize, 1, 2].map(|shift| {
        let mut padded = vec![b' '; shift];
        padded.extend_from_slice(bytes);
        let encoded = encode(&padded);
        let start = [0, 2, 3][shift];
        let cut = [0, 3, 2][padded.len() % 3];
        encoded.get(start..encoded.len().saturating_sub(cut)).unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!((encode(b"foob"), encode(b"fo"), encode(b"")), ("Zm9vYg==".into(), "Zm8=".into(), String::new()));
        assert_eq!(offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"].map(str::to_owned));
    }
}

//! The values of quoted tokens.

/// Appends the value of a string token (quotes included in `token`) to `out`.
///
/// With `backslash`, MySQL's escapes are resolved: `\0 \b \n \r \t \Z` are control characters, `\%` and `\_`
/// stay as they are (LIKE reads them), any other escaped character is itself.
pub(crate) fn decode_string(token: &[u8], backslash: bool, out: &mut Vec<u8>) {
    let Some((quote, inner)) = split_quotes(token) else { return };
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && backslash {
            match bytes.next() {
                Some(b'0') => out.push(0),
                Some(b'b') => out.push(8),
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b't') => out.push(b'\t'),
                Some(b'Z') => out.push(26),
                Some(like @ (b'%' | b'_')) => out.extend([b'\\', like]),
                Some(other) => out.push(other),
                None => {}
            }
        } else {
            out.push(byte);
            if byte == quote {
                // The second of a doubled quote.
                bytes.next();
            }
        }
    }
}

/// The value of a name token, quoted or not.
pub(crate) fn decode_name(token: &[u8]) -> Vec<u8> {
    match split_quotes(token) {
        None => token.to_vec(),
        Some((quote, inner)) => {
            let mut name = Vec::with_capacity(inner.len());
            let mut bytes = inner.iter().copied();
            while let Some(byte) = bytes.next() {
                name.push(byte);
                if byte == quote {
                    bytes.next();
                }
            }
            name
        }
    }
}

/// The quote and what is between the quotes; none for a token without.
fn split_quotes(token: &[u8]) -> Option<(u8, &[u8])> {
    match token {
        [quote @ (b'\'' | b'"' | b'`'), inner @ .., last] if last == quote => Some((*quote, inner)),
        _ => None,
    }
}
